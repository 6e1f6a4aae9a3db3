//! OpenAPI schemas of values that the domain parses by hand.

use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

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

/// The value of a contact's attribute as a caller may send it: a text, a list of texts, or null.
pub struct AttributeValue;

impl ToSchema for AttributeValue {}

impl PartialSchema for AttributeValue {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String).build();
        let any = OneOfBuilder::new()
            .item(text())
            .item(ArrayBuilder::new().items(text()).build())
            .item(ObjectBuilder::new().schema_type(Type::Null).build());
        Schema::OneOf(any.build()).into()
    }
}
