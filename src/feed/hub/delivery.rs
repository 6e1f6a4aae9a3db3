//! Delivers messages to a session: on which channel, and in which spelling.

use std::sync::Arc;

use super::session::State;
use crate::domain::client::chosen;
use crate::feed::{Message, Twin};

/// A message for one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The message.
    pub message: Arc<Message>,
    /// The spelling of its channel, if that has two.
    channel: usize,
    /// The spelling of the names in its data.
    names: usize,
}

impl Delivery {
    /// The channel, as the client subscribed to it.
    pub fn channel(&self) -> &str {
        match self.message.twin {
            Some(twin) => twin.channel[self.channel],
            None => &self.message.channel,
        }
    }

    /// The text that replaces [`COLLECTION`](crate::feed::COLLECTION) in the data.
    pub fn collection(&self) -> &'static str {
        self.message
            .twin
            .map_or("", |twin| twin.collection[self.names])
    }

    /// The text that replaces [`KEY`](crate::feed::KEY) in the data.
    pub fn key(&self) -> &'static str {
        self.message.twin.map_or("", |twin| twin.key[self.names])
    }
}

impl State {
    /// How to deliver a message to this session; `None` if it has no subscription to the channel.
    pub fn delivery(&self, message: &Arc<Message>) -> Option<Delivery> {
        let (channel, names) = match message.twin {
            None => self.wants(&message.channel).then_some((0, 0))?,
            Some(twin) => {
                let names = self.spelling(twin);
                // a client may ask in one spelling and subscribe in the other
                let mut channels = [names, 1 - names].into_iter();
                (channels.find(|of| self.wants(twin.channel[*of]))?, names)
            }
        };
        Some(Delivery {
            message: Arc::clone(message),
            channel,
            names,
        })
    }

    /// The spelling for the client: the one it used in its sign-in session; else the one it
    /// subscribed with, if that is unambiguous; else the one used by the user's clients without a
    /// sign-in session.
    fn spelling(&self, twin: &Twin) -> usize {
        let asked = |sign_in: &str| {
            let choice = chosen(&self.choices, sign_in, twin.collection[0])?;
            Some(usize::from(choice.twin))
        };
        let subscribed = || {
            let exact = |of: usize| {
                self.patterns
                    .iter()
                    .any(|one| one.as_str() == twin.channel[of])
            };
            match (exact(0), exact(1)) {
                (true, false) => Some(0),
                (false, true) => Some(1),
                _ => None,
            }
        };
        let in_session = if self.sign_in.is_empty() {
            None
        } else {
            asked(&self.sign_in)
        };
        in_session
            .or_else(subscribed)
            .or_else(|| asked(""))
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Moment;
    use crate::domain::client::{Choice, ClientSession};
    use crate::feed::hub::session::Session;

    static TWIN: Twin = Twin {
        collection: ["things", "tings"],
        key: ["thing", "ting"],
        channel: ["/things", "/tings"],
    };

    /// The channel, collection and key for a client with these subscriptions and choices. Each
    /// choice has its sign-in session.
    fn spelled(subscriptions: &[&str], choices: &[(&str, bool)]) -> Option<[&'static str; 3]> {
        let session = Session::new(&ClientSession {
            id: "s".to_owned(),
            tenant_id: 1,
            user: "u".to_owned(),
            subscriptions: subscriptions.iter().map(|one| (*one).to_owned()).collect(),
            cursor: 0,
            holder: String::new(),
            sign_in: "mine".to_owned(),
            choices: choices
                .iter()
                .map(|(sign_in, twin)| Choice {
                    collection: "things".to_owned(),
                    twin: *twin,
                    sign_in: (*sign_in).to_owned(),
                    at: Moment::from_micros(0).unwrap(),
                })
                .collect(),
        });
        let message = Arc::new(Message {
            cursor: 1,
            user: None,
            is_answer: false,
            channel: "/things".to_owned(),
            twin: Some(&TWIN),
            data: "{}".to_owned(),
        });
        let delivery = session.state().delivery(&message)?;
        let channel = TWIN.channel.iter().find(|one| **one == delivery.channel());
        Some([*channel.unwrap(), delivery.collection(), delivery.key()])
    }

    #[test]
    fn a_message_comes_in_the_spelling_that_the_client_chose_on_a_channel_that_it_subscribed_to() {
        let usual = Some(["/things", "things", "thing"]);
        let twin = Some(["/tings", "tings", "ting"]);
        for (subscriptions, choices, wanted) in [
            (&["/**"][..], &[][..], usual),
            (&["/tings"], &[], twin),
            (&["/things"], &[], usual),
            (&["/other"], &[("mine", true)], None),
            // both channels: ambiguous
            (&["/things", "/tings"], &[], usual),
            (&["/things", "/tings"], &[("mine", true)], twin),
            (&["/**"], &[("mine", true)], twin),
            (&["/**"], &[("", true)], twin),
            (&["/**"], &[("", true), ("mine", false)], usual),
            // choices of clients without a sign-in session do not affect one whose subscription is
            // unambiguous
            (&["/things"], &[("", true)], usual),
            (&["/tings"], &[("", false)], twin),
            // asked in one spelling, subscribed in the other
            (
                &["/things"],
                &[("mine", true)],
                Some(["/things", "tings", "ting"]),
            ),
            (
                &["/tings"],
                &[("mine", false)],
                Some(["/tings", "things", "thing"]),
            ),
        ] {
            assert_eq!(
                spelled(subscriptions, choices),
                wanted,
                "{subscriptions:?} {choices:?}"
            );
        }
    }
}
