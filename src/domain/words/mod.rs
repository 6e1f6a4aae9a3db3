//! Words of a text, as both databases index and search them.
//!
//! Each database would cut a text its own way, so the server cuts it and hands over plain words:
//! lower case, without accents, letters and digits only.
//!
//! Some scripts write no blanks between words (Han, kana, Thai, Lao, Khmer, Myanmar), Korean adds
//! endings to its words, and emoji stand anywhere. A run of such signs is indexed as overlapping
//! pairs: `환불을` becomes `환불`, `불을` and, at its end, `을`. So each sign has one place, a part
//! of a run is found as a phrase of pairs, and a single sign as the beginning of a pair.

mod cut;
mod query;
mod script;

pub use query::{Term, WordQuery};

use cut::Cutter;

/// Words indexed of one text, each sign of a run counting as one; what comes after is kept and
/// returned, but not found by `q`.
pub const MOST_WORDS: usize = 10_000;
/// Bytes indexed of one text, all words together; Postgres takes no more than a mebibyte.
pub const MOST_BYTES: usize = 512 * 1024;
/// The version of these rules. A store whose index follows another one is indexed anew when it is
/// opened.
pub const VERSION: i64 = 2;

/// Longer words are cut, on indexing and on searching alike.
const LONGEST_WORD: usize = 64;

/// Stands between the words of two texts, so that no phrase reaches from one into the other; no
/// query can hold it.
const BOUNDARY: &str = "¶";

/// The words of several texts, joined with blanks.
pub fn joined<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut cutter = Cutter::default();
    for text in texts {
        cutter.text(text);
    }
    cutter.joined
}

#[cfg(test)]
mod tests;
