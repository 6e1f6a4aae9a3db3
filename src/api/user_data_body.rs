//! The body of a change of UserData.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::domain::user_data::{Edit, Given};

/// A change of UserData: any combination of the three.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UserDataEdit {
    /// Keys to attach.
    #[schema(value_type = Option<crate::domain::schema::GivenSchema>)]
    attach: Given,
    /// Keys to overwrite.
    #[schema(value_type = Option<crate::domain::schema::GivenSchema>)]
    update: Given,
    /// Keys to delete; a key that does not exist is no error.
    delete: Option<Vec<String>>,
}

/// A change of UserData, or a pair list to attach: `schema::UserDataRequest` as parsed.
#[derive(Default)]
pub struct UserDataBody(UserDataEdit);

impl UserDataBody {
    /// The edit.
    pub fn edit(self) -> Edit {
        let UserDataEdit {
            attach,
            update,
            delete,
        } = self.0;
        Edit {
            attach,
            update,
            delete: delete.unwrap_or_default(),
            ..Edit::default()
        }
    }
}

impl<'de> Deserialize<'de> for UserDataBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BodyVisitor).map(Self)
    }
}

struct BodyVisitor;

impl<'de> Visitor<'de> for BodyVisitor {
    type Value = UserDataEdit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attach, update and delete, or a list of {key, type, value}")
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<UserDataEdit, A::Error> {
        UserDataEdit::deserialize(MapAccessDeserializer::new(object))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<UserDataEdit, A::Error> {
        Ok(UserDataEdit {
            attach: Given::deserialize(SeqAccessDeserializer::new(list))?,
            ..UserDataEdit::default()
        })
    }
}
