//! What an erasure leaves of an interaction.

use std::collections::BTreeSet;

use super::{Interaction, InteractionPatch, LongTexts};
use crate::domain::Moment;
use crate::domain::redaction::Redaction;
use crate::domain::user_data::{Document, Edit};

impl Interaction {
    /// Removes all personal data, at a moment.
    pub fn erase(&mut self, at: Moment) {
        self.contact_id = None;
        self.subject = None;
        self.external_id = None;
        self.stopped_reason = None;
        self.modified_date = at;
        self.revision += 1;
    }

    /// Removes values from the attributes and the long texts; returns the change as a patch.
    pub fn redact(&mut self, texts: &mut LongTexts, redaction: &Redaction) -> InteractionPatch {
        let mut patch = InteractionPatch::default();
        for (text, told) in [
            (&mut self.subject, &mut patch.subject),
            (&mut self.external_id, &mut patch.external_id),
            (&mut self.stopped_reason, &mut patch.stopped_reason),
            (&mut texts.text, &mut patch.text),
            (&mut texts.structured_text, &mut patch.structured_text),
            (&mut texts.comment, &mut patch.comment),
        ] {
            if redaction.maybe(text) {
                *told = Some(text.clone());
            }
        }
        let mut held = false;
        for participant in texts.participants.iter_mut().flatten() {
            if let Some(left) = redaction.text(&participant.participant_id) {
                participant.participant_id = left;
                held = true;
            }
            held |= redaction.maybe(&mut participant.nickname);
        }
        if held {
            patch.participants = Some(texts.participants.clone());
        }
        patch
    }
}

/// Removes keys and values from UserData; returns the change as an edit.
pub fn redact_user_data(
    document: &mut Document,
    keys: &BTreeSet<String>,
    redaction: &Redaction,
) -> Edit {
    let mut edit = Edit::default();
    for key in keys {
        if document.shift_remove(key).is_some() {
            edit.delete.push(key.clone());
        }
    }
    for (key, value) in document {
        if redaction.value(value) {
            edit.update.document.insert(key.clone(), value.clone());
        }
    }
    edit
}
