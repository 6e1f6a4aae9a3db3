//! The settings of `[gws]`: users with their hashes, web sites, the address in `uri`. No error
//! message contains a secret or a part of one.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Params};
use toml::{Table, Value};

/// The longest user name in characters.
const LONGEST_NAME: usize = 100;
/// The prefix of a hash. A secret without it is a plain password.
const HASH: &str = "$argon2";

/// A user in the settings.
#[derive(Clone, Copy)]
pub struct Named<'a> {
    /// The name.
    pub name: &'a str,
    /// A hash in PHC format, or a plain password.
    pub secret: &'a str,
}

impl<'a> Named<'a> {
    /// Parses `name:secret`.
    pub fn parse(user: &'a str) -> Option<Self> {
        let (name, secret) = user.split_once(':')?;
        Some(Self { name, secret })
    }

    /// The hash; `None` if the secret is a plain password, or a hash that cannot be computed.
    pub fn hash(&self) -> Option<PasswordHash> {
        let hash = PasswordHash::new(self.secret).ok()?;
        let known = Algorithm::try_from(hash.algorithm.as_str()).is_ok()
            && Params::try_from(&hash).is_ok()
            && hash.salt.is_some()
            && hash.hash.is_some();
        known.then_some(hash)
    }

    /// Whether the secret is a plain password.
    pub fn is_plain(&self) -> bool {
        !self.secret.starts_with(HASH)
    }
}

/// Refuses an invalid user name.
///
/// # Errors
/// What is wrong with it, as a sentence without its subject.
pub fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        Err("is empty".to_owned())
    } else if name.chars().count() > LONGEST_NAME {
        Err(format!("is longer than {LONGEST_NAME} characters"))
    } else if name.contains(':') || name.chars().any(char::is_control) {
        Err("holds a colon or a control character".to_owned())
    } else if name.trim() != name {
        Err("begins or ends with a blank".to_owned())
    } else {
        Ok(())
    }
}

/// Splits a comma-separated list of users from the environment. Commas inside a hash
/// (`m=19456,t=2,p=1$…`) do not separate users.
pub fn split_users(text: &str) -> Vec<String> {
    let mut users: Vec<String> = Vec::new();
    for part in text.split(',') {
        match users.last_mut() {
            Some(user) if !part.contains(':') && user.contains(&format!(":{HASH}")) => {
                user.push(',');
                user.push_str(part.trim_end());
            }
            _ if part.trim().is_empty() => {}
            _ => users.push(part.trim().to_owned()),
        }
    }
    users
}

/// The users in a table of settings, each with its index in the list.
fn users(settings: &Table) -> Result<Vec<(usize, Named<'_>)>, String> {
    let Some(users) = settings
        .get("gws")
        .and_then(Value::as_table)
        .and_then(|gws| gws.get("users"))
    else {
        return Ok(Vec::new());
    };
    let wrong = |place: usize| {
        format!(
            "[gws] users, entry {place}, is not of the form \"name:hash\" that `annals gws-user` prints"
        )
    };
    users
        .as_array()
        .ok_or_else(|| "[gws] users is no list of texts".to_owned())?
        .iter()
        .zip(1..)
        .map(|(user, place)| {
            let named = user
                .as_str()
                .and_then(Named::parse)
                .ok_or_else(|| wrong(place))?;
            Ok((place, named))
        })
        .collect()
}

/// Refuses a plain password in a settings file, since files are copied, backed up and shown to
/// others.
///
/// # Errors
/// A sentence that names the user, and the command that makes hashes.
pub fn want_hashes(settings: &Table) -> Result<(), String> {
    match users(settings)?.iter().find(|(_, user)| user.is_plain()) {
        None => Ok(()),
        Some((_, user)) => Err(format!(
            "[gws] users gives {:?} a plain password, which only ANNALS_GWS_USERS may contain; `annals gws-user {}` prints what belongs here",
            user.name, user.name
        )),
    }
}

/// Checks the users, whatever their source.
///
/// # Errors
/// A sentence that names the user.
pub fn check_users(settings: &Table) -> Result<(), String> {
    let users = users(settings)?;
    for (at, (place, user)) in users.iter().enumerate() {
        check_name(user.name)
            .map_err(|what| format!("[gws] users, entry {place}: the name {what}"))?;
        if users[..at].iter().any(|(_, other)| other.name == user.name) {
            return Err(format!("[gws] users names {:?} twice", user.name));
        }
        if user.secret.is_empty() {
            return Err(format!("[gws] users gives {:?} no password", user.name));
        }
        if !user.is_plain() && user.hash().is_none() {
            return Err(format!(
                "[gws] users gives {:?} a hash that is none of Argon2, or not all of it; `annals gws-user {}` prints one",
                user.name, user.name
            ));
        }
    }
    Ok(())
}

/// Checks the web sites and the address.
///
/// # Errors
/// A sentence that names what is wrong.
pub fn check(gws: &super::Gws) -> Result<(), String> {
    super::want_origins("gws", &gws.allow_origins)?;
    let base = &gws.base_url;
    let of_the_web =
        url::Url::parse(base).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !base.is_empty() && !of_the_web {
        return Err(format!(
            "[gws] base_url is {base:?}, which is not an address of the form \"https://annals.example.org\""
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A well-formed hash.
    const HASHED: &str =
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$2vGJHbNZpKdvHp3MHUNDcRJYHaZWbW1/qhh6IQMkd8w";

    fn settings(users: &str) -> Table {
        toml::from_str(&format!("[gws]\nusers = {users}\n")).unwrap()
    }

    #[test]
    fn commas_of_a_hash_part_nothing() {
        let text = format!("ann:{HASHED}, bob:pass word ,,cy:{HASHED},dee:x");
        let wanted = [
            format!("ann:{HASHED}"),
            "bob:pass word".into(),
            format!("cy:{HASHED}"),
            "dee:x".into(),
        ];
        assert_eq!(split_users(&text), wanted);
    }

    #[test]
    fn users_are_checked_and_no_error_tells_a_secret() {
        let cut = &HASHED[..HASHED.len() - 44];
        for (users, wanted) in [
            ("\"ann:hunter2\"".to_owned(), "no list of texts"),
            ("[\"hunter2\"]".to_owned(), "entry 1"),
            ("[7]".to_owned(), "entry 1"),
            ("[\":hunter2\"]".to_owned(), "the name is empty"),
            ("[\"a\\u0007:hunter2\"]".to_owned(), "control character"),
            (
                "[\"ann:hunter2\", \"ann:hunter2\"]".to_owned(),
                "\"ann\" twice",
            ),
            ("[\"ann:\"]".to_owned(), "\"ann\" no password"),
            (format!("[\"ann:{cut}\"]"), "\"ann\" a hash that is none"),
            (
                format!("[\"ann:{}\"]", HASHED.replace("2id", "2xx")),
                "none of Argon2",
            ),
        ] {
            let error = check_users(&settings(&users)).unwrap_err();
            assert!(
                error.contains(wanted) && !error.contains("hunter2") && !error.contains("c2Fsd"),
                "{error}"
            );
        }
        assert_eq!(
            check_users(&settings(&format!("[\"ann:{HASHED}\", \"bob:x:y\"]"))),
            Ok(())
        );
    }

    #[test]
    fn a_file_holds_hashes_only() {
        assert_eq!(
            want_hashes(&settings(&format!("[\"ann:{HASHED}\"]"))),
            Ok(())
        );
        let error = want_hashes(&settings("[\"ann:hunter2\"]")).unwrap_err();
        assert!(
            error.contains("\"ann\"")
                && error.contains("annals gws-user ann")
                && !error.contains("hunter2"),
            "{error}"
        );
    }
}
