//! Changes of a contact's attributes.

use super::{Attributes, Contact, MOST_ATTRIBUTES};
use crate::domain::{Moment, Refusal};

impl Contact {
    /// The contact after some attributes were set and others cleared at a moment; `None` if that
    /// changes nothing.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if it would have too many attributes.
    pub fn changed<'n>(
        &self,
        at: Moment,
        set: &Attributes,
        cleared: impl IntoIterator<Item = &'n String>,
    ) -> Result<Option<Self>, Refusal> {
        let mut attributes = self.attributes.clone();
        attributes.extend(set.clone());
        for name in cleared {
            attributes.remove(name);
        }
        if attributes == self.attributes {
            return Ok(None);
        }
        if attributes.len() > MOST_ATTRIBUTES {
            return Err(Refusal::invalid(
                "/attributes",
                format!("would leave more than {MOST_ATTRIBUTES} attributes"),
            ));
        }
        Ok(Some(self.revised(at, attributes)))
    }

    /// The contact after it got further values at a moment.
    #[must_use]
    pub fn learned(&self, at: Moment, new: &Attributes) -> Self {
        let mut attributes = self.attributes.clone();
        add_values(&mut attributes, new);
        self.revised(at, attributes)
    }

    pub(super) fn revised(&self, at: Moment, attributes: Attributes) -> Self {
        Self {
            attributes,
            modified_date: at,
            revision: self.revision + 1,
            ..self.clone()
        }
    }
}

/// Adds values that are not known yet, after the known ones.
pub fn add_values(to: &mut Attributes, from: &Attributes) {
    for (name, values) in from {
        let there = to.entry(name.clone()).or_default();
        for value in values {
            if !there.contains(value) {
                there.push(value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(all: &[(&str, &[&str])]) -> Attributes {
        let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        all.iter()
            .map(|(name, of)| ((*name).to_owned(), values(of)))
            .collect()
    }

    fn contact() -> Contact {
        let at = Moment::parse("2026-03-01T09:30:00Z").unwrap();
        Contact {
            id: "c1".to_owned(),
            tenant_id: 1,
            merged_into: None,
            created_date: at,
            modified_date: at,
            revision: 1,
            attributes: attributes(&[("FirstName", &["Ann"]), ("PhoneNumber", &["1"])]),
        }
    }

    #[test]
    fn a_change_sets_and_clears_attributes_and_is_a_revision() {
        let before = contact();
        let at = before.modified_date.just_after();
        let set = attributes(&[("FirstName", &["Anna"]), ("Title", &["Dr"])]);
        let cleared = ["PhoneNumber".to_owned(), "Unknown".to_owned()];
        let after = before.changed(at, &set, &cleared).unwrap().unwrap();
        assert_eq!(after.attributes, set);
        assert_eq!((after.revision, after.modified_date), (2, at));
        assert_eq!(after.created_date, before.created_date);
    }

    #[test]
    fn a_change_to_the_same_values_is_none() {
        let before = contact();
        let at = before.modified_date.just_after();
        let same = attributes(&[("FirstName", &["Ann"])]);
        let cleared = ["Unknown".to_owned()];
        assert_eq!(before.changed(at, &same, &cleared).unwrap(), None);
    }

    #[test]
    fn a_change_that_leaves_too_many_attributes_is_refused() {
        let before = contact();
        let many: Attributes = (1..MOST_ATTRIBUTES)
            .map(|number| (format!("Field{number}"), vec!["x".to_owned()]))
            .collect();
        let at = before.modified_date;
        assert!(before.changed(at, &many, &[]).is_err());
        let cleared = ["PhoneNumber".to_owned()];
        assert!(before.changed(at, &many, &cleared).is_ok());
    }

    #[test]
    fn learned_values_come_after_the_known_ones() {
        let before = contact();
        let new = attributes(&[("PhoneNumber", &["2", "1"]), ("Title", &["Dr"])]);
        let after = before.learned(before.modified_date.just_after(), &new);
        assert_eq!(after.attributes["PhoneNumber"], ["1", "2"]);
        assert_eq!(after.attributes["Title"], ["Dr"]);
        assert_eq!(after.revision, 2);
    }
}
