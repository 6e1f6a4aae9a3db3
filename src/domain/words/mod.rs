//! The words of a text, as both databases index and search them.
//!
//! Each database would cut a text in its own way. Therefore the server cuts it and passes plain
//! words: lower case, without accents, letters and digits only.
//!
//! Some scripts put no blanks between words (Han, kana, Thai, Lao, Khmer, Myanmar), Korean
//! adds endings to its words, and emoji can stand anywhere. A run of such signs is indexed
//! as overlapping pairs: `환불을` becomes `환불`, `불을` and, at its end, `을`. So each sign has
//! one position, a part of a run is found as a phrase of pairs, and a single sign is found
//! as the beginning of a pair.

mod cut;
mod query;
mod script;

pub use query::{Term, WordQuery};

use cut::Cutter;

/// The largest number of indexed words of a text, where each sign of a run counts as one. Later
/// words are stored and returned, but `q` does not find them.
pub const MOST_WORDS: usize = 10_000;
/// The largest number of indexed bytes of a text, over all words; Postgres takes at most a
/// mebibyte.
pub const MOST_BYTES: usize = 512 * 1024;
/// The version of these rules. A store with an index of another version is indexed again when it is
/// opened.
pub const VERSION: i64 = 3;

/// The longest word in characters. Longer words are cut, both in the index and in queries.
const LONGEST_WORD: usize = 64;

/// Separates the words of two texts, so that no phrase spans both. It cannot occur in a query.
const BOUNDARY: &str = "¶";

/// The words of several texts, separated by blanks.
pub fn joined<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut cutter = Cutter::default();
    for text in texts {
        cutter.text(text);
    }
    cutter.joined
}

#[cfg(test)]
mod tests;
