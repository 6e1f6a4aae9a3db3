//! Clients that are notified of changes: their sessions, the spellings that they chose, and answers to their questions.

use super::Moment;

/// The session of a client that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSession {
    /// Identifier, not to be guessed.
    pub id: String,
    /// The tenant.
    pub tenant_id: i64,
    /// Whose it is.
    pub user: String,
    /// The channels and patterns subscribed to.
    pub subscriptions: Vec<String>,
    /// Everything up to this cursor has been received.
    pub cursor: i64,
    /// The server that holds it; empty when it ended.
    pub holder: String,
    /// The sign-in session in which it was opened; empty where its client keeps none.
    pub sign_in: String,
    /// The spellings that its client chose, and those that the user's clients without a sign-in
    /// session chose.
    pub choices: Vec<Choice>,
}

/// Which spelling of a collection a user's clients chose, where the published documents have two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The collection, in its usual spelling.
    pub collection: String,
    /// Whether the other spelling was chosen.
    pub twin: bool,
    /// The sign-in session of the clients that chose; empty for clients that keep none.
    pub sign_in: String,
    /// When.
    pub at: Moment,
}

/// A user's choice, to be remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewChoice {
    /// The user.
    pub user: String,
    /// The sign-in session; empty where the client keeps none.
    pub sign_in: String,
    /// The collection, in its usual spelling.
    pub collection: String,
    /// Whether the other spelling is chosen.
    pub twin: bool,
}

/// How long a choice is remembered after it was made last, in microseconds: 30 days.
pub const CHOICE_KEPT: i64 = 30 * 24 * 3600 * 1_000_000;

/// The choice for a collection that was made in a sign-in session.
pub fn chosen<'c>(choices: &'c [Choice], sign_in: &str, collection: &str) -> Option<&'c Choice> {
    choices
        .iter()
        .find(|choice| choice.sign_in == sign_in && choice.collection == collection)
}

/// A message for all sessions of a user, in answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The user.
    pub user: String,
    /// The channel it goes out on.
    pub channel: String,
    /// What the question was told to look for.
    pub reference_id: i64,
    /// The message, as JSON text.
    pub data: String,
    /// It rests on the store as it was at this cursor, or later.
    pub as_of: i64,
}

/// Why an answer says nothing any more.
pub const TAKEN_AWAY: &str = "history was taken away meanwhile, ask again";

/// A change of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionEdit {
    /// Which session.
    pub id: String,
    /// Subscriptions that come to it.
    pub add: Vec<String>,
    /// Subscriptions that go.
    pub remove: Vec<String>,
    /// The server that holds it from now on; empty to end it.
    pub holder: Option<String>,
}
