//! The published states, and which may follow which.

use super::CONTENT_OFFER;

/// A state of an action; all 14 published ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// The visit qualified for an action map.
    Qualified,
    /// It qualified outside the hours of the schedule.
    QualifiedOutsideSchedule,
    /// It qualified, but the limit on offers was reached.
    FrequencyCapReached,
    /// The offer is shown.
    Offered,
    /// It would have been offered, but outside the hours of the schedule.
    OfferedOutsideSchedule,
    /// The visitor accepted.
    Accepted,
    /// A chat began.
    Started,
    /// An agent takes part.
    Engaged,
    /// The visitor declined.
    Rejected,
    /// The visitor moved on without answering.
    Ignored,
    /// The invitation was withdrawn.
    TimedOut,
    /// The chat ended before an agent took part.
    Abandoned,
    /// The chat ended.
    Completed,
    /// The widget failed.
    Errored,
}

impl State {
    /// Every state with its name in the API, in lifecycle order.
    pub const ALL: [(Self, &'static str); 14] = [
        (Self::Qualified, "qualified"),
        (Self::QualifiedOutsideSchedule, "qualifiedOutsideSchedule"),
        (Self::FrequencyCapReached, "frequencyCapReached"),
        (Self::Offered, "offered"),
        (Self::OfferedOutsideSchedule, "offeredOutsideSchedule"),
        (Self::Accepted, "accepted"),
        (Self::Started, "started"),
        (Self::Engaged, "engaged"),
        (Self::Rejected, "rejected"),
        (Self::Ignored, "ignored"),
        (Self::TimedOut, "timedout"),
        (Self::Abandoned, "abandoned"),
        (Self::Completed, "completed"),
        (Self::Errored, "errored"),
    ];

    /// The name in the API and in the store.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(state, _)| *state == self)
            .map_or("", |(_, name)| name)
    }

    /// How the published pages print `timedout`.
    const TIMED_OUT: &str = "timed out";

    /// Every name that [`State::of_name`] reads.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let names = Self::ALL.into_iter().map(|(_, name)| name);
        names.chain([Self::TIMED_OUT])
    }

    /// The state of a name. The published pages print `timed out`, the API has `timedout`.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = if name == Self::TIMED_OUT {
            Self::TimedOut.name()
        } else {
            name
        };
        Self::ALL
            .iter()
            .find(|(_, other)| *other == name)
            .map(|(state, _)| *state)
    }

    /// Whether the state ends the lifecycle of an action of this media type.
    pub fn is_terminal(self, media_type: Option<&str>) -> bool {
        match self {
            Self::Accepted => media_type == Some(CONTENT_OFFER),
            Self::Rejected
            | Self::Ignored
            | Self::TimedOut
            | Self::Abandoned
            | Self::Completed
            | Self::FrequencyCapReached
            | Self::OfferedOutsideSchedule => true,
            Self::Qualified
            | Self::QualifiedOutsideSchedule
            | Self::Offered
            | Self::Started
            | Self::Engaged
            | Self::Errored => false,
        }
    }

    /// Whether this state can follow `before` in the lifecycle of an action of this media type;
    /// with `None`, whether it can be the first.
    pub fn may_follow(self, before: Option<Self>, media_type: Option<&str>) -> bool {
        use State as S;
        // a widget can fail at any time before the end
        if self == S::Errored {
            return before.is_none_or(|before| !before.is_terminal(media_type));
        }
        let offer_only = media_type == Some(CONTENT_OFFER);
        let next: &[State] = match before {
            None => &[
                S::Qualified,
                S::QualifiedOutsideSchedule,
                S::FrequencyCapReached,
                S::Offered,
                S::OfferedOutsideSchedule,
            ],
            Some(S::Qualified) => &[
                S::FrequencyCapReached,
                S::Offered,
                S::OfferedOutsideSchedule,
            ],
            Some(S::QualifiedOutsideSchedule) => &[S::OfferedOutsideSchedule],
            Some(S::Offered) if offer_only => &[S::Accepted, S::Rejected, S::Ignored],
            Some(S::Offered) => &[S::Accepted, S::Rejected, S::Ignored, S::TimedOut],
            // the visitor can cancel the form before the chat
            Some(S::Accepted) if !offer_only => &[S::Started, S::Rejected, S::Abandoned],
            Some(S::Started) => &[S::Engaged, S::Abandoned, S::Completed],
            Some(S::Engaged) => &[S::Completed, S::Abandoned],
            Some(_) => &[],
        };
        next.contains(&self)
    }
}
