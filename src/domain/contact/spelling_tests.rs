//! Spellings of one value, and placeholders.

use super::tests::fold;
use super::*;

const LONDON: &str = "+442079460900";

#[test]
fn a_number_is_one_in_all_spellings() {
    for same in [
        "\u{202a}+44 20 7946 0900\u{202c}",
        "\u{200e}+442079460900",
        "\u{feff}+442079460900",
        "+44\u{200b}20\u{ad}7946\u{2060}0900",
        "<tel:+442079460900>",
        "\"Ann\" <tel:+442079460900>;tag=1",
        "Tel: +44 20 7946 0900",
        "Tel.: +44 20 7946 0900",
        "tel://+442079460900",
        "phone: +442079460900",
        "callto:+442079460900",
        "sms:+442079460900",
        "+442079460900;user=phone",
        "+442079460900;",
        "tel:+442079460900;isub=1",
        "(+44) 20 7946 0900",
        "\"+442079460900\"",
        "'+442079460900",
        "\u{201c}+442079460900\u{201d}",
        "+44 20 7946 0900 (work)",
        "+44\u{b7}20\u{b7}7946\u{b7}0900",
        "\u{660}\u{660}\u{664}\u{664}\u{662}\u{660}\u{667}\u{669}\u{664}\u{666}\u{660}\u{669}\u{660}\u{660}",
        "+\u{96a}\u{96a} 20 7946 0900",
    ] {
        for region in ["", "GB", "US", "KR"] {
            assert_eq!(
                fold(same, region).as_deref(),
                Some(LONDON),
                "{same:?} {region}"
            );
        }
    }
    for national in [
        "\u{202a}020 7946 0900\u{202c}",
        "\u{feff}020 7946 0900",
        "Tel: 020 7946 0900 (home)",
    ] {
        assert_eq!(
            fold(national, "GB").as_deref(),
            Some(LONDON),
            "{national:?}"
        );
    }
}

#[test]
fn an_extension_is_one_in_all_spellings() {
    for label in [
        ";ext=6",
        ";isub=1;ext=6",
        ";ext=6;isub=1",
        " (ext 6)",
        " (ext. 6)",
        " ext=6",
        " ext\u{666}",
        " доб. 6",
        " int 6",
        " anexo 6",
        " extensión 6",
        " extensio\u{301}n 6",
        " xtn 6",
        " poste 6",
        " Durchwahl 6",
        " #6",
        ", ext 6",
        " x6 (work)",
        " 内線6",
    ] {
        let written = format!("+44 20 7946 0900{label}");
        assert_eq!(
            fold(&written, "").as_deref(),
            Some("+442079460900;ext=6"),
            "{label}"
        );
    }
    assert_eq!(
        fold("202-555-0143 (ext 2)", "US").as_deref(),
        Some("+12025550143;ext=2")
    );
    let others = [
        "tel:+442079460900;isub=1;ext=6",
        "tel:+442079460900;isub=1;ext=7",
        "tel:+442079460900;isub=1",
    ];
    let folded: Vec<_> = others
        .iter()
        .map(|other| fold(other, "").unwrap())
        .collect();
    assert_eq!(
        folded,
        [
            "+442079460900;ext=6",
            "+442079460900;ext=7",
            "+442079460900"
        ]
    );
    for text in [
        "+442079460900 (6",
        "+442079460900 Bob 6",
        "+442079460900;ext=6;ext=7",
        "+442079460900 (Bob)",
    ] {
        assert_eq!(fold(text, "").as_deref(), Some(text), "no extension");
    }
}

#[test]
fn an_international_prefix_is_that_of_the_region() {
    for (written, region, dialled) in [
        ("002 33 6 12 34 56 78", "KR", "+33612345678"),
        ("001 33 6 12 34 56 78", "KR", "+33612345678"),
        ("00700 33 6 12 34 56 78", "KR", "+33612345678"),
        ("0011 44 20 7946 0900", "AU", LONDON),
        ("0021 44 20 7946 0900", "BR", LONDON),
        ("0014 44 20 7946 0900", "BR", LONDON),
        ("011 44 20 7946 0900", "US", LONDON),
        ("002 33 6 12 34 56 78", "", "+233612345678"),
    ] {
        assert_eq!(
            fold(written, region).as_deref(),
            Some(dialled),
            "{written} {region}"
        );
    }
    for region in rlibphonenumber::PHONE_NUMBER_UTIL.get_supported_regions() {
        let folded = fold("0044 20 7946 0900", &format!("{region:?}"));
        assert_eq!(folded.as_deref(), Some(LONDON), "{region:?}");
    }
}

#[test]
fn letters_stand_for_keys_in_toll_free_numbers() {
    for vanity in [
        "1-800-FLOWERS",
        "800-FLOWERS",
        "(800) FLOWERS",
        "1 800 flowers",
        "+1 800 FLOWERS",
    ] {
        assert_eq!(
            fold(vanity, "US").as_deref(),
            Some("+18003569377"),
            "{vanity}"
        );
    }
    for text in [
        "user800abc",
        "800flowers",
        "202-Annabel",
        "202-5550 Bob",
        "201234 Anna",
        "800-FLOWERS Bob",
    ] {
        assert_eq!(fold(text, "US").as_deref(), Some(text));
    }
    assert_eq!(fold("800-FLOWERS", "").as_deref(), Some("800-FLOWERS"));
}

#[test]
fn the_name_before_an_address_is_no_part_of_it() {
    for same in [
        "\"Bob\" <sip:bob2@example.com>",
        "Bob <sip:bob2@EXAMPLE.com>",
        "<sip:bob2@example.com>",
        "<sip:bob2@example.com>;tag=7",
    ] {
        assert_eq!(
            fold(same, "").as_deref(),
            Some("sip:bob2@example.com"),
            "{same}"
        );
    }
    let rules = ContactRules::default();
    assert_eq!(
        rules.fold("EmailAddress", "Ann <Ann@example.test>"),
        rules.fold("EmailAddress", "ann@example.test")
    );
}

#[test]
fn a_placeholder_is_one_in_all_spellings() {
    for nothing in [
        "\"Anonymous\" <sip:anonymous@pbx.example.com>",
        "anonymous@10.0.0.1",
        "unknown@pbx.example.com",
        "<>",
        "266696687",
        "+266696687",
        "7378742833",
        "+7378742833",
        "86282452253",
        "+86282452253",
        "-1",
        "tel:+1",
        "+266696687;ext=5",
        "+1",
        "+44",
        "+1 (___) ___-____",
        "not-set",
        "NotSpecified",
        "no_data",
        "NoNumber",
        "NoCallerID",
        "OutOfArea",
        "no e-mail",
        "No One",
        "unknown unknown",
        "private/unknown",
        "anonymous (blocked)",
        "[unknown]",
        "anonymous;ext=5",
        "P",
        "o",
        "xxx",
        "k.A.",
        "keine Angabe",
        "Numéro masqué",
        "NUMERO MASQUE",
        "Ano\u{301}nimo",
        "알 수 없음",
        "غير معروف",
        "\u{660}",
        "\u{660}\u{660}\u{660}",
        "\u{966}",
        "\u{200e}unknown",
    ] {
        for region in ["", "GB", "US"] {
            assert_eq!(fold(nothing, region), None, "{nothing:?} {region}");
        }
    }
    for text in [
        "sip:o@example.com",
        "Pat",
        "unknown Ann",
        "7042",
        "-7042",
        "anonymous2@pbx.example.com",
    ] {
        assert!(fold(text, "").is_some(), "{text}");
    }
}

#[test]
fn a_name_is_no_placeholder() {
    let rules = ContactRules::default();
    for name in [
        "Guest", "Blank", "P", "O", "Nan", "Anon", "Noone", "Dummy", "Ka", "Na Na", "2562533",
        "-12",
    ] {
        assert!(rules.fold("LastName", name).is_some(), "{name}");
    }
    for nothing in [
        "Unknown",
        "unknown unknown",
        "No Name",
        "n/a",
        "inconnu",
        "нет",
        "-1",
        "0",
    ] {
        assert_eq!(rules.fold("LastName", nothing), None, "{nothing}");
    }
}
