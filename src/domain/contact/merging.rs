//! Merging a contact into another, and undoing that.

use super::Contact;
use crate::domain::{Moment, Refusal};

impl Contact {
    /// The contact merged into another at a moment; `None` if it is merged into that one already.
    ///
    /// `target` is the contact named `into`, if there is one, and `family` has the identifiers of
    /// this contact and of all that were merged into it.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if `into` names no other person; [`Refusal::Conflict`] if one of the two
    /// is merged into a third.
    pub fn merged(
        &self,
        at: Moment,
        into: &str,
        target: Option<&Self>,
        family: &[String],
    ) -> Result<Option<Self>, Refusal> {
        if family.iter().any(|member| member == into) {
            return Err(Refusal::invalid(
                "/into",
                "names the contact itself, or one that was merged into it",
            ));
        }
        let Some(target) = target else {
            return Err(Refusal::invalid(
                "/into",
                format!("names {into:?}, which is no contact"),
            ));
        };
        match &self.merged_into {
            Some(already) if already == into => return Ok(None),
            Some(other) => {
                return Err(Refusal::Conflict(format!(
                    "the contact is merged into {other:?}; unmerge it first"
                )));
            }
            None => {}
        }
        if let Some(other) = &target.merged_into {
            return Err(Refusal::Conflict(format!(
                "{into:?} is itself merged into {other:?}; merge into that one"
            )));
        }
        Ok(Some(self.moved(at, Some(into.to_owned()))))
    }

    /// The contact after its merge was undone at a moment, and the contact that it was merged into.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] if it is not merged.
    pub fn unmerged(&self, at: Moment) -> Result<(Self, String), Refusal> {
        let from = self.merged_into.clone().ok_or_else(|| {
            Refusal::Conflict("the contact is not merged into another".to_owned())
        })?;
        Ok((self.moved(at, None), from))
    }

    fn moved(&self, at: Moment, merged_into: Option<String>) -> Self {
        Self {
            merged_into,
            ..self.revised(at, self.attributes.clone())
        }
    }
}
