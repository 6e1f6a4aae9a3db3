//! Options under the vendor's names, so that an operator can copy a section over.
//!
//! Source: Genesys Web Engagement, Developer's Guide, "Propagate `UserData`": the option
//! `wes.connector.interaction.copyUserData` of the section `[service:wes]`.

use toml::{Table, Value};

/// The vendor's section and option, and the corresponding setting.
const OPTIONS: [(&str, &str, &str, &str); 1] = [(
    "service:wes",
    "wes.connector.interaction.copyUserData",
    "engagement",
    "copy_user_data",
)];

/// Replaces the vendor's options in a file by our settings.
///
/// # Errors
/// A sentence that names a misspelt option, or one that contradicts our setting.
pub fn adopt(given: &mut Table) -> Result<(), String> {
    for (section, option, ours, setting) in OPTIONS {
        let Some(found) = given.remove(section) else {
            continue;
        };
        let Value::Table(mut found) = found else {
            return Err(format!("{section} is no [section]"));
        };
        // a dotted name may be quoted, as the vendor writes it, or unquoted, which makes nested
        // tables
        let value = found
            .remove(option)
            .or_else(|| take_nested(&mut found, option));
        // other options of the section say nothing to this server, but a misspelt one would
        let (ours_begin, _) = option.rsplit_once('.').unwrap_or((option, ""));
        if let Some(other) = names(&found, "")
            .into_iter()
            .find(|name| name.to_lowercase().starts_with(&ours_begin.to_lowercase()))
        {
            return Err(format!(
                "[\"{section}\"] has {other}, which is unknown; the known option is \"{option}\""
            ));
        }
        let Some(value) = value else { continue };
        let into = given
            .entry(ours)
            .or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(into) = into else {
            return Err(format!("{ours} is no [section]"));
        };
        match into.get(setting) {
            Some(there) if *there != value => {
                return Err(format!(
                    "[{ours}] {setting} and [\"{section}\"] \"{option}\" contradict each other; give one"
                ));
            }
            _ => into.insert(setting.to_owned(), value),
        };
    }
    Ok(())
}

/// The names of all options, dotted also where they make nested tables.
fn names(table: &Table, before: &str) -> Vec<String> {
    let name = |(key, value): (&String, &Value)| {
        let name = format!("{before}{key}");
        match value {
            Value::Table(inner) => names(inner, &format!("{name}.")),
            _ => vec![name],
        }
    };
    table.iter().flat_map(name).collect()
}

fn take_nested(table: &mut Table, path: &str) -> Option<Value> {
    let Some((first, rest)) = path.split_once('.') else {
        return table.remove(path);
    };
    let Value::Table(inner) = table.get_mut(first)? else {
        return None;
    };
    let found = take_nested(inner, rest);
    if inner.is_empty() {
        table.remove(first);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adopted(text: &str) -> Result<Table, String> {
        let mut given: Table = toml::from_str(text).unwrap();
        adopt(&mut given).map(|()| given)
    }

    #[test]
    fn the_vendors_option_becomes_our_setting() {
        for text in [
            "[\"service:wes\"]\n\"wes.connector.interaction.copyUserData\" = \"rule;ORS Data\"",
            "[\"service:wes\"]\nwes.connector.interaction.copyUserData = \"rule;ORS Data\"",
        ] {
            let wanted: Table =
                toml::from_str("[engagement]\ncopy_user_data = \"rule;ORS Data\"").unwrap();
            assert_eq!(adopted(text).unwrap(), wanted);
        }
    }

    #[test]
    fn what_contradicts_or_is_unknown_is_named() {
        let both = "[engagement]\ncopy_user_data = \"no\"\n[\"service:wes\"]\n\"wes.connector.interaction.copyUserData\" = \"all\"";
        assert!(adopted(both).unwrap_err().contains("contradict"));
        for misspelt in [
            "\"wes.connector.interaction.copyuserdata\" = \"all\"",
            "wes.connector.interaction.copyUserDatas = \"all\"",
        ] {
            let told = adopted(&format!("[\"service:wes\"]\n{misspelt}")).unwrap_err();
            assert!(told.contains("which is unknown"), "{told}");
        }
    }

    #[test]
    fn other_options_of_the_section_are_ignored() {
        let section = "[\"service:wes\"]\n\"wes.connector.timeout\" = 5\nwes.other = \"x\"\n\"cep.x\" = 1\n\
                       \"wes.connector.interaction.copyUserData\" = \"all\"";
        let wanted: Table = toml::from_str("[engagement]\ncopy_user_data = \"all\"").unwrap();
        assert_eq!(adopted(section).unwrap(), wanted);
    }
}
