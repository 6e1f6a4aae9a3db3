//! The customers. Each is derived from the seed and its number alone, so none has to be stored.
//! E-mail addresses are in domains that are reserved for examples.

use unicode_normalization::UnicodeNormalization;

use super::countries::{COUNTRIES, Country};
use super::dice::Dice;
use crate::domain::Moment;
use crate::domain::contact::{GivenAttributes, OneOrMany};
use crate::domain::id::Ids;

/// A customer.
pub struct Person {
    /// Identifier of the contact.
    pub id: String,
    /// Form of address.
    pub title: &'static str,
    /// First name.
    pub first: &'static str,
    /// Last name.
    pub last: &'static str,
    /// E-mail addresses, the primary one first.
    pub emails: Vec<String>,
    /// Telephone numbers, the primary one first.
    pub phones: Vec<String>,
    /// `Gold`, `Silver` or `Bronze`.
    pub segment: &'static str,
    /// Where the customer lives.
    pub country: &'static Country,
    /// The account number.
    pub account: String,
    company: Option<&'static str>,
}

impl Person {
    /// The attributes of the contact.
    pub fn attributes(&self) -> GivenAttributes {
        let mut attributes = GivenAttributes::new();
        let mut set = |name: &str, value: &str| {
            attributes.insert(name.to_owned(), OneOrMany::One(value.to_owned()));
        };
        set("Title", self.title);
        set("FirstName", self.first);
        set("LastName", self.last);
        set("CustomerSegment", self.segment);
        set("Country", self.country.code);
        set("Language", self.country.language.name());
        set("TimeZone", self.country.zone.name());
        set("AccountNumber", &self.account);
        if let Some(company) = self.company {
            set("CompanyName", company);
        }
        let many = |values: &Vec<String>| OneOrMany::Many(values.clone());
        attributes.insert("EmailAddress".to_owned(), many(&self.emails));
        if !self.phones.is_empty() {
            attributes.insert("PhoneNumber".to_owned(), many(&self.phones));
        }
        attributes
    }
}

/// All potential customers, by country. It stores eight bytes for each, to know who has come
/// before.
pub struct People {
    seed: u64,
    /// The time of each customer's first visit in microseconds; 0 if there was none.
    came: Vec<i64>,
    known: u64,
}

impl People {
    /// A number of customers that suits the number of interactions.
    pub fn new(seed: u64, interactions: u64) -> Self {
        let many = usize::try_from(interactions / 5 + 40).unwrap_or(usize::MAX);
        Self {
            seed,
            came: vec![0; many],
            known: 0,
        }
    }

    /// The number of customers who have come so far.
    pub fn known(&self) -> u64 {
        self.known
    }

    /// Picks the customer who comes now from this country. Returns true on a first visit. `done` of
    /// `all` is the progress of history.
    pub fn comes(
        &mut self,
        country: usize,
        at: Moment,
        (done, all): (u64, u64),
        dice: &mut Dice,
    ) -> (Person, bool) {
        let many = u64::try_from(self.came.len()).unwrap_or(0);
        let shares = |countries: &[Country]| countries.iter().map(|c| c.share).sum::<u64>();
        let whole = shares(&COUNTRIES);
        let start = many * shares(&COUNTRIES[..country]) / whole;
        let end = many * shares(&COUNTRIES[..=country]) / whole;
        // the pool of customers grows over time
        let pool = (end - start).max(1);
        let pool = (pool / 5 + pool * 4 / 5 * done / all.max(1)).clamp(1, pool);
        let place = usize::try_from(start + dice.frequent(pool)).unwrap_or(0);
        let first = self.came[place] == 0;
        if first {
            self.came[place] = at.micros();
            self.known += 1;
        }
        (self.person(place, country), first)
    }

    fn person(&self, place: usize, country: usize) -> Person {
        let number = u64::try_from(place).unwrap_or(0);
        let mut dice = Dice::new(self.seed ^ 0x00c0_ffee, number);
        let since = Moment::from_micros(self.came[place]);
        let id = Ids::new(Box::new(rand_chacha::ChaCha8Rng::clone(dice.inner())))
            .next(since.unwrap_or_else(|| Moment::new(chrono::DateTime::UNIX_EPOCH)));
        let country = &COUNTRIES[country];
        let (first, first_latin) = spellings(dice.pick(country.first));
        let (last, last_latin) = spellings(dice.pick(country.last));
        let domain = dice.pick(&["example.com", "example.org", "example.net", "mail.example"]);
        let mut emails = vec![format!(
            "{}.{}{number}@{domain}",
            latin(first_latin),
            latin(last_latin)
        )];
        let company = dice.percent(20).then(|| {
            dice.pick(&[
                "Northwind Example",
                "Esempio SpA",
                "Beispiel GmbH",
                "Exemple SA",
                "Sample Ltd",
            ])
        });
        if company.is_some() {
            emails.push(format!("{}{number}@work.example", latin(last_latin)));
        }
        let mut phones = Vec::new();
        for chance in [90, 25] {
            if dice.percent(chance) {
                phones.push((country.phone)(&mut dice));
            }
        }
        Person {
            id,
            title: dice.pick(country.titles),
            first,
            last,
            emails,
            phones,
            segment: ["Gold", "Silver", "Bronze"][dice.weighted([15, 35, 50].into_iter())],
            country,
            account: format!("AC{:07}", 1_000_000 + number),
            company,
        }
    }
}

/// A name in its own script, and in Latin letters.
fn spellings(name: &'static str) -> (&'static str, &'static str) {
    name.split_once('/').unwrap_or((name, name))
}

fn latin(name: &str) -> String {
    name.replace('ß', "ss")
        .nfd()
        .filter(char::is_ascii_alphabetic)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_is_the_same_at_every_visit_and_some_come_often() {
        let at = Moment::parse("2026-03-01T09:30:00Z").unwrap();
        let mut people = People::new(1, 5_000);
        let mut dice = Dice::new(1, 1);
        let mut visits = std::collections::HashMap::<String, (u32, String)>::new();
        for _ in 0..3_000 {
            let (person, first) = people.comes(4, at, (1, 2), &mut dice);
            let seen = visits
                .entry(person.id)
                .or_insert_with(|| (0, person.emails[0].clone()));
            assert_eq!(first, seen.0 == 0);
            assert_eq!(seen.1, person.emails[0]);
            assert!(seen.1.is_ascii());
            seen.0 += 1;
        }
        let most = visits.values().map(|(times, _)| *times).max().unwrap();
        let once = visits.values().filter(|(times, _)| *times <= 30).count();
        assert!(most > 60, "{most}");
        assert!(once > visits.len() / 2, "{once} of {}", visits.len());
    }
}
