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

impl ClientSession {
    /// Changes subscriptions and holder. `head` is the cursor of the newest change.
    pub fn edit(&mut self, edit: &SessionEdit, head: i64) {
        if self.subscriptions.is_empty() && !edit.add.is_empty() {
            // a session without subscriptions is due nothing from before
            self.cursor = self.cursor.max(head);
        }
        self.subscriptions
            .retain(|known| !edit.remove.contains(known));
        for new in &edit.add {
            if !self.subscriptions.contains(new) {
                self.subscriptions.push(new.clone());
            }
        }
        if let Some(holder) = &edit.holder {
            self.holder.clone_from(holder);
        }
    }

    /// Adds a choice, in place of an earlier one about the same collection.
    pub fn choose(&mut self, choice: &Choice) {
        self.choices.retain(|known| {
            (&known.sign_in, &known.collection) != (&choice.sign_in, &choice.collection)
        });
        self.choices.push(choice.clone());
    }
}

impl Choice {
    /// Whether it concerns the clients of a sign-in session. A choice without a sign-in session
    /// concerns all clients of its user.
    pub fn concerns(&self, sign_in: &str) -> bool {
        self.sign_in.is_empty() || self.sign_in == sign_in
    }
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

impl Answer {
    /// Replaces the message, whose content was deleted meanwhile, by the request to ask again.
    pub fn take_away(&mut self) {
        self.data = format!(
            "{{\"referenceId\":{},\"errorMessage\":\"{TAKEN_AWAY}\"}}",
            self.reference_id
        );
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> ClientSession {
        ClientSession {
            id: "s1".to_owned(),
            tenant_id: 1,
            user: "ann".to_owned(),
            subscriptions: Vec::new(),
            cursor: 3,
            holder: "here".to_owned(),
            sign_in: "morning".to_owned(),
            choices: Vec::new(),
        }
    }

    #[test]
    fn the_first_subscription_is_due_nothing_from_before() {
        let mut session = session();
        let add = |name: &str| SessionEdit {
            add: vec![name.to_owned(), name.to_owned()],
            ..SessionEdit::default()
        };
        session.edit(&add("/a"), 10);
        assert_eq!((session.cursor, session.subscriptions.len()), (10, 1));
        session.edit(&add("/b"), 20);
        assert_eq!((session.cursor, session.subscriptions.len()), (10, 2));
        let remove = SessionEdit {
            remove: vec!["/a".to_owned()],
            holder: Some("there".to_owned()),
            ..SessionEdit::default()
        };
        session.edit(&remove, 30);
        assert_eq!(session.subscriptions, ["/b"]);
        assert_eq!((session.cursor, session.holder.as_str()), (10, "there"));
    }

    #[test]
    fn a_later_choice_replaces_an_earlier_one_of_the_same_sign_in_session() {
        let choice = |sign_in: &str, twin| Choice {
            collection: "users".to_owned(),
            twin,
            sign_in: sign_in.to_owned(),
            at: Moment::parse("2026-03-01T09:30:00Z").unwrap(),
        };
        let mut session = session();
        for (sign_in, twin) in [("morning", true), ("", true), ("morning", false)] {
            session.choose(&choice(sign_in, twin));
        }
        assert_eq!(
            session.choices,
            [choice("", true), choice("morning", false)]
        );
        assert!(choice("", true).concerns("morning"));
        assert!(choice("morning", true).concerns("morning"));
        assert!(!choice("evening", true).concerns("morning"));
    }

    #[test]
    fn an_answer_that_was_taken_away_keeps_only_its_reference() {
        let mut answer = Answer {
            user: "ann".to_owned(),
            channel: "/c".to_owned(),
            reference_id: 7,
            data: "{\"referenceId\":7,\"name\":\"Ann\"}".to_owned(),
            as_of: 1,
        };
        answer.take_away();
        let data: serde_json::Value = serde_json::from_str(&answer.data).unwrap();
        let expected = serde_json::json!({"referenceId": 7, "errorMessage": TAKEN_AWAY});
        assert_eq!(data, expected);
    }
}
