//! OpenAPI schemas of values that the domain parses by hand.

use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::contact::{LONGEST_VALUE, MOST_VALUES};
use super::user_data::Document;

/// UserData as a caller may send it: an object, or a list of pairs.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = UserData)]
pub enum GivenSchema {
    /// Keys with their values.
    #[schema(value_type = Object)]
    Document(Document),
    /// The pair list of older clients. For a repeated key the last value wins.
    Pairs(Vec<Pair>),
}

/// UserData of a new interaction: [`GivenSchema`], with a limit on its keys.
pub struct NewUserData;

impl ToSchema for NewUserData {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        GivenSchema::schemas(schemas);
    }
}

impl PartialSchema for NewUserData {
    fn schema() -> RefOr<Schema> {
        GivenSchema::schema()
    }
}

/// A key with its value in a pair list.
#[derive(Serialize, ToSchema)]
pub struct Pair {
    /// The key.
    key: String,
    /// `str`, `int`, `kvlist`, … Only `kvlist` matters: its value is a list of pairs.
    #[serde(rename = "type")]
    #[schema(required = false, nullable = false)]
    kind: Option<String>,
    /// The value; null if absent.
    #[schema(required = false)]
    value: Option<Value>,
}

/// The value of a contact's attribute as a caller may send it: a text, a list of texts, or null. Null
/// in a list says nothing.
pub struct AttributeValue;

impl ToSchema for AttributeValue {}

impl PartialSchema for AttributeValue {
    fn schema() -> RefOr<Schema> {
        let text = |kind: SchemaType| {
            let text = ObjectBuilder::new().schema_type(kind);
            text.max_length(Some(LONGEST_VALUE)).build()
        };
        let item = text(SchemaType::Array(vec![Type::String, Type::Null]));
        let list = ArrayBuilder::new().items(item);
        let any = OneOfBuilder::new()
            .item(text(Type::String.into()))
            .item(list.max_items(Some(MOST_VALUES)).build())
            .item(ObjectBuilder::new().schema_type(Type::Null).build());
        Schema::OneOf(any.build()).into()
    }
}
