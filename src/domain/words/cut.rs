//! Cuts texts into words.

use unicode_normalization::UnicodeNormalization;

use super::script::{Class, is_accent};
use super::{BOUNDARY, LONGEST_WORD, MOST_BYTES, MOST_WORDS};

/// The mark that makes a keycap of the character before it.
const KEYCAP: char = '\u{20e3}';
/// Asks for the coloured form of the character before it.
const COLOURED: char = '\u{fe0f}';
/// Emoji that would decompose into punctuation.
const WHOLE: [char; 2] = ['\u{203c}', '\u{2049}'];

/// The kind of the last word of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tail {
    /// There is no word.
    #[default]
    None,
    /// A word of letters and digits.
    Word,
    /// The last sign of a run with this many signs.
    Run(usize),
}

/// Cuts texts into words, and joins them with blanks as it goes.
#[derive(Default)]
pub struct Cutter {
    /// All words so far, separated by blanks.
    pub joined: String,
    /// The kind of the last word.
    pub tail: Tail,
    words: usize,
    /// Whether a word has begun.
    within: bool,
    /// Characters of the current word.
    length: usize,
    /// The last sign of the current run, which forms a pair with the next sign.
    run: Option<Sign>,
    /// Whether a previous text has ended and its boundary is not written yet.
    boundary: bool,
}

/// A sign of a run.
struct Sign {
    /// One character, or the two of a flag.
    text: String,
    wraps: bool,
    /// The number of the sign in its run, from 1.
    place: usize,
    /// Whether a line break follows.
    broken: bool,
    /// Whether it is the first half of a flag.
    half: bool,
}

/// The sign of the keycap that the end of `plain` and the beginning of `after` make: the wide form
/// of the character, because an index separates words at the plain one. A keycap of a digit is found
/// as its digit.
fn keycap(plain: &str, after: &str) -> Option<&'static str> {
    let sign = match plain.bytes().next_back()? {
        b'#' => "＃",
        b'*' => "＊",
        _ => return None,
    };
    let mark = after.strip_prefix(COLOURED).unwrap_or(after);
    mark.starts_with(KEYCAP).then_some(sign)
}

impl Cutter {
    /// Adds the words of a text.
    pub fn text(&mut self, text: &str) {
        self.boundary = !self.joined.is_empty();
        let mut rest = text;
        // ASCII decomposes to itself and never combines with its neighbours, so only the text in
        // between needs the slow normalisation
        while !rest.is_empty() && !self.full() {
            let end = rest.bytes().position(|byte| !byte.is_ascii());
            let (plain, after) = rest.split_at(end.unwrap_or(rest.len()));
            let key = keycap(plain, after);
            // the key is one byte of ASCII
            self.plain(&plain[..plain.len() - usize::from(key.is_some())]);
            if let Some(sign) = key
                && !self.full()
            {
                self.sign(sign.to_owned(), false, false);
            }
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
            } else if let (b'\n' | b'\r', Some(sign)) = (byte, &mut self.run) {
                sign.broken = true;
            } else {
                self.end();
                if self.full() {
                    return;
                }
            }
        }
    }

    fn other(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find(WHOLE) {
            let (before, after) = rest.split_at(at);
            self.decomposed(before);
            let mut after = after.chars();
            if let Some(c) = after.next()
                && !self.full()
            {
                self.sign(c.to_string(), false, false);
            }
            rest = after.as_str();
        }
        self.decomposed(rest);
    }

    fn decomposed(&mut self, text: &str) {
        // accents are removed while they are separate; then Hangul syllables and voiced kana are
        // recomposed
        for c in text.nfkd().filter(|c| !is_accent(*c)).nfc() {
            match Class::of(c) {
                Class::Letter => self.letter(c.to_lowercase().filter(|c| !is_accent(*c))),
                Class::Sign { wraps } => self.sign(c.to_string(), wraps, false),
                Class::Regional => self.sign(c.to_string(), false, true),
                Class::Nothing => {}
                Class::Joiner if self.run.is_some() => {}
                Class::Joiner | Class::Other => self.end(),
            }
            if self.full() {
                return;
            }
        }
    }

    fn letter(&mut self, folded: impl IntoIterator<Item = char>) {
        self.end_run();
        if self.length == LONGEST_WORD || self.full() {
            return;
        }
        self.length += 1;
        for c in folded {
            if !self.within {
                self.begin(Tail::Word);
                self.within = true;
            }
            self.joined.push(c);
        }
    }

    fn sign(&mut self, text: String, wraps: bool, half: bool) {
        if self.within {
            self.end();
        }
        let mut sign = Sign {
            text,
            wraps,
            place: 1,
            broken: false,
            half,
        };
        match &mut self.run {
            // two regional indicators are one flag
            Some(last) if half && last.half && !last.broken => {
                last.text.push_str(&sign.text);
                last.half = false;
                return;
            }
            Some(last) if !last.broken || (last.wraps && wraps) => {
                sign.place = last.place + 1;
                let pair = format!("{}{}", last.text, sign.text);
                // the second half of a flag is still to come; its pair is written then
                if half {
                    self.end_run();
                    sign.place = 1;
                } else {
                    self.word(&pair, Tail::Run(sign.place - 1));
                }
            }
            Some(_) => self.end_run(),
            None => {}
        }
        self.run = Some(sign);
    }

    fn word(&mut self, word: &str, tail: Tail) {
        if !self.full() {
            self.begin(tail);
            self.joined.push_str(word);
        }
    }

    /// Writes the separator before a new word.
    fn begin(&mut self, tail: Tail) {
        self.words += 1;
        self.tail = tail;
        if std::mem::take(&mut self.boundary) {
            self.joined.push(' ');
            self.joined.push_str(BOUNDARY);
        }
        if !self.joined.is_empty() {
            self.joined.push(' ');
        }
    }

    /// Ends a run: its last sign stands alone.
    fn end_run(&mut self) {
        if let Some(last) = self.run.take() {
            self.word(&last.text, Tail::Run(last.place));
        }
    }

    fn end(&mut self) {
        self.end_run();
        self.within = false;
        self.length = 0;
    }

    fn full(&self) -> bool {
        !self.within && (self.words >= MOST_WORDS || self.joined.len() >= MOST_BYTES)
    }
}
