//! The full-text query `q`.

use super::cut::{Cutter, Tail};

/// A full-text query: every term must be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordQuery(pub Vec<Term>);

/// One term: consecutive words, the last of which may be a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// At least one word.
    pub words: Vec<String>,
    /// Whether the last word is a prefix.
    pub prefix: bool,
}

impl Term {
    fn parse(text: &str, prefix: bool) -> Option<Self> {
        let mut cutter = Cutter::default();
        cutter.text(text);
        let mut words: Vec<String> = cutter
            .joined
            .split_terminator(' ')
            .map(str::to_owned)
            .collect();
        let prefix = match cutter.tail {
            Tail::None => return None,
            Tail::Word => prefix,
            // a sign may stand anywhere in a run, where it begins a pair
            Tail::Run(1) => true,
            // the last pair already holds the last sign, and the run may continue after it
            Tail::Run(_) => {
                words.pop();
                false
            }
        };
        Some(Self { words, prefix })
    }
}

impl WordQuery {
    /// Reads `refund "credit card" cancel*`: words, quoted phrases, and prefixes with an asterisk.
    ///
    /// # Errors
    /// If no word is left.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut terms = Vec::new();
        for (index, part) in text.split('"').enumerate() {
            if index % 2 == 1 {
                terms.extend(Term::parse(part, false));
            } else {
                terms.extend(
                    part.split_whitespace()
                        .filter_map(|piece| Term::parse(piece, piece.ends_with('*'))),
                );
            }
        }
        if terms.is_empty() {
            Err("holds no word to search for".to_owned())
        } else {
            Ok(Self(terms))
        }
    }
}
