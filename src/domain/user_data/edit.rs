//! A change of UserData.

use std::borrow::Cow;

use super::check::check_inside;
use super::{Document, Given, escape_pointer};
use crate::domain::limits::{Limits, check_text};
use crate::domain::{Fault, Refusal};

/// A request to change UserData: attach and update set keys, delete removes them. It is applied as
/// a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edit {
    /// Keys to set, journaled as attached.
    pub attach: Given,
    /// Keys to set, journaled as overwritten.
    pub update: Given,
    /// Keys to remove. An absent key is no error.
    pub delete: Vec<String>,
    /// Removes every key that exists when the edit is applied, and sets none.
    pub delete_all: bool,
}

impl Edit {
    /// Checks limits, and that each key is named by only one of the three. The limit on the size of
    /// the result is checked later, since it depends on the stored document.
    ///
    /// Returns roughly the bytes of memory that it takes.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every fault.
    pub fn check(&self, limits: &Limits) -> Result<usize, Refusal> {
        let mut faults = Vec::new();
        let mut weight = size_of::<Self>();
        weight += check_inside("/attach", &self.attach.document, limits, &mut faults);
        weight += check_inside("/update", &self.update.document, limits, &mut faults);
        weight += self
            .delete
            .iter()
            .map(|key| size_of::<String>() + key.len())
            .sum::<usize>();
        if self.delete.len() > limits.keys {
            faults.push(Fault::at(
                "/delete",
                format!("names more than {} keys", limits.keys),
            ));
        }
        for (index, key) in self.delete.iter().enumerate().take(limits.keys) {
            check_text(&format!("/delete/{index}"), key, limits.key, &mut faults);
            if self.attach.document.contains_key(key) || self.update.document.contains_key(key) {
                faults.push(Fault::at(
                    format!("/delete/{index}"),
                    "is a key that the same request sets",
                ));
            }
        }
        for key in self
            .update
            .document
            .keys()
            .filter(|key| self.attach.document.contains_key(*key))
        {
            faults.push(Fault::at(
                format!("/update/{}", escape_pointer(key)),
                "is a key that the same request attaches",
            ));
        }
        if faults.is_empty() {
            Ok(weight)
        } else {
            Err(Refusal::Invalid(faults))
        }
    }

    /// The edit with the names of the keys that it removes; for [`Edit::delete_all`], all keys of a
    /// document.
    pub fn named(&self, document: &Document) -> Cow<'_, Self> {
        if !self.delete_all {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Self {
            delete: document.keys().cloned().collect(),
            ..Self::default()
        })
    }

    /// Applies the edit. Returns the values that it replaced or removed.
    pub fn apply(&self, document: &mut Document) -> Document {
        let mut previous = Document::new();
        for (key, value) in self.attach.document.iter().chain(&self.update.document) {
            if let Some(old) = document.insert(key.clone(), value.clone()) {
                previous.insert(key.clone(), old);
            }
        }
        for key in &self.delete {
            if let Some(old) = document.shift_remove(key) {
                previous.insert(key.clone(), old);
            }
        }
        previous
    }
}
