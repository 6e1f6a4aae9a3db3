//! The fields that a filter may name.

use super::MOST_STEPS;
use crate::domain::user_data::KeyPath;

/// The type of a core attribute. It decides which operators apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeType {
    /// Text.
    Text,
    /// A time.
    Time,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// A name that is stored as a number: status, entityType.
    Coded,
}

/// A core attribute that a filter may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name on the wire.
    pub name: &'static str,
    /// Its type.
    pub kind: AttributeType,
    /// Whether a list may be sorted by it.
    pub sortable: bool,
    /// Whether it is a long text, which lists leave out unless `fields` names it.
    pub long: bool,
}

const fn attribute(
    name: &'static str,
    kind: AttributeType,
    sortable: bool,
    long: bool,
) -> Attribute {
    Attribute {
        name,
        kind,
        sortable,
        long,
    }
}

/// Every core attribute.
pub const ATTRIBUTES: [Attribute; 26] = [
    attribute("id", AttributeType::Text, true, false),
    attribute("tenantId", AttributeType::Integer, false, false),
    attribute("mediaType", AttributeType::Text, false, false),
    attribute("entityType", AttributeType::Coded, false, false),
    attribute("type", AttributeType::Text, false, false),
    attribute("subtype", AttributeType::Text, false, false),
    attribute("status", AttributeType::Coded, false, false),
    attribute("contactId", AttributeType::Text, false, false),
    attribute("ownerId", AttributeType::Text, false, false),
    attribute("parentId", AttributeType::Text, false, false),
    attribute("threadId", AttributeType::Text, false, false),
    attribute("canBeParent", AttributeType::Boolean, false, false),
    attribute("startDate", AttributeType::Time, true, false),
    attribute("endDate", AttributeType::Time, true, false),
    attribute("createdDate", AttributeType::Time, true, false),
    attribute("modifiedDate", AttributeType::Time, true, false),
    attribute("revision", AttributeType::Integer, false, false),
    attribute("subject", AttributeType::Text, false, false),
    attribute("queue", AttributeType::Text, false, false),
    attribute("categoryId", AttributeType::Text, false, false),
    attribute("externalId", AttributeType::Text, false, false),
    attribute("stoppedReason", AttributeType::Text, false, false),
    attribute("language", AttributeType::Text, false, false),
    attribute("text", AttributeType::Text, false, true),
    attribute("structuredText", AttributeType::Text, false, true),
    attribute("comment", AttributeType::Text, false, true),
];

/// Every core attribute of a contact.
pub const CONTACT_ATTRIBUTES: [Attribute; 6] = [
    attribute("id", AttributeType::Text, true, false),
    attribute("tenantId", AttributeType::Integer, false, false),
    attribute("mergedInto", AttributeType::Text, false, false),
    attribute("createdDate", AttributeType::Time, true, false),
    attribute("modifiedDate", AttributeType::Time, true, false),
    attribute("revision", AttributeType::Integer, false, false),
];

/// What a search finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Searched {
    /// Interactions.
    #[default]
    Interactions,
    /// Contacts.
    Contacts,
}

impl Searched {
    /// The core attributes of the searched items.
    pub fn attributes(self) -> &'static [Attribute] {
        match self {
            Self::Interactions => &ATTRIBUTES,
            Self::Contacts => &CONTACT_ATTRIBUTES,
        }
    }

    /// The attribute that a list is sorted by unless the caller says otherwise, newest first.
    pub fn default_order(self) -> &'static str {
        match self {
            Self::Interactions => "startDate",
            Self::Contacts => "createdDate",
        }
    }

    /// The core attribute with a name.
    pub fn attribute(self, name: &str) -> Option<&'static Attribute> {
        self.attributes()
            .iter()
            .find(|attribute| attribute.name == name)
    }
}

/// The interaction attribute with a name.
pub fn attribute_named(name: &str) -> Option<&'static Attribute> {
    ATTRIBUTES.iter().find(|attribute| attribute.name == name)
}

/// The field of a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// A core attribute.
    Core(&'static Attribute),
    /// A UserData key; dots separate nested keys.
    UserData(KeyPath),
    /// The current value of an attribute of the interaction's contact, or of the contact searched
    /// for.
    Contact(String),
}

impl Field {
    /// Reads a field's name.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence without its subject.
    pub fn parse(name: &str) -> Result<Self, String> {
        Self::parse_in(Searched::Interactions, name)
    }

    /// Reads the name of a field of the searched items.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence without its subject.
    pub fn parse_in(searched: Searched, name: &str) -> Result<Self, String> {
        if name.contains('\0') {
            return Err("holds a NUL character".to_owned());
        }
        if searched == Searched::Contacts {
            return match name.strip_prefix("attributes.") {
                Some(name) => Ok(Self::Contact(name.to_owned())),
                None => searched.attribute(name).map(Self::Core).ok_or_else(|| {
                    let known: Vec<&str> = CONTACT_ATTRIBUTES.iter().map(|a| a.name).collect();
                    format!(
                        "is no field of a contact; there are {} and attributes.<name>",
                        known.join(", ")
                    )
                }),
            };
        }
        if let Some(path) = name.strip_prefix("userData.") {
            let path = KeyPath::parse(path);
            if path.0.len() > MOST_STEPS {
                return Err(format!("leads deeper than {MOST_STEPS} levels"));
            }
            Ok(Self::UserData(path))
        } else if let Some(name) = name.strip_prefix("contact.") {
            Ok(Self::Contact(name.to_owned()))
        } else {
            attribute_named(name)
                .map(Self::Core)
                .ok_or_else(|| "is no field; GET /v1/fields lists them".to_owned())
        }
    }

    /// The size that one value compared with this field adds to a filter: each step into UserData
    /// costs the database a lookup.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::UserData(path) => path.0.len(),
            Self::Core(_) | Self::Contact(_) => 1,
        }
    }

    pub(super) fn is_media_type(&self) -> bool {
        matches!(self, Self::Core(attribute) if attribute.name == "mediaType")
    }
}
