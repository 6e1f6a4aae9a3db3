//! What a command requires of the interaction that it changes.
//!
//! The writer checks a requirement against the interaction as it is when the command is applied. A
//! read before the command is not enough: the owner may change between the read and the write.

use super::Refusal;
use super::interaction::{Interaction, Status};

/// What must hold for a command to be applied. The default requires nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirement {
    /// The revision that the interaction must have (`If-Match`).
    pub revision: Option<i64>,
    /// The user that must own it. An interaction without an owner belongs to every user.
    pub owner: Option<String>,
    /// The media types that it may have; empty allows every one.
    pub media_types: Vec<String>,
    /// The statuses that it may have; empty allows every one.
    pub statuses: &'static [Status],
}

/// A part of a [`Requirement`] that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// The interaction belongs to another user.
    Owner,
    /// The interaction has another media type.
    MediaType,
    /// The interaction has another status.
    Status,
}

/// Every status but `Stopped`.
pub const OPEN: &[Status] = &[Status::New, Status::Pending, Status::InProcess];

impl Requirement {
    /// Requires a revision, if one is given.
    pub fn revision(revision: Option<i64>) -> Self {
        Self {
            revision,
            ..Self::default()
        }
    }

    /// Requires a media type.
    pub fn media_type(name: &str) -> Self {
        Self {
            media_types: vec![name.to_owned()],
            ..Self::default()
        }
    }

    /// Checks an interaction. The owner is checked first, so that a user learns nothing about
    /// another user's interaction.
    ///
    /// # Errors
    /// [`Refusal::Unmet`] or [`Refusal::Stale`].
    pub fn check(&self, of: &Interaction) -> Result<(), Refusal> {
        let unmet = |what| Err(Refusal::Unmet(of.id.clone(), what));
        let foreign = |owner: &String| of.owner_id.as_ref().is_some_and(|other| other != owner);
        if self.owner.as_ref().is_some_and(foreign) {
            return unmet(Unmet::Owner);
        }
        if !self.media_types.is_empty() && !self.media_types.contains(&of.media_type) {
            return unmet(Unmet::MediaType);
        }
        if !self.statuses.is_empty() && !self.statuses.contains(&of.status) {
            return unmet(Unmet::Status);
        }
        want_revision("interaction", of.revision, self.revision)
    }
}

/// Refuses another revision than the one wanted, if one is; `what` is an interaction or a contact.
///
/// # Errors
/// [`Refusal::Stale`].
pub fn want_revision(what: &str, revision: i64, wanted: Option<i64>) -> Result<(), Refusal> {
    match wanted {
        Some(wanted) if wanted != revision => Err(Refusal::Stale(format!(
            "the {what} is at revision {revision}, not {wanted}"
        ))),
        _ => Ok(()),
    }
}

impl std::fmt::Display for Unmet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Owner => "belongs to another user",
            Self::MediaType => "has another media type than this operation needs",
            Self::Status => "is in a state that does not allow this operation",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Moment;
    use crate::domain::interaction::NewInteraction;

    fn chat(owner: Option<&str>, status: Status) -> Interaction {
        let new = NewInteraction {
            media_type: "chat".to_owned(),
            status: Some(status),
            owner_id: owner.map(str::to_owned),
            ..NewInteraction::default()
        };
        let at = Moment::from_micros(0).unwrap();
        let (chat, _) = new.recorded(1, at, "c".to_owned(), "t".to_owned(), None);
        Interaction {
            revision: 3,
            ..chat
        }
    }

    fn unmet(requirement: &Requirement, of: &Interaction) -> Option<Unmet> {
        match requirement.check(of) {
            Ok(()) => None,
            Err(Refusal::Unmet(id, what)) if id == of.id => Some(what),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_required_holds_of_everything() {
        let of = chat(Some("bob"), Status::Stopped);
        assert_eq!(unmet(&Requirement::default(), &of), None);
    }

    #[test]
    fn an_interaction_belongs_to_its_owner_and_one_without_to_everybody() {
        let anns = Requirement {
            owner: Some("ann".to_owned()),
            ..Requirement::default()
        };
        for (owner, wanted) in [
            (Some("ann"), None),
            (None, None),
            (Some("bob"), Some(Unmet::Owner)),
        ] {
            assert_eq!(unmet(&anns, &chat(owner, Status::New)), wanted);
        }
    }

    #[test]
    fn the_first_part_that_does_not_hold_is_told() {
        let mut all = Requirement {
            revision: Some(2),
            owner: Some("ann".to_owned()),
            media_types: vec!["email".to_owned()],
            statuses: OPEN,
        };
        let of = chat(Some("bob"), Status::Stopped);
        assert_eq!(unmet(&all, &of), Some(Unmet::Owner));
        all.owner = None;
        assert_eq!(unmet(&all, &of), Some(Unmet::MediaType));
        all.media_types.push("chat".to_owned());
        assert_eq!(unmet(&all, &of), Some(Unmet::Status));
        all.statuses = &[];
        assert!(matches!(all.check(&of), Err(Refusal::Stale(_))));
        all.revision = Some(3);
        assert_eq!(unmet(&all, &of), None);
    }
}
