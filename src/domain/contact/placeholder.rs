//! Recognises placeholder values, such as "anonymous", that identify nobody.

use std::collections::BTreeSet;

use super::spelling::{with_digits, words};

/// Most words of a placeholder.
const MOST_WORDS: usize = 6;
/// Fewest letters of a placeholder that counts in a combination of a name: "Na Na" is a name.
const FEWEST_LETTERS: usize = 4;

/// The form in which placeholders are compared: lower case, without accents, punctuation, and
/// blanks between words.
pub(super) fn plain(text: &str) -> String {
    words(text).concat()
}

/// Placeholder values in their compared form.
#[derive(Clone, Debug)]
pub(super) struct Placeholders {
    /// Those of all attributes.
    pub general: BTreeSet<String>,
    /// Those of telephone numbers and e-mail addresses alone.
    pub of_addresses: BTreeSet<String>,
}

impl Placeholders {
    /// Reads two lists of placeholders.
    pub fn new(general: &[String], of_addresses: &[String]) -> Self {
        let read = |list: &[String]| {
            let plain = list.iter().map(|text| plain(text));
            plain.filter(|text| !text.is_empty()).collect()
        };
        Self {
            general: read(general),
            of_addresses: read(of_addresses),
        }
    }

    /// Whether a text is a placeholder, or several one after the other: "private/unknown".
    pub fn has(&self, text: &str, address: bool) -> bool {
        let listed = |text: &str| {
            self.general.contains(text) || (address && self.of_addresses.contains(text))
        };
        let words = words(text);
        // whether placeholders reach up to a word
        let mut reached = vec![false; words.len() + 1];
        reached[0] = true;
        for start in 0..words.len() {
            if !reached[start] {
                continue;
            }
            let mut phrase = String::new();
            for end in start + 1..=words.len().min(start + MOST_WORDS) {
                phrase.push_str(&words[end - 1]);
                let counts = address
                    || end - start == words.len()
                    || phrase.chars().count() >= FEWEST_LETTERS;
                if counts && listed(&phrase) {
                    reached[end] = true;
                }
            }
        }
        !words.is_empty() && reached[words.len()]
    }
}

/// Whether a text cannot identify anybody: it has no letter, and no digit other than zero.
pub(super) fn says_nothing(text: &str) -> bool {
    with_digits(text)
        .chars()
        .all(|c| c == '0' || !c.is_alphanumeric())
}
