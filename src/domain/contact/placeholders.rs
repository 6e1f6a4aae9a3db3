//! The default placeholder values.

/// Words and numbers that telephone networks, forms and other systems send for an unknown value.
/// They are compared without regard to case, accents and punctuation, and with or without blanks
/// between words.
///
/// The numbers are those that Twilio sends for withheld caller IDs ("What do the special caller IDs
/// mean"), typed on a telephone's keypad.
pub const PLACEHOLDERS: [&str; 100] = [
    // English and general
    "anonymous call",
    "anonymous caller",
    "anonymous",
    "blocked number",
    "blocked",
    "caller id blocked",
    "caller id withheld",
    "empty",
    "hidden number",
    "hidden",
    "id unavailable",
    "id withheld",
    "invalid",
    "missing",
    "n/a",
    "na",
    "nil",
    "no caller id",
    "no data",
    "no email",
    "no name",
    "no number",
    "no phone number",
    "no phone",
    "no reply",
    "nobody",
    "none given",
    "none provided",
    "none",
    "noreply",
    "not applicable",
    "not available",
    "not disclosed",
    "not given",
    "not known",
    "not provided",
    "not set",
    "not specified",
    "null",
    "number withheld",
    "out of area",
    "private call",
    "private caller",
    "private number",
    "private",
    "restricted number",
    "restricted user",
    "restricted",
    "tba",
    "tbd",
    "test",
    "unavailable",
    "undefined",
    "undisclosed",
    "unknown caller",
    "unknown name",
    "unknown number",
    "unknown phone",
    "unknown",
    "unlisted",
    "unspecified",
    "withheld number",
    "withheld",
    // German, Dutch
    "anonym",
    "keine angabe",
    "unbekannt",
    "anoniem",
    "onbekend",
    // French
    "anonyme",
    "inconnu",
    "numéro masqué",
    // Spanish, Portuguese, Italian
    "anónimo",
    "desconhecido",
    "desconocido",
    "oculto",
    "privado",
    "privato",
    "sconosciuto",
    // Scandinavian languages
    "okänd",
    "ukjent",
    // Polish, Czech, Russian, Turkish
    "nieznany",
    "neznámý",
    "аноним",
    "неизвестно",
    "нет",
    "bilinmiyor",
    // Chinese, Japanese, Korean
    "匿名",
    "无",
    "未知",
    "不明",
    "非通知",
    "발신번호표시제한",
    "알 수 없음",
    // Arabic
    "غير معروف",
    "مجهول",
    // ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE on a keypad
    "266696687",
    "7378742833",
    "2562533",
    "8656696",
    "86282452253",
];

/// Further placeholders for telephone numbers and e-mail addresses alone: people have such names.
/// `P` and `O` are what telephone networks send for a private caller and for one out of area.
pub const ADDRESS_PLACEHOLDERS: [&str; 13] = [
    // English and general
    "anon", "blank", "dummy", "guest", "nan", "no id", "no one", "o", "p", "unavail", "unk", "xxx",
    // German
    "k.a.",
];
