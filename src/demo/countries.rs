//! The customers' countries and names.
//!
//! Telephone numbers are from ranges reserved for fiction where the country has such ranges (United
//! States, United Kingdom, France, Germany). Elsewhere they are numbers that cannot be assigned.

use chrono_tz::Tz;

use super::dice::Dice;
use super::words::Language;

/// A country of customers.
pub struct Country {
    /// The two-letter code.
    pub code: &'static str,
    /// Its time zone.
    pub zone: Tz,
    /// The customers' language.
    pub language: Language,
    /// Its share of the customers in percent.
    pub share: u64,
    /// Forms of address.
    pub titles: &'static [&'static str],
    /// First names; also in Latin letters if they are written in another script.
    pub first: &'static [&'static str],
    /// Last names.
    pub last: &'static [&'static str],
    /// Makes a telephone number.
    pub phone: fn(&mut Dice) -> String,
}

/// Every country.
pub static COUNTRIES: [Country; 8] = [
    Country {
        code: "US",
        zone: Tz::America__New_York,
        language: Language::En,
        share: 20,
        titles: &["Mr", "Ms", "Mrs"],
        first: ENGLISH,
        last: &[
            "Adams", "Baker", "Carter", "Diaz", "Evans", "Foster", "Gray", "Hughes", "Jackson",
            "Kim", "Lewis", "Miller", "Nguyen", "Patel", "Reed", "Walker",
        ],
        phone: american,
    },
    Country {
        code: "US",
        zone: Tz::America__Los_Angeles,
        language: Language::En,
        share: 10,
        titles: &["Mr", "Ms", "Mrs"],
        first: ENGLISH,
        last: &[
            "Alvarez", "Brooks", "Chen", "Collins", "Flores", "Garcia", "Howard", "Lopez",
            "Morgan", "Ortiz", "Parker", "Rivera", "Sanders", "Torres",
        ],
        phone: american,
    },
    Country {
        code: "GB",
        zone: Tz::Europe__London,
        language: Language::En,
        share: 18,
        titles: &["Mr", "Ms", "Mrs", "Dr"],
        first: ENGLISH,
        last: &[
            "Ashworth", "Bennett", "Clarke", "Davies", "Edwards", "Fletcher", "Harris", "Khan",
            "Murray", "O'Brien", "Palmer", "Shaw", "Turner", "Wright",
        ],
        phone: british,
    },
    Country {
        code: "IT",
        zone: Tz::Europe__Rome,
        language: Language::It,
        share: 14,
        titles: &["Sig.", "Sig.ra", "Dott.ssa"],
        first: &[
            "Giulia",
            "Marco",
            "Francesca",
            "Alessandro",
            "Chiara",
            "Luca",
            "Niccolò",
            "Elena",
            "Matteo",
            "Sofia",
            "Davide",
            "Martina",
        ],
        last: &[
            "Rossi", "Bianchi", "Ferrari", "Esposito", "Romano", "Colombo", "Ricci", "Marino",
            "Greco", "Conti", "De Luca", "Gallo",
        ],
        phone: |dice| unassigned("+39 00", 7, dice),
    },
    Country {
        code: "DE",
        zone: Tz::Europe__Berlin,
        language: Language::De,
        share: 14,
        titles: &["Herr", "Frau", "Frau Dr."],
        first: &[
            "Anna",
            "Jürgen",
            "Sabine",
            "Lukas",
            "Katharina",
            "Felix",
            "Jörg",
            "Marie",
            "Tobias",
            "Heike",
            "Paul",
            "Lena",
        ],
        last: &[
            "Müller",
            "Schmidt",
            "Schneider",
            "Fischer",
            "Weber",
            "Wagner",
            "Schäfer",
            "Köhler",
            "Hoffmann",
            "Krüger",
            "Vogel",
            "Groß",
        ],
        phone: german,
    },
    Country {
        code: "FR",
        zone: Tz::Europe__Paris,
        language: Language::Fr,
        share: 10,
        titles: &["M.", "Mme"],
        first: &[
            "Camille",
            "Hugo",
            "Léa",
            "Antoine",
            "Chloé",
            "Lucas",
            "Élodie",
            "Julien",
            "Manon",
            "François",
            "Inès",
            "Thomas",
        ],
        last: &[
            "Martin",
            "Bernard",
            "Dubois",
            "Moreau",
            "Lefèvre",
            "Girard",
            "Roux",
            "Fournier",
            "Mercier",
            "Faure",
            "Garnier",
            "Chevalier",
        ],
        phone: french,
    },
    Country {
        code: "ES",
        zone: Tz::Europe__Madrid,
        language: Language::Es,
        share: 8,
        titles: &["Sr.", "Sra."],
        first: &[
            "Lucía", "Javier", "María", "Álvaro", "Carmen", "Diego", "Paula", "Sergio", "Marta",
            "Iñigo", "Elena", "Raúl",
        ],
        last: &[
            "García",
            "Fernández",
            "Muñoz",
            "Sánchez",
            "Romero",
            "Navarro",
            "Torres",
            "Ramos",
            "Gil",
            "Serrano",
            "Molina",
            "Ortega",
        ],
        phone: |dice| unassigned("+34 0", 8, dice),
    },
    Country {
        code: "JP",
        zone: Tz::Asia__Tokyo,
        language: Language::Ja,
        share: 6,
        titles: &["様"],
        first: &[
            "陽菜/Hina",
            "蓮/Ren",
            "結衣/Yui",
            "大翔/Hiroto",
            "美咲/Misaki",
            "翔太/Shota",
            "彩/Aya",
            "健太/Kenta",
        ],
        last: &[
            "佐藤/Sato",
            "鈴木/Suzuki",
            "高橋/Takahashi",
            "田中/Tanaka",
            "伊藤/Ito",
            "渡辺/Watanabe",
            "山本/Yamamoto",
            "中村/Nakamura",
        ],
        phone: |dice| unassigned("+81 0", 9, dice),
    },
];

static ENGLISH: &[&str] = &[
    "Olivia", "James", "Amelia", "Noah", "Grace", "Liam", "Ruby", "Ethan", "Zoe", "Daniel", "Maya",
    "Samuel", "Hannah", "Oscar", "Priya", "Kevin", "Laura", "Ben",
];

fn digits(dice: &mut Dice, many: u32) -> String {
    (0..many)
        .map(|_| char::from(b'0' + u8::try_from(dice.below(10)).unwrap_or(0)))
        .collect()
}

/// 555-0100 to 555-0199 of any area.
fn american(dice: &mut Dice) -> String {
    format!("+1 {} 555 01{}", dice.between(201, 989), digits(dice, 2))
}

/// The drama numbers of Ofcom.
fn british(dice: &mut Dice) -> String {
    match dice.below(3) {
        0 => format!("+44 20 7946 0{}", digits(dice, 3)),
        1 => format!("+44 11{} 496 0{}", dice.between(3, 8), digits(dice, 3)),
        _ => format!("+44 7700 900{}", digits(dice, 3)),
    }
}

/// The numbers that the Bundesnetzagentur sets aside for media.
fn german(dice: &mut Dice) -> String {
    let place = dice.pick(&["30 23125", "69 90009", "40 66969", "221 4710", "89 99998"]);
    format!("+49 {place} {}", digits(dice, 3))
}

/// The numbers that Arcep sets aside for works of fiction.
fn french(dice: &mut Dice) -> String {
    let place = dice.pick(&[
        "1 99 00", "2 61 91", "3 53 01", "4 65 71", "5 36 49", "6 39 98",
    ]);
    format!("+33 {place} {} {}", digits(dice, 2), digits(dice, 2))
}

/// A number with a prefix that is not in use in its country.
fn unassigned(prefix: &str, many: u32, dice: &mut Dice) -> String {
    format!("{prefix}{}", digits(dice, many))
}
