use super::*;
use crate::domain::limits::Limits;
use serde_json::json;

fn given(text: &str) -> Result<Given, String> {
    crate::json::read(text.as_bytes()).map_err(|refusal| refusal.to_string())
}

#[test]
fn a_key_given_twice_in_an_object_is_refused_with_its_pointer() {
    let error = given(r#"{"a": [0, {"b/c": 1, "b/c": 2}]}"#).unwrap_err();
    assert_eq!(error, "/a/1/b~1c is given twice");
    assert!(given(r#"{"a": 1, "b": {"a": 1}}"#).is_ok());
}

#[test]
fn of_a_key_repeated_in_a_pair_list_the_last_wins_and_is_named() {
    let found = given(
        r#"[{"key": "a", "type": "str", "value": "1"}, {"key": "l", "type": "kvlist", "value": [{"key": "x", "type": "int", "value": 1}]}, {"key": "a", "type": "interger", "value": 2}]"#,
    )
    .unwrap();
    assert_eq!(
        Value::Object(found.document),
        json!({"a": 2, "l": {"x": 1}})
    );
    assert_eq!(found.repeated, ["a"]);
}

#[test]
fn what_is_no_pair_is_refused_with_its_place() {
    for (text, told) in [
        (
            "[1]",
            "/0 is no object, as a pair of key, type and value is",
        ),
        (r#"[{"key":"a"},{"value":1}]"#, "/1 has no text \"key\""),
        (
            r#"[{"key":"a","size":1}]"#,
            "/0 has the member \"size\"; a pair has key, type and value",
        ),
        (
            r#"[{"key":"a","type":"kvlist","value":[2]}]"#,
            "/0 holds a list whose element 0 is no object, as a pair of key, type and value is",
        ),
        (
            "3",
            "it is a number, and must be an object or a list of {key, type, value}",
        ),
    ] {
        assert_eq!(given(text).unwrap_err(), told, "{text}");
    }
}

#[test]
fn transient_keys_leave_and_extraction_lifts_fields_first() {
    let rules = Transience {
        extract: vec![("page_url".into(), KeyPath::parse("jsonEvent.data.url"))],
        ..Transience::default()
    };
    let mut document = given(r#"{"jsonEvent": {"data": {"url": "/p"}}, "rule": "r"}"#)
        .unwrap()
        .document;
    assert_eq!(
        rules.apply(&mut document, &Limits::default(), |_| false),
        ["jsonEvent"]
    );
    assert_eq!(
        Value::Object(document),
        json!({"rule": "r", "page_url": "/p"})
    );
}

#[test]
fn no_key_means_more_than_itself() {
    let text = r#"{"a":{"$serde_json::private::RawValue":"[1]"},"b":{"$serde_json::private::RawValue":5},"c":{"$serde_json::private::Number":"7"}}"#;
    assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), text);
    assert!(read("[]").is_err());
    assert!(read("{} {}").is_err());
}

#[test]
fn a_path_escapes_its_dots() {
    let path = KeyPath::parse(r"Info.DispositionCode\.Key");
    assert_eq!(path.0, ["Info", "DispositionCode.Key"]);
    assert_eq!(path.to_string(), r"Info.DispositionCode\.Key");
}

#[test]
fn what_is_too_deep_is_refused_with_its_place() {
    let mut value = json!(1);
    for _ in 0..70 {
        value = json!([value]);
    }
    let mut faults = Vec::new();
    let Value::Object(document) = json!({ "deep": value }) else {
        unreachable!()
    };
    check("/userData", &document, &Limits::default(), &mut faults);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].pointer.starts_with("/userData/deep/0/0"));
}
