//! Extensions behind a telephone number.

/// What people write before an extension, lower-cased.
const LABELS: [&str; 22] = [
    // English
    "x",
    "xt",
    "xtn",
    "xtension",
    "ext",
    "extn",
    "extension",
    // French, Spanish, Portuguese, Italian
    "poste",
    "int",
    "interno",
    "anexo",
    "extensión",
    "ramal",
    "extensão",
    // German, Dutch
    "durchwahl",
    "dw",
    "toestel",
    // Russian
    "доб",
    "добавочный",
    // Chinese, Japanese, Korean
    "分机",
    "内線",
    "내선",
];
/// No extension has more digits.
///
/// Source: libphonenumber, `create_extn_pattern`.
const LONGEST: usize = 20;

/// Splits a text such as `+44 20 7946 0900 (ext. 6)` into the number and the digits of the
/// extension, without which the whole text is the number.
pub(super) fn split(text: &str) -> (&str, Option<&str>) {
    found(text).map_or((text, None), |(number, digits)| (number, Some(digits)))
}

fn found(text: &str) -> Option<(&str, &str)> {
    let body = text.trim_end();
    let body = body.strip_suffix(')').unwrap_or(body).trim_end();
    let before = body.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &body[before.len()..];
    if !is_extension(digits) {
        return None;
    }
    let label = before.trim_end_matches([' ', '.', ':', '=', '-']);
    let number = if let Some(number) = label.strip_suffix('#') {
        number
    } else {
        let number = label.trim_end_matches(char::is_alphabetic);
        let word = label[number.len()..].to_lowercase();
        LABELS.contains(&word.as_str()).then_some(number)?
    };
    let number = number.trim_end();
    let bracketed = body.len() < text.trim_end().len();
    let number = match number.strip_suffix('(') {
        Some(number) if bracketed => number,
        None if !bracketed => number,
        _ => return None,
    };
    Some((number.trim_end_matches([' ', ',', ';', '-']), digits))
}

/// Whether a text is the digits of an extension.
pub(super) fn is_extension(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
