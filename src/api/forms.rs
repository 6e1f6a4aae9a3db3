//! Patterns of texts that the server parses by hand, for OpenAPI, in the syntax of ECMA-262.

use super::params::MOST_DIGITS;
use crate::domain::filter::{AttributeType, MOST_STEPS, Searched};

/// A character that is trimmed around names: Unicode's `White_Space`.
const BLANK: &str = r"[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]";

/// Any text without a NUL character.
pub const ANY: &str = r"[^\u0000]*";

/// A whole text of this form.
pub fn whole(form: &str) -> String {
    format!("^{form}$")
}

/// One of these names.
pub fn one_of<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let escaped: Vec<String> = names
        .into_iter()
        .map(|name| name.replace('.', r"\."))
        .collect();
    format!("({})", escaped.join("|"))
}

/// One of these names, in upper or lower case.
pub fn any_case(names: &[&str]) -> String {
    let of = |letter: char| match letter {
        // the Kelvin sign is a K too
        'k' => r"[kK\u212a]".to_owned(),
        letter => format!("[{letter}{}]", letter.to_ascii_uppercase()),
    };
    let names: Vec<String> = names
        .iter()
        .map(|name| name.chars().map(of).collect())
        .collect();
    format!("({})", names.join("|"))
}

/// A text of this form with blanks around it.
pub fn trimmed(form: &str) -> String {
    format!("{BLANK}*{form}{BLANK}*")
}

/// Texts of this form, joined with commas.
pub fn joined(form: &str) -> String {
    whole(&format!("{form}(,{form})*"))
}

/// A cursor of the journal.
pub fn digits() -> String {
    whole(&format!("[0-9]{{1,{MOST_DIGITS}}}"))
}

/// A cursor of a search.
pub fn page_cursor() -> String {
    whole("[A-Za-z0-9_-]+")
}

/// A path into UserData, as the name of a field. `without` lists characters that it cannot have.
fn user_data(without: &str) -> String {
    let key = format!(r"(\\[^\u0000{without}]|[^\\.\u0000{without}])*");
    // a backslash at the end escapes nothing
    format!(r"userData(\.{key}){{1,{MOST_STEPS}}}\\?")
}

/// A field of a filter that is a key of UserData.
pub fn user_data_field() -> String {
    whole(&user_data(""))
}

/// The parameters of a list that are no attributes: keys of UserData, and attributes of a contact.
pub fn open_fields(searched: Searched) -> String {
    match searched {
        Searched::Interactions => whole(&format!(r"({}|contact\.{ANY})", user_data(""))),
        Searched::Contacts => whole(&format!(r"attributes\.{ANY}")),
    }
}

/// A field of a filter that is a text: an attribute, or an attribute of a contact.
pub fn text_field(searched: Searched) -> String {
    let names = searched
        .attributes()
        .iter()
        .filter(|attribute| attribute.kind == AttributeType::Text)
        .map(|attribute| attribute.name);
    let prefix = match searched {
        Searched::Interactions => "contact",
        Searched::Contacts => "attributes",
    };
    whole(&format!(r"({}|{prefix}\.{ANY})", one_of(names)))
}

fn shown(without: &str) -> String {
    let names = Searched::Interactions
        .attributes()
        .iter()
        .map(|attribute| attribute.name);
    let names = one_of(names.chain(["userData", "participants"]));
    format!("({names}|{})", user_data(without))
}

/// A field to show in a list.
pub fn shown_field() -> String {
    whole(&shown(""))
}

/// Fields to show in a list, in one parameter.
pub fn shown_fields() -> String {
    joined(&trimmed(&shown(",")))
}

/// A sort key, or nothing.
fn key(searched: Searched) -> String {
    let sortable = searched.attributes().iter().filter(|one| one.sortable);
    format!("(-?{})?", one_of(sortable.map(|one| one.name)))
}

/// A sort key of a search.
pub fn sort_key(searched: Searched) -> String {
    whole(&key(searched))
}

/// Sort keys in one parameter.
pub fn sort_keys(searched: Searched) -> String {
    joined(&trimmed(&key(searched)))
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;
    use crate::domain::filter::{Field, parse_sort_in};

    fn regex(pattern: &str) -> Regex {
        Regex::new(pattern).expect("a pattern")
    }

    #[test]
    fn the_pattern_of_a_field_takes_what_the_parser_takes() {
        let deep = |steps: usize| format!("userData{}", ".a".repeat(steps));
        let names = [
            "userData.",
            "userData",
            "userData.a.b",
            r"userData.a\.b",
            r"userData.a\",
            r"userData.\\",
            r"userData.\😀.😀",
            "userData.a\0",
            "userData.\\\0",
            "userData.\n",
            "contact.",
            "contact.\u{2028}x",
            "contact",
            "contact.\0",
            "id",
            "ids",
            "text",
            "startDate",
            "status",
            "",
            " id",
            "id ",
            "Id",
            &deep(MOST_STEPS),
            &deep(MOST_STEPS + 1),
            &format!(r"{}\", deep(MOST_STEPS)),
        ];
        let (user_data, text) = (
            regex(&user_data_field()),
            regex(&text_field(Searched::Interactions)),
        );
        let open = regex(&open_fields(Searched::Interactions));
        for name in names {
            let read = Field::parse(name);
            let is_user_data = matches!(read, Ok(Field::UserData(_)));
            let is_contact = matches!(read, Ok(Field::Contact(_)));
            let is_text =
                matches!(read, Ok(Field::Core(attribute)) if attribute.kind == AttributeType::Text);
            assert_eq!(user_data.is_match(name), is_user_data, "{name:?}");
            assert_eq!(text.is_match(name), is_contact || is_text, "{name:?}");
            assert_eq!(open.is_match(name), is_contact || is_user_data, "{name:?}");
        }
    }

    #[test]
    fn the_pattern_of_an_order_takes_what_the_parser_takes() {
        for searched in [Searched::Interactions, Searched::Contacts] {
            let (one, list) = (regex(&sort_key(searched)), regex(&sort_keys(searched)));
            for text in [
                "",
                "id",
                "-id",
                "--id",
                "startDate",
                "-modifiedDate",
                "subject",
                " id",
                "id\t",
                "id,-createdDate",
                "id , \u{a0}id",
                ",",
                ",,id",
                "id;id",
                "\u{feff}id",
                "id\u{85}",
            ] {
                let alone = parse_sort_in(searched, "", [text]).is_ok();
                assert_eq!(one.is_match(text), alone, "{text:?}");
                let many = parse_sort_in(searched, "", text.split(',').map(str::trim)).is_ok();
                assert_eq!(list.is_match(text), many, "{text:?}");
            }
        }
    }

    #[test]
    fn a_name_in_any_case_is_found_by_its_lower_case() {
        let names = ["webcallback", "chat"];
        let pattern = regex(&whole(&any_case(&names)));
        for text in [
            "chat",
            "CHAT",
            "webCallbac\u{212a}",
            "chats",
            "cha\u{17f}",
            "ch at",
            "",
        ] {
            let known = names.contains(&text.to_lowercase().as_str());
            assert_eq!(pattern.is_match(text), known, "{text:?}");
        }
    }
}
