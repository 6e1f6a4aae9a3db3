//! Words of a text, as both databases index and search them.
//!
//! Each database would cut a text its own way; so we cut it, and hand over plain words: lower case, without accents,
//! letters and digits only. Signs of scripts that write no blanks (Han, kana) are a word each, so that a run of them is found as a phrase.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Words indexed of one text; what comes after is kept and returned, but not found by `q`.
pub const MOST_WORDS: usize = 10_000;
/// Bytes indexed of one text, all words together; Postgres takes no more than a mebibyte.
pub const MOST_BYTES: usize = 512 * 1024;
/// Longer words are cut, on indexing and on searching alike.
const LONGEST_WORD: usize = 64;

/// The words of a text in order.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    let all = joined([text]);
    let words: Vec<String> = all.split_terminator(' ').map(str::to_owned).collect();
    words.into_iter()
}

/// Stands between the words of two texts, so that no phrase reaches from one into the other; no question can hold it.
const BOUNDARY: &str = "¶";

/// The words of several texts, joined with blanks.
pub fn joined<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut cutter = Cutter::default();
    for text in texts {
        cutter.text(text);
    }
    cutter.joined
}

fn stands_alone(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

/// Cuts texts into words, and joins them with blanks as it goes.
#[derive(Default)]
struct Cutter {
    joined: String,
    words: usize,
    /// Whether a word is under way.
    within: bool,
    /// Characters of the word under way.
    length: usize,
    /// Whether another text ended before, and its boundary is still to be written.
    boundary: bool,
}

impl Cutter {
    fn text(&mut self, text: &str) {
        self.boundary = !self.joined.is_empty();
        let mut rest = text;
        // ASCII decomposes to itself and never joins its neighbours: the long way is gone only for what stands between
        while !rest.is_empty() && !self.full() {
            let end = rest.bytes().position(|byte| !byte.is_ascii());
            let (plain, after) = rest.split_at(end.unwrap_or(rest.len()));
            self.plain(plain);
            let end = after.bytes().position(|byte| byte.is_ascii());
            let (other, after) = after.split_at(end.unwrap_or(after.len()));
            self.other(other);
            rest = after;
        }
        self.end();
    }

    fn plain(&mut self, text: &str) {
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() {
                self.letter(Some(char::from(byte.to_ascii_lowercase())));
            } else {
                self.end();
                if self.full() {
                    return;
                }
            }
        }
    }

    fn other(&mut self, text: &str) {
        for c in text.nfkd().filter(|c| !is_combining_mark(*c)) {
            if stands_alone(c) {
                self.end();
                self.letter(Some(c));
                self.end();
            } else if c.is_alphanumeric() {
                self.letter(c.to_lowercase().filter(|c| !is_combining_mark(*c)));
            } else {
                self.end();
            }
            if self.full() {
                return;
            }
        }
    }

    fn letter(&mut self, folded: impl IntoIterator<Item = char>) {
        if self.length == LONGEST_WORD || self.full() {
            return;
        }
        self.length += 1;
        for c in folded {
            if !self.within {
                self.within = true;
                self.words += 1;
                if std::mem::take(&mut self.boundary) {
                    self.joined.push(' ');
                    self.joined.push_str(BOUNDARY);
                }
                if !self.joined.is_empty() {
                    self.joined.push(' ');
                }
            }
            self.joined.push(c);
        }
    }

    fn end(&mut self) {
        self.within = false;
        self.length = 0;
    }

    fn full(&self) -> bool {
        !self.within && (self.words == MOST_WORDS || self.joined.len() >= MOST_BYTES)
    }
}

/// What `q` asks for: every term must be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordQuery(pub Vec<Term>);

/// One term: words that follow each other, the last one perhaps only by its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// At least one word.
    pub words: Vec<String>,
    /// The last word stands for all words that begin so.
    pub prefix: bool,
}

impl WordQuery {
    /// Reads `refund "credit card" cancel*`: words, phrases in quotes, beginnings with an asterisk.
    ///
    /// # Errors
    /// When no word is left.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut terms = Vec::new();
        for (index, part) in text.split('"').enumerate() {
            let quoted = index % 2 == 1;
            let pieces: Vec<&str> = if quoted {
                vec![part]
            } else {
                part.split_whitespace().collect()
            };
            for piece in pieces {
                let found: Vec<String> = words(piece).collect();
                if !found.is_empty() {
                    terms.push(Term {
                        words: found,
                        prefix: !quoted && piece.ends_with('*'),
                    });
                }
            }
        }
        if terms.is_empty() {
            Err("holds no word to search for".to_owned())
        } else {
            Ok(Self(terms))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_cut_alike_in_every_script() {
        let found: Vec<String> = words("Où est l'Émile? Ärger №42 退款 straße_x").collect();
        assert_eq!(
            found,
            [
                "ou", "est", "l", "emile", "arger", "no42", "退", "款", "straße", "x"
            ]
        );
    }

    #[test]
    fn a_text_of_mixed_scripts_is_cut_as_if_it_were_decomposed_whole() {
        let text = format!(
            "Perche\u{301} no? Cafe\u{301}42É{} e\u{301}",
            "x".repeat(80)
        );
        let found: Vec<String> = words(&text).collect();
        let cut = format!("cafe42e{}", "x".repeat(LONGEST_WORD - 7));
        assert_eq!(found, ["perche", "no", &cut, "e"]);
    }

    #[test]
    fn words_end_where_the_index_does_and_texts_do_not_run_together() {
        let long = "ab ".repeat(MOST_WORDS);
        assert_eq!(words(&format!("{long}é 退 c")).count(), MOST_WORDS);
        assert_eq!(joined(["One,", "…", "two"]), "one ¶ two");
    }

    #[test]
    fn texts_are_joined_with_a_boundary_that_no_question_holds() {
        assert_eq!(
            joined(["A card", "", "!", "Refund it"]),
            "a card ¶ refund it"
        );
        assert_eq!(joined(["!", "refund"]), "refund");
        assert!(words("a ¶ b").all(|word| word != BOUNDARY));
    }

    #[test]
    fn a_query_knows_words_phrases_and_beginnings() {
        let query = WordQuery::parse(r#"refund "Credit Card" canc* e-mail"#).unwrap();
        let shape: Vec<(usize, bool)> = query.0.iter().map(|t| (t.words.len(), t.prefix)).collect();
        assert_eq!(shape, [(1, false), (2, false), (1, true), (2, false)]);
        assert!(WordQuery::parse(" \"!\" ").is_err());
    }
}
