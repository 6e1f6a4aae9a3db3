//! Words of a text, as both databases index and search them.
//!
//! Each database would cut a text its own way; so we cut it, and hand over plain words: lower case, without accents,
//! letters and digits only. Signs of scripts that write no blanks (Han, kana) are a word each, so that a run of them is found as a phrase.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Words indexed of one text; what comes after is kept and returned, but not found by `q`.
pub const MOST_WORDS: usize = 10_000;
/// Longer words are cut, on indexing and on searching alike.
const LONGEST_WORD: usize = 64;

/// The words of a text in order.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    Words {
        text: text.nfkd().peekable(),
    }
    .take(MOST_WORDS)
}

/// Stands between the words of two texts, so that no phrase reaches from one into the other; no question can hold it.
const BOUNDARY: &str = "¶";

/// The words of several texts, joined with blanks.
pub fn joined<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut all = String::new();
    let mut left = MOST_WORDS;
    for text in texts {
        let mut boundary = !all.is_empty();
        for word in words(text).take(left) {
            if boundary {
                all.push(' ');
                all.push_str(BOUNDARY);
                boundary = false;
            }
            if !all.is_empty() {
                all.push(' ');
            }
            all.push_str(&word);
            left -= 1;
        }
    }
    all
}

struct Words<I: Iterator<Item = char>> {
    text: std::iter::Peekable<I>,
}

fn stands_alone(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

impl<I: Iterator<Item = char>> Iterator for Words<I> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut word = String::new();
        let mut length = 0;
        while let Some(&c) = self.text.peek() {
            if is_combining_mark(c) {
                self.text.next();
            } else if !c.is_alphanumeric() {
                self.text.next();
                if !word.is_empty() {
                    return Some(word);
                }
            } else if stands_alone(c) {
                if word.is_empty() {
                    self.text.next();
                    word.push(c);
                }
                return Some(word);
            } else {
                self.text.next();
                if length < LONGEST_WORD {
                    word.extend(c.to_lowercase().filter(|c| !is_combining_mark(*c)));
                    length += 1;
                }
            }
        }
        (!word.is_empty()).then_some(word)
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
