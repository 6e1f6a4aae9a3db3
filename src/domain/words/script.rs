//! Classifies characters for the index.

use unicode_normalization::char::is_combining_mark;

/// The class of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Part of a word.
    Letter,
    /// A sign of a run; runs are indexed in overlapping pairs.
    Sign {
        /// Whether a line break between two such signs is only layout.
        wraps: bool,
    },
    /// Half of a flag.
    Regional,
    /// Ignored inside a run; a separator elsewhere.
    Joiner,
    /// Ignored everywhere.
    Nothing,
    /// Separates words.
    Other,
}

impl Class {
    /// Classifies a character in decomposed or recomposed form.
    pub fn of(c: char) -> Self {
        match c {
            '\u{ad}' | '\u{2060}' | '\u{feff}' | '\u{e0020}'..='\u{e007f}' => Self::Nothing,
            '\u{200b}'..='\u{200d}' => Self::Joiner,
            '\u{1f1e6}'..='\u{1f1ff}' => Self::Regional,
            c if is_emoji(c) => Self::Sign { wraps: false },
            c if !c.is_alphanumeric() && !is_combining_mark(c) => Self::Other,
            c if is_hangul(c) => Self::Sign { wraps: false },
            c if is_written_without_blanks(c) => Self::Sign { wraps: true },
            _ => Self::Letter,
        }
    }
}

/// Whether a combining mark is an accent, which the index leaves out. Marks that are letters of
/// their script are not (vowel signs and tones from India to Cambodia, the voicing of kana).
pub fn is_accent(c: char) -> bool {
    let of_a_letter = matches!(c,
        '\u{900}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{1950}'..='\u{1aaf}' | '\u{1b00}'..='\u{1bff}'
        | '\u{3099}' | '\u{309a}' | '\u{a980}'..='\u{aaff}');
    is_combining_mark(c) && !of_a_letter
}

fn is_hangul(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}')
}

fn is_written_without_blanks(c: char) -> bool {
    matches!(c,
        // Thai, Lao; Myanmar; Khmer; Tai Le, New Tai Lue and Tai Tham; Balinese
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{1950}'..='\u{19df}' | '\u{1a20}'..='\u{1aaf}' | '\u{1b00}'..='\u{1b7f}'
        // Han with its radicals and iteration marks, kana, bopomofo
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}'
        | '\u{3040}'..='\u{312f}' | '\u{31a0}'..='\u{31bf}' | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{1b000}'..='\u{1b16f}' | '\u{20000}'..='\u{3347f}'
        // Yi; Javanese, Myanmar extended, Tai Viet
        | '\u{a000}'..='\u{a48f}' | '\u{a980}'..='\u{a9ff}' | '\u{aa60}'..='\u{aadf}')
}

fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}'
        | '\u{2194}'..='\u{2199}' | '\u{21a9}'..='\u{21aa}' | '\u{231a}'..='\u{231b}' | '\u{2328}'
        | '\u{23cf}' | '\u{23e9}'..='\u{23fa}' | '\u{25b6}' | '\u{25c0}' | '\u{25fb}'..='\u{25fe}'
        | '\u{2600}'..='\u{27bf}' | '\u{2934}'..='\u{2935}' | '\u{2b05}'..='\u{2b07}'
        | '\u{2b1b}'..='\u{2b1c}' | '\u{2b50}' | '\u{2b55}' | '\u{3030}' | '\u{303d}'
        | '\u{1f000}'..='\u{1faff}')
}
