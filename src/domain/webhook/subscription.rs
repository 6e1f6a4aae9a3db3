//! What the owner of a webhook sets: the URL, and which changes are delivered.

use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::url::check_url;
use crate::domain::change::Kind;
use crate::domain::interaction::{self, LONGEST_MEDIA_TYPE, given};
use crate::domain::limits::check_text;
use crate::domain::{Fault, Refusal};

/// The largest number of characters of a description.
pub const LONGEST_DESCRIPTION: usize = 1000;

/// What the owner of a webhook sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The URL that deliveries are sent to.
    pub url: String,
    /// Kinds of changes: whole names or their first parts.
    pub kinds: Vec<String>,
    /// Only changes of this media type.
    pub media_type: Option<String>,
    /// A description for people.
    pub description: Option<String>,
    /// Whether deliveries are sent. When enabled again, it continues where it stopped.
    pub enabled: bool,
}

impl Subscription {
    /// The selected kinds by their whole names.
    pub fn all_kinds(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .kinds
            .iter()
            .flat_map(|kind| Kind::matching(kind))
            .map(str::to_owned)
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every fault.
    pub fn check(&self, allow_private: bool) -> Result<(), Refusal> {
        let mut faults = Vec::new();
        if let Err(detail) = check_url(&self.url, allow_private) {
            faults.push(Fault::at("/url", detail));
        }
        if self.kinds.is_empty() {
            faults.push(Fault::at(
                "/kinds",
                "names no kind of change, such as \"webAction\"",
            ));
        }
        if self.kinds.len() > Kind::ALL.len() {
            faults.push(Fault::at("/kinds", "names more kinds than there are"));
        } else {
            for (index, kind) in self.kinds.iter().enumerate() {
                if Kind::matching(kind).is_empty() {
                    let detail = format!("is no kind of change: {kind:?}");
                    faults.push(Fault::at(format!("/kinds/{index}"), detail));
                }
            }
        }
        let given = |text: &Option<String>| text.clone().unwrap_or_default();
        let media_type = given(&self.media_type);
        if self.media_type.is_some() && media_type.is_empty() {
            faults.push(Fault::at("/mediaType", "is empty"));
        }
        check_text("/mediaType", &media_type, LONGEST_MEDIA_TYPE, &mut faults);
        let description = given(&self.description);
        check_text(
            "/description",
            &description,
            LONGEST_DESCRIPTION,
            &mut faults,
        );
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Invalid(faults))
        }
    }
}

/// A patch of a webhook: absent members stay, null clears one.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WebhookPatch {
    /// The URL that deliveries are sent to.
    #[serde(deserialize_with = "set")]
    #[schema(nullable = false)]
    pub url: Option<String>,
    /// Kinds of changes.
    #[serde(deserialize_with = "set")]
    #[schema(nullable = false)]
    pub kinds: Option<Vec<String>>,
    /// Only changes of this media type.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub media_type: Option<Option<String>>,
    /// A description for people.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub description: Option<Option<String>>,
    /// Whether deliveries are sent. When enabled again, it continues where it stopped.
    #[serde(deserialize_with = "set")]
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
}

/// Reads a member that can be set but not cleared.
fn set<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl WebhookPatch {
    /// The subscription with the patch applied.
    #[must_use]
    pub fn applied(&self, to: &Subscription) -> Subscription {
        Subscription {
            url: self.url.clone().unwrap_or_else(|| to.url.clone()),
            kinds: self.kinds.clone().unwrap_or_else(|| to.kinds.clone()),
            media_type: self
                .media_type
                .as_ref()
                .map_or_else(|| to.media_type.clone(), |given| lower(given.as_deref())),
            description: self
                .description
                .clone()
                .unwrap_or_else(|| to.description.clone()),
            enabled: self.enabled.unwrap_or(to.enabled),
        }
    }
}

/// The stored form of a media type. One that is too long stays as it is, and is refused.
pub fn lower(media_type: Option<&str>) -> Option<String> {
    media_type.map(|given| {
        if given.chars().count() > LONGEST_MEDIA_TYPE {
            return given.to_owned();
        }
        interaction::media_type(given)
    })
}
