//! Deliveries, and when they are attempted.

use super::SECOND;
use crate::domain::Moment;
use crate::domain::change::Change;

/// The longest wait between two attempts, in microseconds.
const LONGEST_WAIT: i64 = 3600 * SECOND;
/// A delivery not attempted for this long, in microseconds, gets another attempt before it becomes
/// a dead letter.
pub const LONG_AGO: i64 = 2 * LONGEST_WAIT;
/// How long a delivery is retried, in microseconds: three days.
pub const GIVE_UP: i64 = 3 * 24 * 3600 * SECOND;

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It waits for an attempt.
    Waiting,
    /// The receiver accepted it.
    Delivered,
    /// A dead letter: no further attempt is made.
    Dead,
}

impl DeliveryState {
    /// Every state with its name and its number in the store.
    pub const ALL: [(Self, &'static str, i64); 3] = [
        (Self::Waiting, "waiting", 0),
        (Self::Delivered, "delivered", 1),
        (Self::Dead, "dead", 2),
    ];

    /// The name in the API.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(state, ..)| *state == self)
            .map_or("", |(_, name, _)| name)
    }

    /// The number in the store.
    pub fn code(self) -> i64 {
        Self::ALL
            .iter()
            .find(|(state, ..)| *state == self)
            .map_or(0, |(.., code)| *code)
    }

    /// The state with a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, other, _)| *other == name)
            .map(|(state, ..)| *state)
    }

    /// The state with a number in the store.
    pub fn of_code(code: i64) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(.., other)| *other == code)
            .map(|(state, ..)| *state)
    }
}

/// The delivery of a change to a webhook. It refers to the change and does not hold it, so that an
/// erased change is sent as erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The journal entry.
    pub cursor: i64,
    /// Its kind.
    pub kind: String,
    /// The subject of the change. Deliveries about one subject are sent in order.
    pub subject: String,
    /// The state.
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: i64,
    /// When it was added to the backlog.
    pub queued_date: Moment,
    /// When the last attempt was made.
    pub attempt_date: Option<Moment>,
    /// When the next attempt is due; `None` while another delivery about its subject is ahead.
    pub next_date: Option<Moment>,
    /// The HTTP status of the last attempt.
    pub status: Option<i64>,
    /// Why the last attempt failed, in words of the server or the transport. Never the receiver's
    /// answer, which may hold personal data.
    pub error: Option<String>,
}

impl Delivery {
    /// A new delivery of a change, waiting for its first attempt.
    pub fn new(change: &Change, now: Moment) -> Self {
        Self {
            cursor: change.cursor,
            kind: change.kind.clone(),
            subject: subject(change),
            state: DeliveryState::Waiting,
            attempts: 0,
            queued_date: now,
            attempt_date: None,
            next_date: None,
            status: None,
            error: None,
        }
    }
}

/// The subject of a change: an interaction, a web action, or a contact.
pub fn subject(change: &Change) -> String {
    let named = [
        ("interactionId", &change.interaction_id),
        ("actionId", &change.action_id),
        ("contactId", &change.contact_id),
    ];
    named
        .into_iter()
        .find_map(|(what, id)| id.as_ref().map(|id| format!("{what}:{id}")))
        .unwrap_or_default()
}

/// The kind of identifier in a subject, and the identifier.
pub fn subject_parts(subject: &str) -> (&str, &str) {
    subject.split_once(':').unwrap_or(("", subject))
}

/// The identifier of a delivery, the same for each attempt, so that the receiver can detect
/// duplicates.
pub fn message_id(webhook_id: &str, cursor: i64) -> String {
    format!("msg_{webhook_id}_{cursor}")
}

/// Microseconds until the next attempt after a number of failed ones: 1, 2, 4, 8 s and so on up to
/// an hour, varied by up to a fifth by `dice` from 0 to 1.
pub fn wait(attempts: i64, dice: f64) -> i64 {
    let doublings = u32::try_from(attempts.clamp(1, 32) - 1).unwrap_or(0);
    let plain = SECOND.saturating_mul(1_i64 << doublings).min(LONGEST_WAIT);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "an hour of microseconds is far below what a f64 counts"
    )]
    let moved = (plain as f64 * (0.8 + 0.4 * dice.clamp(0.0, 1.0))) as i64;
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour_and_are_a_fifth_more_or_less() {
        let plain: Vec<i64> = (1..=14).map(|n| wait(n, 0.5) / SECOND).collect();
        assert_eq!(
            plain,
            [
                1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600
            ]
        );
        assert_eq!((wait(1, 0.0), wait(1, 1.0)), (800_000, 1_200_000));
        assert_eq!(wait(i64::MAX, 0.5), LONGEST_WAIT);
    }
}
