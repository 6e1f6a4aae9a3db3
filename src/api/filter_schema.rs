//! OpenAPI schemas of the filters of searches. `domain::filter` parses them.

use std::borrow::Cow;

use serde_json::json;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Schema, SchemaType,
    Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::forms;
use crate::domain::filter::{AttributeType, LONGEST_WORDS, MOST_PARTS, Searched};
use crate::domain::interaction::{Coded, EntityType, Status};

/// A condition on interactions.
pub struct Filter;

/// A condition on contacts.
pub struct ContactFilter;

/// Schemas by name.
type Schemas = Vec<(String, RefOr<Schema>)>;

impl ToSchema for Filter {
    fn schemas(schemas: &mut Schemas) {
        schemas.extend(parts(Searched::Interactions));
    }
}

impl PartialSchema for Filter {
    fn schema() -> RefOr<Schema> {
        let example = json!({"and": [
            {"field": "mediaType", "in": ["chat"]},
            {"field": "userData.score", "gt": 10},
        ]});
        any_part(Searched::Interactions, example)
    }
}

impl ToSchema for ContactFilter {
    fn schemas(schemas: &mut Schemas) {
        schemas.extend(parts(Searched::Contacts));
    }
}

impl PartialSchema for ContactFilter {
    fn schema() -> RefOr<Schema> {
        let example = json!({"field": "attributes.LastName", "prefix": "Ro"});
        any_part(Searched::Contacts, example)
    }
}

/// The name of the filter itself.
fn name(searched: Searched) -> Cow<'static, str> {
    match searched {
        Searched::Interactions => Filter::name(),
        Searched::Contacts => ContactFilter::name(),
    }
}

fn any_part(searched: Searched, example: serde_json::Value) -> RefOr<Schema> {
    let mut any = OneOfBuilder::new().description(Some(format!(
        "A condition. It has at most {MOST_PARTS} parts (combiners, values, words, and steps into \
         UserData) and {} levels.",
        crate::domain::filter::DEEPEST
    )));
    for (name, _) in parts(searched) {
        any = any.item(Ref::from_schema_name(name));
    }
    Schema::OneOf(any.examples([example]).build()).into()
}

/// The forms of a condition, by name.
fn parts(searched: Searched) -> Schemas {
    let prefix = match searched {
        Searched::Interactions => "",
        Searched::Contacts => "Contact",
    };
    let mut all = combiners(searched);
    all.extend(field_tests(searched));
    all.into_iter()
        .map(|(name, schema)| (format!("{prefix}{name}"), RefOr::T(schema)))
        .collect()
}

fn combiners(searched: Searched) -> Vec<(&'static str, Schema)> {
    let inner = || Ref::from_schema_name(name(searched));
    let list = || {
        // the combiner is a part itself
        let list = ArrayBuilder::new().items(inner());
        list.max_items(Some(MOST_PARTS - 1))
    };
    let mut all = vec![
        ("FilterAnd", combiner("and", list(), "All conditions hold.")),
        ("FilterOr", combiner("or", list(), "A condition holds.")),
        ("FilterNot", combiner("not", inner(), "It does not hold.")),
    ];
    if searched == Searched::Interactions {
        let words = of_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(LONGEST_WORDS));
        let description = "Full text: words, \"phrases\" and beginnings*.";
        all.push(("FilterWords", combiner("q", words.build(), description)));
    }
    all
}

fn combiner(name: &str, of: impl Into<RefOr<Schema>>, description: &str) -> Schema {
    let combiner = ObjectBuilder::new()
        .description(Some(description))
        .property(name, of)
        .required(name)
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    Schema::Object(combiner.build())
}

/// The tests of fields, one schema for each type of field.
fn field_tests(searched: Searched) -> Vec<(&'static str, Schema)> {
    let text = || of_type(Type::String).build();
    let scalar = || of_types(&[Type::String, Type::Number, Type::Boolean, Type::Null]);
    let of_kind = |kind| {
        let attributes = searched.attributes().iter();
        let of_kind = attributes.filter(move |attribute| attribute.kind == kind);
        names(of_kind.map(|attribute| attribute.name))
    };
    let mut all = vec![
        (
            "FilterText",
            Test {
                what: "A test of a text.",
                field: pattern(forms::text_field(searched)),
                value: text(),
                ordered: Some(text()),
                contains: Some(text()),
                prefix: true,
            },
        ),
        (
            "FilterTime",
            Test {
                what: "A test of a time.",
                field: of_kind(AttributeType::Time),
                value: time(),
                ordered: Some(time()),
                contains: None,
                prefix: false,
            },
        ),
        (
            "FilterInteger",
            Test {
                what: "A test of a whole number.",
                field: of_kind(AttributeType::Integer),
                value: of_type(Type::Integer).build(),
                ordered: Some(of_type(Type::Integer).build()),
                contains: None,
                prefix: false,
            },
        ),
    ];
    if searched == Searched::Interactions {
        let plain = |field, value| Test {
            what: "A test of an attribute that has no order.",
            field,
            value,
            ordered: None,
            contains: None,
            prefix: false,
        };
        let coded = |name, values| plain(names([name]), values);
        let user_data = Test {
            what: "A test of a key of UserData. Values of different types are never equal.",
            field: pattern(forms::user_data_field()),
            value: scalar(),
            ordered: Some(of_types(&[Type::String, Type::Number])),
            contains: Some(scalar()),
            prefix: true,
        };
        let flag = of_type(Type::Boolean).build();
        let boolean = plain(of_kind(AttributeType::Boolean), flag);
        all.extend([
            ("FilterBoolean", boolean),
            ("FilterStatus", coded("status", coded_names::<Status>())),
            (
                "FilterEntityType",
                coded("entityType", coded_names::<EntityType>()),
            ),
            ("FilterUserData", user_data),
        ]);
    }
    let tests = all.into_iter();
    tests.map(|(name, test)| (name, test.schema())).collect()
}

/// The test of a field: which operators it takes, and their values.
struct Test {
    what: &'static str,
    field: Object,
    /// A value to compare with.
    value: Object,
    /// A value to compare the order with.
    ordered: Option<Object>,
    contains: Option<Object>,
    prefix: bool,
}

impl Test {
    fn schema(self) -> Schema {
        let Self {
            what,
            field,
            value,
            ordered,
            contains,
            prefix,
        } = self;
        let many = ArrayBuilder::new().items(value.clone());
        let many = many.max_items(Some(MOST_PARTS));
        let mut test = ObjectBuilder::new()
            .description(Some(format!("{what} All operators must hold.")))
            .property("field", field)
            .required("field")
            .property("eq", value.clone())
            .property("ne", value)
            .property("in", many);
        for name in ["gt", "gte", "lt", "lte", "from", "to"] {
            if let Some(value) = &ordered {
                test = test.property(name, value.clone());
            }
        }
        if let Some(value) = contains {
            test = test.property("contains", value);
        }
        if prefix {
            test = test.property("prefix", of_type(Type::String).build());
        }
        let test = test
            .property("exists", of_type(Type::Boolean).build())
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            // the field and at least one operator
            .min_properties(Some(2));
        Schema::Object(test.build())
    }
}

fn of_type(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind)
}

fn of_types(kinds: &[Type]) -> Object {
    let kinds = SchemaType::Array(kinds.to_vec());
    ObjectBuilder::new().schema_type(kinds).build()
}

fn time() -> Object {
    let kinds = SchemaType::Array(vec![Type::String, Type::Integer]);
    let time = ObjectBuilder::new()
        .schema_type(kinds)
        .description(Some("A time, a day, or milliseconds since 1970."));
    time.build()
}

fn pattern(pattern: String) -> Object {
    of_type(Type::String).pattern(Some(pattern)).build()
}

fn names<'n>(names: impl IntoIterator<Item = &'n str>) -> Object {
    of_type(Type::String).enum_values(Some(names)).build()
}

fn coded_names<T: Coded>() -> Object {
    names(T::ALL.iter().map(|(.., name)| *name))
}
