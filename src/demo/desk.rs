//! Collects the events of all episodes and returns them in chronological order.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::dice::Dice;
use crate::domain::command::Command;
use crate::domain::contact::GivenAttributes;
use crate::domain::id::Ids;
use crate::domain::interaction::{InteractionPatch, NewInteraction};
use crate::domain::user_data::{Document, Edit};
use crate::domain::{Moment, Requirement};

/// A second in microseconds.
pub const SECOND: i64 = 1_000_000;
/// A minute in microseconds.
pub const MINUTE: i64 = 60 * SECOND;
/// An hour in microseconds.
pub const HOUR: i64 = 60 * MINUTE;

/// Something that happens: one command.
pub struct Event {
    /// When.
    pub at: Moment,
    /// Who does it.
    pub actor: Arc<str>,
    /// What.
    pub command: Command,
}

/// An open interaction.
pub struct Live {
    /// Its identifier.
    pub id: String,
    /// When it last changed.
    pub last: Moment,
    /// The revision that the next change expects.
    revision: i64,
}

/// The scheduled events, in chronological order.
pub struct Desk {
    /// The source of randomness.
    pub dice: Dice,
    ids: Ids,
    events: BTreeMap<(Moment, u64), (Arc<str>, Command)>,
    laid: u64,
    left: u64,
    end: Moment,
    reached: Moment,
}

impl Desk {
    /// An empty desk for this number of interactions, all before `end`.
    pub fn new(seed: u64, interactions: u64, end: Moment) -> Self {
        Self {
            dice: Dice::new(seed, 1),
            ids: Ids::new(Box::new(Dice::new(seed, 2).inner().clone())),
            events: BTreeMap::new(),
            laid: 0,
            left: interactions,
            end,
            reached: Moment::new(chrono::DateTime::UNIX_EPOCH),
        }
    }

    /// The number of interactions that may still be recorded.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The time of the next scheduled event.
    pub fn next_at(&self) -> Option<Moment> {
        self.events.keys().next().map(|(at, _)| *at)
    }

    /// Takes the next event. Its time is after the one before.
    pub fn take(&mut self) -> Option<Event> {
        let ((at, _), (actor, command)) = self.events.pop_first()?;
        self.reached = at.max(self.reached.just_after());
        Some(Event {
            at: self.reached,
            actor,
            command,
        })
    }

    /// The moment `micros` after another. If that is past the end of history, the midpoint between
    /// the two.
    pub fn after(&self, earlier: Moment, micros: i64) -> Moment {
        let later = earlier.plus_micros(micros);
        if later < self.end {
            later
        } else {
            earlier.plus_micros((self.end.micros() - earlier.micros()) / 2)
        }
    }

    /// Creates a contact.
    pub fn contact(&mut self, at: Moment, id: &str, attributes: GivenAttributes) {
        let command = Command::CreateContact {
            id: Some(id.to_owned()),
            attributes,
        };
        self.lay(at, "contact-server", command);
    }

    /// Records an interaction, unless there are enough.
    pub fn record(&mut self, at: Moment, actor: &str, mut new: NewInteraction) -> Option<Live> {
        let live = self.begin(at, &mut new)?;
        self.lay(at, actor, Command::Record(Box::new(new)));
        Some(live)
    }

    /// Creates a conversation from a web engagement, unless there are enough interactions.
    pub fn engage(
        &mut self,
        at: Moment,
        actor: &str,
        parent: &Live,
        copy: Option<&str>,
        mut child: NewInteraction,
    ) -> Option<Live> {
        let live = self.begin(at, &mut child)?;
        child.thread_id = None;
        child.parent_id = Some(parent.id.clone());
        child.copy_user_data = copy.map(str::to_owned);
        self.lay(at, actor, Command::Engage(Box::new(child)));
        Some(live)
    }

    fn begin(&mut self, at: Moment, new: &mut NewInteraction) -> Option<Live> {
        self.left = self.left.checked_sub(1)?;
        let id = self.ids.next(at);
        new.id = Some(id.clone());
        if new.parent_id.is_none() && new.thread_id.is_none() {
            new.thread_id = Some(self.ids.next(at));
        }
        Some(Live {
            id,
            last: at,
            revision: 1,
        })
    }

    /// Attaches keys.
    pub fn attach(&mut self, at: Moment, actor: &str, live: &mut Live, keys: Document) {
        let edit = Edit {
            attach: keys.into(),
            ..Edit::default()
        };
        self.edit(at, actor, live, edit);
    }

    /// Changes `UserData`.
    pub fn edit(&mut self, at: Moment, actor: &str, live: &mut Live, edit: Edit) {
        self.change(at, actor, live, |id, revision| Command::EditUserData {
            id,
            edit: Box::new(edit),
            requires: Requirement::revision(Some(revision)),
        });
    }

    /// Changes core attributes.
    pub fn patch(&mut self, at: Moment, actor: &str, live: &mut Live, patch: InteractionPatch) {
        self.change(at, actor, live, |id, revision| Command::Change {
            id,
            patch: Box::new(patch),
            requires: Requirement::revision(Some(revision)),
        });
    }

    /// Stops the interaction.
    pub fn stop(&mut self, at: Moment, actor: &str, live: &mut Live, reason: Option<&str>) {
        let end = at.max(live.last.plus_micros(1000));
        let reason = reason.map(str::to_owned);
        self.change(at, actor, live, |id, revision| Command::Stop {
            id,
            reason,
            end: Some(end),
            requires: Requirement::revision(Some(revision)),
        });
    }

    /// Schedules a change. It expects a certain revision, so that a change that was already made is
    /// refused, not repeated. Changes after the end of history are dropped.
    fn change(
        &mut self,
        at: Moment,
        actor: &str,
        live: &mut Live,
        command: impl FnOnce(String, i64) -> Command,
    ) {
        let at = at.max(live.last.plus_micros(1000));
        if at >= self.end {
            return;
        }
        let command = command(live.id.clone(), live.revision);
        live.last = at;
        live.revision += 1;
        self.lay(at, actor, command);
    }

    fn lay(&mut self, at: Moment, actor: &str, command: Command) {
        self.laid += 1;
        self.events
            .insert((at, self.laid), (Arc::from(actor), command));
    }
}
