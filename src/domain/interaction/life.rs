//! How an interaction begins, how it is stopped, and which words find it.

use super::{EntityType, Interaction, InteractionPatch, LongTexts, NewInteraction, Status};
use crate::domain::{Moment, words};

impl NewInteraction {
    /// The interaction that is recorded at a moment, and its long texts. What the caller left out
    /// gets its default.
    pub fn recorded(
        &self,
        tenant_id: i64,
        at: Moment,
        id: String,
        thread_id: String,
        contact_id: Option<String>,
    ) -> (Interaction, LongTexts) {
        let status = self.status.unwrap_or(if self.end_date.is_some() {
            Status::Stopped
        } else {
            Status::New
        });
        // an end without a start: the interaction began no later than its end
        let start = self
            .start_date
            .unwrap_or_else(|| self.end_date.map_or(at, |end| end.min(at)));
        let interaction = Interaction {
            id,
            tenant_id,
            media_type: self.media_type.clone(),
            entity_type: self
                .entity_type
                .unwrap_or_else(|| EntityType::of_media(&self.media_type, self.kind.as_deref())),
            kind: self.kind.clone(),
            subtype: self.subtype.clone(),
            status,
            contact_id,
            owner_id: self.owner_id.clone(),
            parent_id: self.parent_id.clone(),
            thread_id,
            can_be_parent: self.can_be_parent.unwrap_or(true),
            start_date: start,
            end_date: self.end_date.map(|end| end.max(start)),
            created_date: at,
            modified_date: at,
            revision: 1,
            subject: self.subject.clone(),
            queue: self.queue.clone(),
            category_id: self.category_id.clone(),
            external_id: self.external_id.clone(),
            stopped_reason: self.stopped_reason.clone(),
            language: self.language.clone(),
        };
        let texts = LongTexts {
            text: self.text.clone(),
            structured_text: self.structured_text.clone(),
            comment: self.comment.clone(),
            participants: self.participants.clone(),
        };
        (interaction, texts)
    }
}

impl InteractionPatch {
    /// The patch that stops an interaction at a moment. The end is the given one, else the one that
    /// the interaction has, else the moment, and never before the start.
    pub fn stop(of: &Interaction, at: Moment, end: Option<Moment>, reason: Option<&str>) -> Self {
        let end = end.or(of.end_date).unwrap_or_else(|| at.max(of.start_date));
        Self {
            status: Some(Status::Stopped),
            end_date: Some(Some(end)),
            stopped_reason: reason.map(|reason| Some(reason.to_owned())),
            ..Self::default()
        }
    }
}

/// The words that an interaction is indexed under.
pub fn index_words(interaction: &Interaction, texts: &LongTexts) -> String {
    words::joined(
        interaction
            .subject
            .as_deref()
            .into_iter()
            .chain(texts.text.as_deref()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    fn recorded(new: &NewInteraction) -> Interaction {
        let at = moment("2026-03-01T09:30:00Z");
        let (interaction, _) = new.recorded(1, at, "one".to_owned(), "thread".to_owned(), None);
        interaction
    }

    #[test]
    fn an_interaction_without_dates_begins_when_it_is_recorded() {
        let found = recorded(&NewInteraction::default());
        assert_eq!(found.start_date, found.created_date);
        assert_eq!((found.end_date, found.status), (None, Status::New));
        assert_eq!((found.revision, found.can_be_parent), (1, true));
    }

    #[test]
    fn an_interaction_with_only_an_end_began_no_later_than_its_end() {
        for (end, start) in [
            ("2026-03-01T08:00:00Z", "2026-03-01T08:00:00Z"),
            ("2026-03-01T11:00:00Z", "2026-03-01T09:30:00Z"),
        ] {
            let new = NewInteraction {
                end_date: Some(moment(end)),
                ..NewInteraction::default()
            };
            let found = recorded(&new);
            assert_eq!(found.start_date, moment(start));
            assert_eq!(found.end_date, Some(moment(end)));
            assert_eq!(found.status, Status::Stopped);
        }
    }

    #[test]
    fn a_stop_keeps_an_end_that_is_known_and_never_ends_before_the_start() {
        let mut of = recorded(&NewInteraction {
            start_date: Some(moment("2026-03-01T12:00:00Z")),
            ..NewInteraction::default()
        });
        let at = moment("2026-03-01T10:00:00Z");
        let end = |of: &Interaction, given| InteractionPatch::stop(of, at, given, None).end_date;
        assert_eq!(end(&of, None), Some(Some(of.start_date)));
        let given = moment("2026-03-01T13:00:00Z");
        assert_eq!(end(&of, Some(given)), Some(Some(given)));
        of.end_date = Some(moment("2026-03-01T14:00:00Z"));
        assert_eq!(end(&of, None), Some(of.end_date));
        assert_eq!(end(&of, Some(given)), Some(Some(given)));
    }

    #[test]
    fn an_interaction_is_found_by_its_subject_and_its_text_but_by_no_phrase_across_both() {
        let mut of = recorded(&NewInteraction::default());
        of.subject = Some("Order late".to_owned());
        let texts = LongTexts {
            text: Some("Please call".to_owned()),
            comment: Some("rude".to_owned()),
            ..LongTexts::default()
        };
        let found = index_words(&of, &texts);
        let [subject, text] = ["order late", "please call"].map(|part| found.find(part));
        assert!(subject.unwrap() < text.unwrap());
        assert!(!found.contains("late please") && !found.contains("rude"));
    }
}
