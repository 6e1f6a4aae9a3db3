//! Collects the events of all episodes and returns them in the order of time.

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

/// Something that happens.
pub struct Event {
    /// When.
    pub at: Moment,
    /// Who does it.
    pub actor: Arc<str>,
    /// What.
    pub command: Command,
}

/// An interaction under way.
pub struct Live {
    /// Its identifier.
    pub id: String,
    /// When it last changed.
    pub last: Moment,
    /// The revision that the next change finds.
    revision: i64,
}

/// What is to happen, in the order of time.
pub struct Desk {
    /// Chance.
    pub dice: Dice,
    ids: Ids,
    events: BTreeMap<(Moment, u64), (Arc<str>, Command)>,
    laid: u64,
    left: u64,
    end: Moment,
    reached: Moment,
}

impl Desk {
    /// An empty desk for so many interactions, all before `end`.
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

    /// How many interactions may still be recorded.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// When the next thing happens that was laid down.
    pub fn next_at(&self) -> Option<Moment> {
        self.events.keys().next().map(|(at, _)| *at)
    }

    /// Takes the next thing; each is later than the one before.
    pub fn take(&mut self) -> Option<Event> {
        let ((at, _), (actor, command)) = self.events.pop_first()?;
        self.reached = at.max(self.reached.just_after());
        Some(Event {
            at: self.reached,
            actor,
            command,
        })
    }

    /// A moment `micros` after another, or on the way there if that is past the end of history.
    pub fn after(&self, earlier: Moment, micros: i64) -> Moment {
        let later = earlier.plus_micros(micros);
        if later < self.end {
            later
        } else {
            earlier.plus_micros((self.end.micros() - earlier.micros()) / 2)
        }
    }

    /// A contact comes to be.
    pub fn contact(&mut self, at: Moment, id: &str, attributes: GivenAttributes) {
        let command = Command::CreateContact {
            id: Some(id.to_owned()),
            attributes,
        };
        self.lay(at, "contact-server", command);
    }

    /// An interaction is recorded, unless there are enough of them.
    pub fn record(&mut self, at: Moment, actor: &str, mut new: NewInteraction) -> Option<Live> {
        let live = self.begin(at, &mut new)?;
        self.lay(at, actor, Command::Record(Box::new(new)));
        Some(live)
    }

    /// A web engagement leads to a conversation, unless there are enough interactions.
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

    /// Keys are attached.
    pub fn attach(&mut self, at: Moment, actor: &str, live: &mut Live, keys: Document) {
        let edit = Edit {
            attach: keys.into(),
            ..Edit::default()
        };
        self.edit(at, actor, live, edit);
    }

    /// `UserData` is changed.
    pub fn edit(&mut self, at: Moment, actor: &str, live: &mut Live, edit: Edit) {
        self.change(at, actor, live, |id, revision| Command::EditUserData {
            id,
            edit: Box::new(edit),
            requires: Requirement::revision(Some(revision)),
        });
    }

    /// Core attributes are changed.
    pub fn patch(&mut self, at: Moment, actor: &str, live: &mut Live, patch: InteractionPatch) {
        self.change(at, actor, live, |id, revision| Command::Change {
            id,
            patch: Box::new(patch),
            requires: Requirement::revision(Some(revision)),
        });
    }

    /// The interaction is over.
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

    /// A change names the revision that it finds, so that one made before is refused instead of made again.
    /// What would happen after the end of history does not happen.
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
