//! The lifecycle of an action: its states in order.

use serde::Serialize;

use super::State;
use crate::domain::Moment;

/// A stored event.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Cursor of the journal entry that recorded it.
    pub seq: i64,
    /// The action.
    pub action_id: String,
    /// The state.
    pub state: State,
    /// The media type.
    pub media_type: Option<String>,
    /// The visit.
    pub session_id: Option<String>,
    /// The interaction that it led to, or the conversation if it names no interaction.
    pub reference: Option<String>,
    /// The conversation that it led to.
    pub conversation_id: Option<String>,
    /// When it happened.
    pub event_date: Moment,
    /// Whether a later copy had a different value for one of its fields.
    pub contradicted: bool,
    /// The event as JSON text.
    pub event: String,
}

/// An anomaly of a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Flag {
    /// The state.
    pub action_state: &'static str,
    /// `unexpected`: it cannot follow the state before it. `contradicted`: a later copy had a
    /// different value for one of its fields.
    pub flag: &'static str,
    /// For an unexpected state other than the first: the state before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<&'static str>,
}

/// Orders the states of one action. Also returns the anomalies, and whether the lifecycle has
/// ended.
///
/// States of the same moment are in lifecycle order, with `errored` before a state that ends the
/// lifecycle. `errored` does not count as a previous state: whatever could follow the state before
/// it can still follow.
pub fn life(mut states: Vec<Recorded>) -> (Vec<Recorded>, Vec<Flag>, bool) {
    let media_type = states.iter().find_map(|one| one.media_type.clone());
    let media_type = media_type.as_deref();
    states.sort_by_key(|one| {
        let late = match one.state {
            State::Errored => 1,
            state if state.is_terminal(media_type) => 2,
            _ => 0,
        };
        (one.event_date, late, one.state, one.seq)
    });
    let mut flags = Vec::new();
    let mut before: Option<State> = None;
    let mut over = false;
    for one in &states {
        let name = one.state.name();
        if !one.state.may_follow(before, media_type) {
            flags.push(Flag {
                action_state: name,
                flag: "unexpected",
                after: before.map(State::name),
            });
        }
        if one.contradicted {
            flags.push(Flag {
                action_state: name,
                flag: "contradicted",
                after: None,
            });
        }
        over |= one.state.is_terminal(media_type);
        if one.state != State::Errored {
            before = Some(one.state);
        }
    }
    (states, flags, over)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(media_type: &str, states: &[(State, i64)]) -> Vec<Recorded> {
        states
            .iter()
            .enumerate()
            .map(|(index, (state, micros))| Recorded {
                seq: i64::try_from(index).unwrap(),
                action_id: "a".to_owned(),
                state: *state,
                media_type: Some(media_type.to_owned()),
                session_id: None,
                reference: None,
                conversation_id: None,
                event_date: Moment::from_micros(*micros).unwrap(),
                contradicted: false,
                event: "{}".to_owned(),
            })
            .collect()
    }

    #[test]
    fn a_life_is_put_in_order_and_what_cannot_follow_is_flagged() {
        use State as S;
        let (states, flags, over) = life(recorded(
            "webchat",
            &[
                (S::Started, 3),
                (S::Offered, 1),
                (S::Completed, 9),
                (S::Accepted, 2),
                (S::Engaged, 4),
            ],
        ));
        let order: Vec<State> = states.iter().map(|one| one.state).collect();
        assert_eq!(
            order,
            [
                S::Offered,
                S::Accepted,
                S::Started,
                S::Engaged,
                S::Completed
            ]
        );
        assert!(flags.is_empty() && over, "{flags:?}");
        let (_, flags, over) = life(recorded(
            "contentoffer",
            &[
                (S::Offered, 1),
                (S::Errored, 2),
                (S::Accepted, 3),
                (S::Engaged, 4),
            ],
        ));
        assert_eq!(
            flags,
            [Flag {
                action_state: "engaged",
                flag: "unexpected",
                after: Some("accepted")
            }]
        );
        assert!(over);
        let (_, flags, over) = life(recorded("webchat", &[(S::Accepted, 1)]));
        assert_eq!(
            flags,
            [Flag {
                action_state: "accepted",
                flag: "unexpected",
                after: None
            }]
        );
        assert!(!over);
    }

    #[test]
    fn events_of_one_moment_stand_as_a_life_passes_through_them() {
        use State as S;
        let (states, flags, _) = life(recorded(
            "webchat",
            &[
                (S::Engaged, 1),
                (S::Started, 1),
                (S::Accepted, 1),
                (S::Offered, 1),
                (S::Qualified, 1),
            ],
        ));
        assert_eq!(states.first().map(|one| one.state), Some(S::Qualified));
        assert!(flags.is_empty(), "{flags:?}");
    }

    #[test]
    fn a_failure_of_the_same_moment_stands_before_the_end() {
        use State as S;
        let (states, flags, over) = life(recorded(
            "webchat",
            &[(S::Rejected, 1), (S::Errored, 1), (S::Offered, 1)],
        ));
        let order: Vec<State> = states.iter().map(|one| one.state).collect();
        assert_eq!(order, [S::Offered, S::Errored, S::Rejected]);
        assert!(flags.is_empty() && over, "{flags:?}");
    }
}
