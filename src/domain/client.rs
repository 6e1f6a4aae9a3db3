//! Clients that are notified of changes: their sessions, their chosen spellings, and answers to
//! their questions.

use super::Moment;

/// The session of a notified client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSession {
    /// Identifier, which cannot be guessed.
    pub id: String,
    /// The tenant.
    pub tenant_id: i64,
    /// The user.
    pub user: String,
    /// The subscribed channels and patterns.
    pub subscriptions: Vec<String>,
    /// The client has received everything up to this cursor.
    pub cursor: i64,
    /// The server that holds it; empty once it has ended.
    pub holder: String,
    /// The sign-in session in which it was opened; empty if the client has none.
    pub sign_in: String,
    /// The spellings chosen by its client, and those chosen by the user's clients without a sign-in
    /// session.
    pub choices: Vec<Choice>,
}

/// The spelling of a collection that a user's clients chose, where the published documents have
/// two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The collection, in its usual spelling.
    pub collection: String,
    /// Whether the other spelling was chosen.
    pub twin: bool,
    /// The sign-in session of the clients that chose; empty for clients without one.
    pub sign_in: String,
    /// When it was chosen.
    pub at: Moment,
}

/// A user's choice of spelling, to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewChoice {
    /// The user.
    pub user: String,
    /// The sign-in session; empty if the client has none.
    pub sign_in: String,
    /// The collection, in its usual spelling.
    pub collection: String,
    /// Whether the other spelling is chosen.
    pub twin: bool,
}

/// How long a choice is kept after it was last made, in microseconds: 30 days.
pub const CHOICE_KEPT: i64 = 30 * 24 * 3600 * 1_000_000;

/// The choice for a collection in a sign-in session.
pub fn chosen<'c>(choices: &'c [Choice], sign_in: &str, collection: &str) -> Option<&'c Choice> {
    choices
        .iter()
        .find(|choice| choice.sign_in == sign_in && choice.collection == collection)
}

/// An answer to a question: a message for all sessions of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The user.
    pub user: String,
    /// The channel of the message.
    pub channel: String,
    /// The identifier by which the client matches the answer to its question.
    pub reference_id: i64,
    /// The message, as JSON text.
    pub data: String,
    /// The answer reflects the store at this cursor or later.
    pub as_of: i64,
}

/// The text of an answer whose data was deleted meanwhile.
pub const TAKEN_AWAY: &str = "history was deleted meanwhile, ask again";

/// A change of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionEdit {
    /// The session.
    pub id: String,
    /// Subscriptions to add.
    pub add: Vec<String>,
    /// Subscriptions to remove.
    pub remove: Vec<String>,
    /// The server that holds it from now on; empty to end it.
    pub holder: Option<String>,
}
