//! What an interaction must be for a command to apply to it. The writer checks it, so that nothing can change in between.

use super::Refusal;
use super::interaction::{Interaction, Status};

/// Conditions on the interaction that a command names. An empty one always holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirement {
    /// It belongs to this owner, or to nobody.
    pub owner_id: Option<String>,
    /// It is of one of these media types; an empty list allows all.
    pub media_types: Vec<String>,
    /// It is in one of these states; an empty list allows all.
    pub statuses: Vec<Status>,
}

impl Requirement {
    /// It must be of this media type.
    pub fn media_type(name: &str) -> Self {
        Self {
            media_types: vec![name.to_owned()],
            ..Self::default()
        }
    }

    /// Checks the interaction as it stands.
    ///
    /// # Errors
    /// [`Refusal::Unmet`] with the first condition that fails: medium, owner, state.
    pub fn check(&self, interaction: &Interaction) -> Result<(), Refusal> {
        let id = &interaction.id;
        if !self.media_types.is_empty() && !self.media_types.contains(&interaction.media_type) {
            return Err(Refusal::Unmet(
                Condition::MediaType,
                format!(
                    "the interaction {id:?} is a {}, not a {}",
                    interaction.media_type,
                    self.media_types.join(" or a ")
                ),
            ));
        }
        if let (Some(wanted), Some(owner)) = (&self.owner_id, &interaction.owner_id)
            && wanted != owner
        {
            return Err(Refusal::Unmet(
                Condition::Owner,
                format!("the interaction {id:?} belongs to another user"),
            ));
        }
        if !self.statuses.is_empty() && !self.statuses.contains(&interaction.status) {
            return Err(Refusal::Unmet(
                Condition::Status,
                format!("the interaction {id:?} is {:?}", interaction.status),
            ));
        }
        Ok(())
    }
}

/// Which condition of a [`Requirement`] failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The media type.
    MediaType,
    /// The owner.
    Owner,
    /// The state.
    Status,
}
