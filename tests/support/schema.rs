//! Checks values against the schemas of the OpenAPI document.

use regex::Regex;
use serde_json::Value;

/// Keywords that only describe.
const ANNOTATIONS: [&str; 5] = ["default", "description", "example", "examples", "format"];

/// The document.
pub struct Document(pub Value);

impl Document {
    /// The schema of the body of an operation, whose path may have an identifier in its third place.
    pub fn body(&self, method: &str, path: &str) -> &Value {
        let content = &self.operation(method, path)["requestBody"]["content"];
        &content["application/json"]["schema"]
    }

    /// The schema of a parameter.
    pub fn parameter(&self, path: &str, name: &str) -> &Value {
        let all = self.operation("get", path)["parameters"].as_array();
        let found = all.into_iter().flatten().find(|one| one["name"] == name);
        &found.unwrap_or_else(|| panic!("{path} has no {name}"))["schema"]
    }

    fn operation(&self, method: &str, path: &str) -> &Value {
        let operation = &self.0["paths"][path][method.to_lowercase()];
        assert!(operation.is_object(), "{method} {path}");
        operation
    }

    /// Whether a value is what a schema allows.
    pub fn fits(&self, schema: &Value, value: &Value) -> bool {
        let keywords = schema.as_object().expect("a schema");
        keywords
            .iter()
            .filter(|(keyword, _)| !ANNOTATIONS.contains(&keyword.as_str()))
            .all(|(keyword, of)| self.holds(schema, keyword, of, value))
    }

    fn holds(&self, schema: &Value, keyword: &str, of: &Value, value: &Value) -> bool {
        let size = || usize::try_from(of.as_u64().expect("a size")).unwrap();
        let (least, most) = (
            |given: usize| given >= size(),
            |given: usize| given <= size(),
        );
        match (keyword, value) {
            ("$ref", _) => {
                let pointer = of.as_str().unwrap().trim_start_matches('#');
                self.fits(self.0.pointer(pointer).expect("a schema"), value)
            }
            ("oneOf", _) => {
                let any = of.as_array().unwrap();
                any.iter().filter(|one| self.fits(one, value)).count() == 1
            }
            ("type", _) => match of {
                Value::Array(any) => any.iter().any(|kind| is(kind, value)),
                kind => is(kind, value),
            },
            ("enum", _) => of.as_array().unwrap().contains(value),
            ("pattern", Value::String(text)) => {
                Regex::new(of.as_str().unwrap()).unwrap().is_match(text)
            }
            ("minLength", Value::String(text)) => least(text.chars().count()),
            ("maxLength", Value::String(text)) => most(text.chars().count()),
            ("minimum", Value::Number(number)) => number.as_f64() >= of.as_f64(),
            ("maximum", Value::Number(number)) => number.as_f64() <= of.as_f64(),
            ("items", Value::Array(items)) => items.iter().all(|item| self.fits(of, item)),
            ("minItems", Value::Array(items)) => least(items.len()),
            ("maxItems", Value::Array(items)) => most(items.len()),
            ("required", Value::Object(members)) => {
                let names = of
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|name| name.as_str().unwrap());
                names.into_iter().all(|name| members.contains_key(name))
            }
            ("properties", Value::Object(members)) => members
                .iter()
                .all(|(name, member)| of.get(name).is_none_or(|of| self.fits(of, member))),
            ("propertyNames", Value::Object(members)) => {
                let mut names = members.keys();
                names.all(|name| self.fits(of, &name.as_str().into()))
            }
            ("additionalProperties", Value::Object(members)) => {
                let known = &schema["properties"];
                let mut further = members.iter().filter(|(name, _)| known.get(name).is_none());
                further.all(|(_, member)| match of {
                    Value::Bool(allowed) => *allowed,
                    of => self.fits(of, member),
                })
            }
            ("minProperties", Value::Object(members)) => least(members.len()),
            ("maxProperties", Value::Object(members)) => most(members.len()),
            (
                "pattern"
                | "minLength"
                | "maxLength"
                | "minimum"
                | "maximum"
                | "items"
                | "minItems"
                | "maxItems"
                | "required"
                | "properties"
                | "propertyNames"
                | "additionalProperties"
                | "minProperties"
                | "maxProperties",
                _,
            ) => true,
            (other, _) => panic!("{other} is no known keyword"),
        }
    }
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("{other} is no type"),
    }
}
