//! Undoes journal entries, so that the content of a new interaction follows from its state now and
//! its later entries.
//!
//! A delta tells most of what it replaced. What it does not tell is stored beside it, in `before`: a
//! JSON object with the old values of the attributes that changed, by name. If undoing the delta does
//! not give the old UserData exactly, its whole text is there too, as the text `userData`.

use serde_json::{Map, Value};

use super::content::{self, Provenance, TextsTold};
use crate::domain::command::Stored;
use crate::domain::interaction::Interaction;
use crate::domain::user_data::{self, Document};

/// The name of UserData in `before`. No attribute has it.
const USER_DATA: &str = "userData";

/// What an entry with this delta must keep so that [`Undone::undo`] gives the old state exactly.
///
/// Long texts are not undone: the entry of an interaction is written whole before they change.
pub fn before(old: &Stored, new: &Stored, delta: &str) -> Option<String> {
    let mut before = attributes(&old.interaction, &new.interaction);
    let undone = user_data(&new.user_data, delta);
    if !undone.is_ok_and(|undone| undone == old.user_data) {
        before.insert(USER_DATA.to_owned(), old.user_data.clone().into());
    }
    (!before.is_empty()).then(|| Value::Object(before).to_string())
}

/// The old values of attributes that changed, except those that every change sets.
fn attributes(old: &Interaction, new: &Interaction) -> Document {
    let alike = Interaction {
        modified_date: new.modified_date,
        revision: new.revision,
        ..old.clone()
    };
    if alike == *new {
        return Document::new();
    }
    let (Ok(Value::Object(old)), Ok(Value::Object(mut new))) =
        (serde_json::to_value(&alike), serde_json::to_value(new))
    else {
        return Document::new();
    };
    // an attribute that is null may be left out
    let mut changed = Map::new();
    for (name, value) in old {
        if new.shift_remove(&name).unwrap_or_default() != value {
            changed.insert(name, value);
        }
    }
    let added = new.into_iter().filter(|(_, value)| !value.is_null());
    changed.extend(added.map(|(name, _)| (name, Value::Null)));
    changed
}

/// UserData before a change of it, from the text after it and the delta. The order of keys is the old
/// one unless a key was removed before others.
fn user_data(after: &str, delta: &str) -> Result<String, serde_json::Error> {
    let delta = user_data::read(delta)?;
    let keys = |part: &str| delta.get(part).and_then(Value::as_object);
    let previous = keys("previous");
    let set = ["attach", "update"].into_iter().filter_map(keys);
    let mut set = set.flat_map(Document::keys).peekable();
    if set.peek().is_none() && previous.is_none() {
        return Ok(after.to_owned());
    }
    let mut document = user_data::read(after)?;
    for key in set {
        if !previous.is_some_and(|previous| previous.contains_key(key)) {
            document.shift_remove(key);
        }
    }
    for (key, value) in previous.into_iter().flatten() {
        document.insert(key.clone(), value.clone());
    }
    serde_json::to_string(&document)
}

/// The state of an interaction while its entries are undone, from the newest to the oldest.
pub struct Undone {
    interaction: Interaction,
    user_data: String,
    /// Values of attributes as they were.
    attributes: Document,
}

impl Undone {
    /// The state now.
    pub fn from(interaction: Interaction, user_data: String) -> Self {
        Self {
            interaction,
            user_data,
            attributes: Document::new(),
        }
    }

    /// The current revision.
    pub fn revision(&self) -> i64 {
        self.interaction.revision
    }

    /// Undoes the newest entry that was not undone yet.
    pub fn undo(&mut self, delta: &str, before: Option<&str>) -> Result<(), serde_json::Error> {
        let mut before = before.map(user_data::read).transpose()?.unwrap_or_default();
        self.user_data = match before.shift_remove(USER_DATA) {
            Some(Value::String(text)) => text,
            _ => user_data(&self.user_data, delta)?,
        };
        self.attributes.extend(before);
        Ok(())
    }

    /// The content of the new interaction, once all later entries are undone.
    pub fn recorded(
        self,
        texts: &TextsTold,
        provenance: Option<&Provenance<'_>>,
    ) -> Result<String, serde_json::Error> {
        let mut interaction = self.interaction;
        if !self.attributes.is_empty() {
            let mut value = serde_json::to_value(&interaction)?;
            if let Value::Object(all) = &mut value {
                all.extend(self.attributes);
            }
            interaction = serde_json::from_value(value)?;
        }
        interaction.revision = 1;
        interaction.modified_date = interaction.created_date;
        Ok(content::recorded_of(
            &interaction,
            &self.user_data,
            texts,
            provenance,
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::Moment;
    use crate::domain::interaction::{NewInteraction, Status};
    use crate::domain::user_data::Edit;

    fn document(keys: &[(u8, i64)]) -> Document {
        let keys = keys.iter();
        keys.map(|(key, value)| (format!("k{key}"), json!([value, "é", 0.1, 1e300])))
            .collect()
    }

    fn new(user_data: &Document) -> Stored {
        let at = Moment::from_micros(1_700_000_000_123_456).unwrap();
        let new = NewInteraction {
            media_type: "chat".to_owned(),
            subject: Some("first".to_owned()),
            text: Some("naïve".to_owned()),
            ..NewInteraction::default()
        };
        let (interaction, texts) = new.recorded(1, at, "one".to_owned(), "t".to_owned(), None);
        Stored {
            interaction,
            texts: Some(texts),
            user_data: serde_json::to_string(user_data).unwrap(),
        }
    }

    /// What an interaction goes through.
    #[derive(Clone, Debug)]
    enum Step {
        Edit(Vec<(u8, i64)>, Vec<(u8, i64)>, Vec<u8>),
        Subject(Option<String>),
        Contact(Option<String>),
        Stop,
    }

    impl Step {
        /// Takes the step; returns the delta.
        fn take(&self, of: &mut Stored) -> String {
            of.interaction.revision += 1;
            of.interaction.modified_date = of.interaction.modified_date.plus_micros(7);
            match self {
                Self::Edit(attach, update, delete) => {
                    let mut edit = Edit::default();
                    edit.attach.document = document(attach);
                    edit.update.document = document(update);
                    edit.delete = delete.iter().map(|key| format!("k{key}")).collect();
                    let mut held = user_data::read(&of.user_data).unwrap();
                    let previous = edit.apply(&mut held);
                    of.user_data = serde_json::to_string(&held).unwrap();
                    return content::edited(&edit, previous).1;
                }
                Self::Subject(subject) => of.interaction.subject.clone_from(subject),
                Self::Contact(contact) => of.interaction.contact_id.clone_from(contact),
                Self::Stop => {
                    of.interaction.status = Status::Stopped;
                    of.interaction.end_date = Some(of.interaction.modified_date);
                    of.interaction.stopped_reason = Some("done".to_owned());
                }
            }
            "{}".to_owned()
        }
    }

    fn step() -> impl Strategy<Value = Step> {
        let keys = || vec((0..6_u8, any::<i64>()), 0..4);
        let text = || proptest::option::of("[a-zé\"\\\\]{0,4}");
        prop_oneof![
            6 => (keys(), keys(), vec(0..6_u8, 0..3)).prop_map(|(a, u, d)| Step::Edit(a, u, d)),
            1 => text().prop_map(Step::Subject),
            1 => text().prop_map(Step::Contact),
            1 => Just(Step::Stop),
        ]
    }

    /// The entry that records an interaction, from its state and its later entries as they are
    /// stored.
    fn undone(now: &Stored, later: &[(String, Option<String>)]) -> String {
        let core = serde_json::to_string(&now.interaction).unwrap();
        let core = serde_json::from_str(&core).unwrap();
        let mut state = Undone::from(core, now.user_data.clone());
        for (delta, before) in later.iter().rev() {
            state.undo(delta, before.as_deref()).unwrap();
        }
        let texts = TextsTold {
            text_length: Some(5),
            ..TextsTold::default()
        };
        state.recorded(&texts, None).unwrap()
    }

    proptest! {
        #[test]
        fn the_recording_entry_can_be_reconstructed_at_any_later_time(
            keys in vec((0..6_u8, any::<i64>()), 0..6),
            steps in vec(step(), 0..12),
        ) {
            let mut now = new(&document(&keys));
            let recorded = content::recorded(&now, None);
            let mut later = Vec::new();
            prop_assert_eq!(undone(&now, &later), recorded.as_str());
            for step in steps {
                let old = now.clone();
                let delta = step.take(&mut now);
                let before = before(&old, &now, &delta);
                later.push((delta, before));
                prop_assert_eq!(undone(&now, &later), recorded.as_str());
            }
        }
    }

    #[test]
    fn common_edits_need_nothing_but_their_delta() {
        let edit = |attach: &[(u8, i64)], delete: &[u8]| {
            let old = new(&document(&[(1, 1), (2, 2), (3, 3)]));
            let mut after = old.clone();
            let step = Step::Edit(attach.to_vec(), Vec::new(), delete.to_vec());
            let delta = step.take(&mut after);
            before(&old, &after, &delta).map(|before| (before, old.user_data))
        };
        assert_eq!(edit(&[(4, 4)], &[]), None, "a new key");
        assert_eq!(edit(&[(1, 9)], &[]), None, "a new value in place");
        assert_eq!(edit(&[], &[3]), None, "the last key removed");
        assert_eq!(
            edit(&[(4, 4)], &[3]),
            None,
            "the last key replaced by another"
        );
        let (before, old) = edit(&[], &[2]).unwrap();
        assert_eq!(before, json!({"userData": old}).to_string());
    }

    #[test]
    fn a_change_of_attributes_keeps_the_old_values_of_these() {
        let old = new(&Document::new());
        let mut after = old.clone();
        let delta = Step::Stop.take(&mut after);
        let kept: Value = serde_json::from_str(&before(&old, &after, &delta).unwrap()).unwrap();
        let wanted =
            json!({"status": old.interaction.status, "endDate": null, "stoppedReason": null});
        assert_eq!(kept, wanted);
    }
}
