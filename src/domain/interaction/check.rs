//! Limits of attributes, for new interactions and changes alike.

use super::{NewInteraction, Participant, Status};
use crate::domain::limits::check_text;
use crate::domain::{Fault, Moment};

/// The largest number of characters of a short attribute.
pub const SHORT: usize = 256;
/// The largest number of characters of a media type.
pub const LONGEST_MEDIA_TYPE: usize = 64;
/// The largest number of characters of a subject.
pub const LONGEST_SUBJECT: usize = 4_000;
/// The largest number of participants of an interaction.
pub const MOST_PARTICIPANTS: usize = 1_000;

/// Roughly the bytes of memory that participants take.
pub(super) fn participants_weight(participants: &[Participant]) -> usize {
    let texts = |one: &Participant| {
        one.participant_id.len()
            + one.nickname.as_ref().map_or(0, String::len)
            + one.kind.as_ref().map_or(0, String::len)
    };
    size_of_val(participants) + participants.iter().map(texts).sum::<usize>()
}

pub(super) struct ShortTexts<'a>(pub(super) [(&'static str, Option<&'a str>, usize); 8]);

impl<'a> From<&'a NewInteraction> for ShortTexts<'a> {
    fn from(new: &'a NewInteraction) -> Self {
        Self([
            ("/type", new.kind.as_deref(), SHORT),
            ("/subtype", new.subtype.as_deref(), SHORT),
            ("/subject", new.subject.as_deref(), LONGEST_SUBJECT),
            ("/queue", new.queue.as_deref(), SHORT),
            ("/categoryId", new.category_id.as_deref(), SHORT),
            ("/externalId", new.external_id.as_deref(), SHORT),
            ("/stoppedReason", new.stopped_reason.as_deref(), SHORT),
            ("/language", new.language.as_deref(), SHORT),
        ])
    }
}

pub(super) fn check_attributes(texts: &ShortTexts<'_>, faults: &mut Vec<Fault>) {
    for (pointer, text, most) in texts.0 {
        if let Some(text) = text {
            check_text(pointer, text, most, faults);
        }
    }
}

pub(super) fn check_long_texts(
    text: Option<&str>,
    structured: Option<&str>,
    comment: Option<&str>,
    participants: Option<&[Participant]>,
    faults: &mut Vec<Fault>,
) {
    for (pointer, text) in [
        ("/text", text),
        ("/structuredText", structured),
        ("/comment", comment),
    ] {
        if let Some(text) = text {
            check_text(pointer, text, usize::MAX, faults);
        }
    }
    let participants = participants.unwrap_or_default();
    if participants.len() > MOST_PARTICIPANTS {
        faults.push(Fault::at(
            "/participants",
            format!("names more than {MOST_PARTICIPANTS}"),
        ));
    }
    for (index, one) in participants.iter().enumerate().take(MOST_PARTICIPANTS) {
        let at = format!("/participants/{index}");
        check_text(&at, &one.participant_id, SHORT, faults);
        check_text(
            &at,
            one.nickname.as_deref().unwrap_or_default(),
            SHORT,
            faults,
        );
        check_text(&at, one.kind.as_deref().unwrap_or_default(), SHORT, faults);
    }
}

pub(super) fn check_span(
    start: Option<Moment>,
    end: Option<Moment>,
    status: Option<Status>,
    faults: &mut Vec<Fault>,
) {
    if end.is_some() && status.is_some_and(|status| status != Status::Stopped) {
        faults.push(Fault::at(
            "/endDate",
            "is given for an interaction that is not Stopped",
        ));
    }
    if let (Some(start), Some(end)) = (start, end)
        && end < start
    {
        faults.push(Fault::at("/endDate", "is before startDate"));
    }
}
