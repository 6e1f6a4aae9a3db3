//! The rules for identifying contacts: configuration, with the ranks of UCS 8.x as the default.

use std::collections::{BTreeMap, BTreeSet};

use rlibphonenumber::Region;
use sha2::{Digest, Sha256};

use super::address::{self, Parts};
use super::placeholder::{self, Placeholders};
use super::{ADDRESS_PLACEHOLDERS, Attributes, PLACEHOLDERS, phone, spelling};
use crate::domain::interaction::media_type;

/// Attributes that identify together: all of them must match.
pub type Rank = Vec<String>;

/// The folded identifying values of a contact or a request, by attribute, without placeholders.
pub type Folded = BTreeMap<String, BTreeSet<String>>;

/// The default ranks, after UCS 8.x ("Contact Identification"), in the form of the settings.
pub const RANKS: [&str; 3] = ["EmailAddress", "PhoneNumber", "FirstName+LastName"];
/// The default narrowing attributes.
const NARROWING: [&str; 1] = ["Title"];
/// The largest number of attributes of a rank.
const WIDEST_RANK: usize = 4;
/// The largest number of ranks of a list.
const MOST_RANKS: usize = 20;

/// The version of the folded form. When it changes, a store folds its values again.
const FOLDING: u32 = 3;

/// The rules by which contacts are identified.
#[derive(Clone, Debug)]
pub struct ContactRules {
    ranks: Vec<Rank>,
    by_media: BTreeMap<String, Vec<Rank>>,
    narrowing: Vec<String>,
    phones: BTreeSet<String>,
    emails: BTreeSet<String>,
    placeholders: Placeholders,
    region: Option<Region>,
    /// Whether new values in a request are added to the contact that it identifies.
    pub learn: bool,
}

impl Default for ContactRules {
    fn default() -> Self {
        Self::new(&defaults()).expect("the defaults hold")
    }
}

/// The default settings.
pub(super) fn defaults() -> Settings {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Settings {
        ranks: texts(&RANKS),
        ranks_by_media: BTreeMap::new(),
        narrowing: texts(&NARROWING),
        phones: vec!["PhoneNumber".to_owned()],
        emails: vec!["EmailAddress".to_owned()],
        placeholders: texts(&PLACEHOLDERS),
        address_placeholders: texts(&ADDRESS_PLACEHOLDERS),
        default_region: String::new(),
        learn: true,
    }
}

/// The rules in the form of the settings.
pub struct Settings {
    /// Ranks, each an attribute or several joined with `+`.
    pub ranks: Vec<String>,
    /// Ranks for a media type, in place of the general ones.
    pub ranks_by_media: BTreeMap<String, Vec<String>>,
    /// Narrowing attributes: they narrow a list and start none.
    pub narrowing: Vec<String>,
    /// Attributes that hold telephone numbers.
    pub phones: Vec<String>,
    /// Attributes that hold e-mail addresses.
    pub emails: Vec<String>,
    /// Placeholder values.
    pub placeholders: Vec<String>,
    /// Further placeholder values of telephone numbers and e-mail addresses.
    pub address_placeholders: Vec<String>,
    /// The default region of numbers without a country code; empty for none.
    pub default_region: String,
    /// Whether new values are added to a known contact.
    pub learn: bool,
}

impl ContactRules {
    /// Reads the rules.
    ///
    /// # Errors
    /// A sentence that names the setting and what is wrong with it.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let set = |names: &[String]| names.iter().cloned().collect();
        let by_media = settings
            .ranks_by_media
            .iter()
            .map(|(media, ranks)| Ok((media_type(media), read_ranks(ranks)?)))
            .collect::<Result<_, String>>()?;
        let region = match settings.default_region.trim() {
            "" => None,
            code => Some(phone::region(code).ok_or_else(|| {
                format!("default_region is {code:?}, which is no region such as \"GB\"")
            })?),
        };
        Ok(Self {
            ranks: read_ranks(&settings.ranks)?,
            by_media,
            narrowing: settings.narrowing.clone(),
            phones: set(&settings.phones),
            emails: set(&settings.emails),
            placeholders: Placeholders::new(&settings.placeholders, &settings.address_placeholders),
            region,
            learn: settings.learn,
        })
    }

    /// The ranks of a media type.
    pub fn ranks(&self, media_type: Option<&str>) -> &[Rank] {
        media_type
            .and_then(|media| self.by_media.get(media))
            .unwrap_or(&self.ranks)
    }

    /// The narrowing attributes.
    pub fn narrowing(&self) -> &[String] {
        &self.narrowing
    }

    /// Every rank of every media type.
    pub fn all_ranks(&self) -> BTreeSet<&Rank> {
        self.ranks
            .iter()
            .chain(self.by_media.values().flatten())
            .collect()
    }

    /// Every attribute that identifies or narrows.
    pub fn fields(&self) -> BTreeSet<&str> {
        self.all_ranks()
            .into_iter()
            .flatten()
            .chain(&self.narrowing)
            .map(String::as_str)
            .collect()
    }

    /// Whether a value of an attribute identifies a contact without other attributes.
    pub fn identifies_alone(&self, name: &str) -> bool {
        let mut ranks = self.all_ranks().into_iter();
        ranks.any(|rank| rank.len() == 1 && rank[0] == name)
    }

    /// Whether values of an attribute are compared in their folded form.
    pub fn folds(&self, name: &str) -> bool {
        self.phones.contains(name)
            || self.emails.contains(name)
            || self.narrowing.iter().any(|other| other == name)
            || self
                .all_ranks()
                .into_iter()
                .flatten()
                .any(|other| other == name)
    }

    /// The form in which a value is compared; `None` for a placeholder, which equals nothing.
    pub fn fold(&self, name: &str, value: &str) -> Option<String> {
        let (phone, email) = (self.phones.contains(name), self.emails.contains(name));
        if self.says_nothing(value, phone, email) {
            return None;
        }
        if !phone {
            return Some(if email {
                address::email(value)
            } else {
                address::text(value)
            });
        }
        match phone::number(value, self.region) {
            Some(number) => {
                let main = number.split(';').next().unwrap_or_default();
                let withheld = self.placeholders.has(main, true);
                (!withheld).then_some(number)
            }
            None => Some(address::other(value)),
        }
    }

    /// The folded values of all identifying and narrowing attributes.
    pub fn fold_all(&self, attributes: &Attributes) -> Folded {
        let mut all = Folded::new();
        for name in self.fields() {
            let values = attributes.get(name).into_iter().flatten();
            let folded: BTreeSet<String> =
                values.filter_map(|value| self.fold(name, value)).collect();
            if !folded.is_empty() {
                all.insert(name.to_owned(), folded);
            }
        }
        all
    }

    fn says_nothing(&self, value: &str, phone: bool, email: bool) -> bool {
        let address = phone || email;
        let empty =
            |text: &str| placeholder::says_nothing(text) || self.placeholders.has(text, address);
        // programs write -1 for a missing number
        if empty(value) || value.trim() == "-1" {
            return true;
        }
        if !address {
            return false;
        }
        // sip:anonymous@anonymous.invalid (RFC 3323), tel:unknown, client:anonymous
        let seen = spelling::visible(value);
        let inner = spelling::bare(&seen);
        if inner.is_empty() || phone::is_sign_alone(inner) {
            return true;
        }
        let parts = Parts::of(inner);
        // a user at a host may have a name of one letter
        let is_nobody = |user: &str| {
            let letter = user.chars().count() == 1 && !parts.host.is_empty();
            placeholder::says_nothing(user)
                || phone::is_sign_alone(user)
                || (!letter && empty(user))
        };
        parts.host.to_lowercase().ends_with(".invalid")
            || ((phone || parts.schemed) && is_nobody(parts.user))
    }

    /// Identifies the rules for folded values; equal rules have equal fingerprints.
    pub fn fingerprint(&self) -> String {
        let said = format!(
            "{FOLDING} {:?} {:?} {:?} {:?}",
            self.phones, self.emails, self.placeholders, self.region
        );
        hex::encode(&Sha256::digest(said)[..16])
    }
}

#[cfg(test)]
impl ContactRules {
    /// The default rules with a default region for telephone numbers.
    pub fn in_region(code: &str) -> Self {
        Self::new(&Settings {
            default_region: code.to_owned(),
            ..defaults()
        })
        .expect("the region exists")
    }
}

fn read_ranks(texts: &[String]) -> Result<Vec<Rank>, String> {
    if texts.len() > MOST_RANKS {
        return Err(format!("ranks has more than {MOST_RANKS} ranks"));
    }
    texts
        .iter()
        .map(|text| {
            let rank: Rank = text.split('+').map(|name| name.trim().to_owned()).collect();
            if rank.iter().any(String::is_empty) || rank.len() > WIDEST_RANK {
                return Err(format!(
                    "ranks has {text:?}, which is not one to {WIDEST_RANK} attributes joined with +"
                ));
            }
            Ok(rank)
        })
        .collect()
}
