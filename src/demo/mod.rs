//! A believable contact centre to look at, with returning customers in eight time zones and six
//! languages.
//!
//! The same [`Plan`] gives the same history on every machine, down to the identifiers. `timeline`
//! decides when customers come, `people` decides who comes, `episode` decides what happens until
//! the matter is closed, and `desk` sorts the events by time. [`fill`] then hands them to the
//! writer as the servers and desktops of a contact centre would, each change with the time at which
//! it happened.
//!
//! Filling a store again with the same plan writes nothing: interactions and contacts already
//! exist, and each change names the revision that it expects. For the same reason, an interrupted
//! run can be completed by starting it again.

mod countries;
mod desk;
mod dice;
mod episode;
mod people;
mod staff;
mod timeline;
mod words;

use std::collections::VecDeque;

use crate::domain::command::{Command, Outcome, Submission};
use crate::domain::{Moment, Refusal};
use crate::store::StoreError;
use crate::store::writer::{Answer, Writer};
use desk::{Desk, Event};
use dice::Dice;
use people::People;
use timeline::{Arrival, Timeline};

/// The maximum number of pending answers.
const IN_FLIGHT: usize = 2_000;

/// What to fill a store with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The exact number of interactions.
    pub interactions: u64,
    /// The seed. Another seed gives another history.
    pub seed: u64,
    /// The end of history. Everything happened before it.
    pub until: Moment,
    /// The tenant to fill.
    pub tenant: i64,
}

/// The result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Interactions written.
    pub created: u64,
    /// Interactions that already existed.
    pub already_there: u64,
    /// Contacts in the history.
    pub contacts: u64,
    /// Changes of interactions written: `UserData`, attributes, stops.
    pub changes: u64,
}

/// The history of a plan, event by event in chronological order.
struct History {
    interactions: u64,
    desk: Desk,
    timeline: Timeline,
    people: People,
    arrivals: Dice,
    next: Option<Arrival>,
}

impl History {
    fn new(plan: &Plan) -> Self {
        let mut timeline = Timeline::new(plan.seed, plan.until, plan.interactions);
        let mut arrivals = Dice::new(plan.seed, 3);
        let next =
            (plan.interactions > 0).then(|| timeline.arrival(0, plan.interactions, &mut arrivals));
        Self {
            interactions: plan.interactions,
            desk: Desk::new(plan.seed, plan.interactions, plan.until),
            people: People::new(plan.seed, plan.interactions),
            timeline,
            arrivals,
            next,
        }
    }

    fn arrive(&mut self, arrival: &Arrival) {
        let Arrival { at, country, open } = *arrival;
        let all = self.interactions;
        let done = all - self.desk.left();
        let (who, first) = self
            .people
            .comes(country, at, (done, all), &mut self.arrivals);
        if first {
            self.desk.contact(at, &who.id, who.attributes());
        }
        episode::happen(&mut self.desk, &who, at, open);
        let done = all - self.desk.left();
        self.next = (done < all).then(|| self.timeline.arrival(done, all, &mut self.arrivals));
    }
}

impl Iterator for History {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        while let Some(arrival) = self
            .next
            .take_if(|arrival| self.desk.next_at().is_none_or(|event| arrival.at <= event))
        {
            self.arrive(&arrival);
        }
        self.desk.take()
    }
}

/// The commands that [`fill`] hands to the writer, in chronological order.
pub fn submissions(plan: &Plan) -> impl Iterator<Item = Submission> {
    let tenant = plan.tenant;
    History::new(plan).map(move |event| event.submission(tenant))
}

impl Event {
    fn submission(self, tenant: i64) -> Submission {
        Submission {
            tenant,
            actor: self.actor,
            at: Some(self.at),
            repeatable: None,
            command: self.command,
        }
    }
}

/// Fills a store. `progress` periodically receives the number of durable interactions.
///
/// # Errors
/// When the store fails. The only refusal that can occur is for a change that was already made; any
/// other is a bug in this module.
pub async fn fill(
    writer: &Writer,
    plan: &Plan,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Summary, StoreError> {
    let mut summary = Summary::default();
    let mut history = History::new(plan);
    let mut under_way = VecDeque::with_capacity(IN_FLIGHT);
    for event in &mut history {
        if under_way.len() >= IN_FLIGHT {
            // wait for half of them, so that the writer always has a queue to form groups from
            for answer in under_way.drain(..IN_FLIGHT / 2) {
                settle(answer, &mut summary).await?;
            }
            progress(summary.created + summary.already_there);
        }
        let is_change = !matches!(
            event.command,
            Command::Record(_) | Command::Engage(_) | Command::CreateContact { .. }
        );
        let submission = event.submission(plan.tenant);
        under_way.push_back((writer.enqueue_waiting(submission).await?, is_change));
    }
    for answer in under_way {
        settle(answer, &mut summary).await?;
    }
    summary.contacts = history.people.known();
    progress(summary.created + summary.already_there);
    Ok(summary)
}

async fn settle(
    (answer, is_change): (Answer, bool),
    summary: &mut Summary,
) -> Result<(), StoreError> {
    match answer.wait().await {
        Ok(Outcome::Recorded { created: true, .. }) => summary.created += 1,
        Ok(Outcome::Recorded { .. }) => summary.already_there += 1,
        Ok(_) if is_change => summary.changes += 1,
        Ok(_) => {}
        // the change was made in an earlier run
        Err(StoreError::Refused(Refusal::Stale(_))) if is_change && summary.already_there > 0 => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
