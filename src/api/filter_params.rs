//! The query parameters of lists, as OpenAPI describes them. `find` parses them.

use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, Required};

use super::forms;
use crate::domain::filter::{Attribute, AttributeType, MOST_PARTS, Searched};
use crate::domain::interaction::{Coded, EntityType, Status};

/// A filter for each core attribute, and one parameter for all open names.
pub struct FilterParams;

impl IntoParams for FilterParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        of(
            Searched::Interactions,
            "`userData.<key>`: a key of UserData, nested keys with further dots, a dot in a key as \
             `\\.`. `contact.<attribute>`: an attribute of the contact as it is now. Each is a \
             parameter of its own: `?userData.rule=hot&contact.EmailAddress=a@b.example`.",
        )
    }
}

/// The filters of a list: its core attributes, and one parameter for all open names.
pub fn of(searched: Searched, description: &str) -> Vec<Parameter> {
    let mut all: Vec<Parameter> = searched
        .attributes()
        .iter()
        .flat_map(of_attribute)
        .collect();
    all.push(open_names(searched, description));
    all
}

fn of_attribute(attribute: &Attribute) -> Vec<Parameter> {
    let name = attribute.name;
    if attribute.kind == AttributeType::Time {
        let time = || text("A time, or a day in `timeZone`");
        return vec![
            parameter(name, "At this time, or on this day.", time()),
            parameter(&format!("{name}.from"), "Not before this time.", time()),
            parameter(&format!("{name}.to"), "Before this time.", time()),
        ];
    }
    let item = match attribute.kind {
        AttributeType::Integer => ObjectBuilder::new().schema_type(Type::Integer),
        AttributeType::Boolean => ObjectBuilder::new().schema_type(Type::Boolean),
        AttributeType::Coded if name == "status" => names::<Status>(),
        AttributeType::Coded => names::<EntityType>(),
        AttributeType::Text | AttributeType::Time => ObjectBuilder::new().schema_type(Type::String),
    };
    let any = ArrayBuilder::new().items(item.build());
    let any = any.max_items(Some(MOST_PARTS));
    vec![parameter(name, "Any of these values.", any.into())]
}

fn names<T: Coded>() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(T::ALL.iter().map(|(.., name)| *name)))
}

fn text(description: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .build()
        .into()
}

/// Open names, as an object whose members become parameters.
fn open_names(searched: Searched, description: &str) -> Parameter {
    let name = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(forms::open_fields(searched)))
        .build();
    let schema = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property_names(Some(Schema::Object(name)))
        .additional_properties(Some(text("The value")))
        .max_properties(Some(MOST_PARTS))
        .build();
    parameter("filters", description, schema.into())
}

fn parameter(name: &str, description: &str, schema: RefOr<Schema>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .style(Some(ParameterStyle::Form))
        .explode(Some(true))
        .schema(Some(schema))
        .build()
}
