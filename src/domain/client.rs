//! Clients that are told of changes: their sessions, and answers to their questions.

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
