use proptest::prelude::*;

use super::*;

fn attributes(all: &[(&str, &str)]) -> Attributes {
    let mut attributes = Attributes::new();
    for (name, value) in all {
        attributes
            .entry((*name).to_owned())
            .or_default()
            .push((*value).to_owned());
    }
    attributes
}

fn found(given: &[(&str, &str)], known: &[&[(&str, &str)]]) -> Vec<usize> {
    let rules = ContactRules::default();
    let known: Vec<Candidate> = known
        .iter()
        .map(|one| rules.fold_all(&attributes(one)).into())
        .collect();
    recognise(&rules, None, &rules.fold_all(&attributes(given)), &known)
}

pub(super) fn fold(value: &str, region: &str) -> Option<String> {
    ContactRules::in_region(region).fold("PhoneNumber", value)
}

#[test]
fn two_people_with_one_address_are_told_apart_by_the_next_rank() {
    let john: &[_] = &[("EmailAddress", "doe@example.test"), ("FirstName", "John")];
    let jane: &[_] = &[("EmailAddress", "Doe@example.test"), ("FirstName", "Jane")];
    let known = [john, jane];
    let of = |given: &[(&str, &str)]| found(given, &known);
    assert_eq!(of(&[("EmailAddress", "doe@EXAMPLE.test")]), [0, 1]);
    assert_eq!(
        of(&[("EmailAddress", "doe@example.test"), ("FirstName", "jane")]),
        [1]
    );
    assert!(of(&[("EmailAddress", "doe@example.test"), ("FirstName", "Ann")]).is_empty());
}

#[test]
fn a_rank_that_finds_nobody_leaves_the_word_to_the_next() {
    let ann: &[_] = &[("PhoneNumber", "+39 06 1234")];
    assert_eq!(
        found(
            &[
                ("EmailAddress", "new@example.test"),
                ("PhoneNumber", "+39061234")
            ],
            &[ann]
        ),
        [0]
    );
    assert!(found(&[("Nickname", "ann")], &[ann]).is_empty());
}

#[test]
fn a_name_alone_makes_nobody_of_two_people_one() {
    let known: &[_] = &[
        ("FirstName", "Ann"),
        ("LastName", "Rossi"),
        ("Title", "Dr"),
        ("EmailAddress", "ann@example.test"),
    ];
    let names = [("FirstName", "Ann"), ("LastName", "Rossi"), ("Title", "Dr")];
    let of =
        |more: &[(&'static str, &'static str)]| found(&[&names[..], more].concat(), &[known]).len();
    assert_eq!(of(&[]), 1);
    assert_eq!(
        of(&[("PhoneNumber", "+442079460900")]),
        1,
        "the contact has no number"
    );
    assert_eq!(of(&[("EmailAddress", "other@example.test")]), 0);
    assert!(found(&[("Title", "Dr")], &[known]).is_empty());
}

#[test]
fn a_shared_number_makes_nobody_of_two_people_one() {
    let ann: &[_] = &[
        ("EmailAddress", "ann@example.test"),
        ("PhoneNumber", "+442079460900"),
        ("FirstName", "Ann"),
        ("LastName", "Ash"),
    ];
    let of = |email: &'static str, first: &'static str, last: &'static str| {
        let mut given = vec![("PhoneNumber", "+442079460900")];
        for (name, value) in [
            ("EmailAddress", email),
            ("FirstName", first),
            ("LastName", last),
        ] {
            if !value.is_empty() {
                given.push((name, value));
            }
        }
        found(&given, &[ann]).len()
    };
    let other = "other@example.test";
    assert_eq!(of(other, "Bob", "Birch"), 0);
    for (email, first, last) in [
        (other, "Bob", "ASH"),
        (other, "ann", "Birch"),
        (other, "Bob", ""),
        (other, "", "Birch"),
        (other, "Bob", "unknown"),
        ("", "Bob", "Birch"),
        ("ann@example.test", "Bob", "Birch"),
    ] {
        assert_eq!(of(email, first, last), 1, "{email} {first} {last}");
    }
    // a contact without an address, or without a name, may have these
    for known in [&ann[1..], &ann[..3], &ann[..2]] {
        let bob = [
            ("EmailAddress", other),
            ("PhoneNumber", "+442079460900"),
            ("FirstName", "Bob"),
            ("LastName", "Birch"),
        ];
        assert_eq!(found(&bob, &[known]), [0]);
    }
    // the first rank has none before it
    let same_address: &[_] = &[
        ("EmailAddress", "ann@example.test"),
        ("PhoneNumber", "+442079460901"),
        ("FirstName", "Bob"),
        ("LastName", "Birch"),
    ];
    assert_eq!(found(same_address, &[ann]), [0]);
}

#[test]
fn ranks_of_a_medium_hold_for_all_its_names() {
    let mut settings = rules::defaults();
    for media in ["call", "Callback"] {
        let ranks = vec!["CustomerId".to_owned()];
        settings.ranks_by_media.insert(media.to_owned(), ranks);
    }
    let rules = ContactRules::new(&settings).unwrap();
    for media in ["voice", "webcallback"] {
        assert_eq!(rules.ranks(Some(media)), [["CustomerId"]], "{media}");
    }
    assert_eq!(rules.ranks(Some("chat")).len(), 3);
}

#[test]
fn half_a_rank_is_nobody() {
    let known: &[_] = &[("FirstName", "Quirin"), ("LastName", "Aalto")];
    assert!(found(&[("FirstName", "Quirin")], &[known]).is_empty());
    assert!(found(&[("LastName", "Aalto")], &[known]).is_empty());
    assert!(found(&[("FirstName", "Quirin"), ("LastName", "Berg")], &[known]).is_empty());
    assert!(found(&[("FirstName", "Quirin"), ("LastName", "")], &[known]).is_empty());
    assert_eq!(
        found(&[("FirstName", "quirin"), ("LastName", "AALTO")], &[known]),
        [0]
    );
    let half: &[_] = &[("FirstName", "Quirin")];
    assert!(found(&[("FirstName", "Quirin"), ("LastName", "Aalto")], &[half]).is_empty());
}

#[test]
fn names_of_two_people_make_no_third() {
    let both: &[_] = &[
        ("FirstName", "Ann"),
        ("LastName", "Ash"),
        ("FirstName", "Bob"),
        ("LastName", "Birch"),
    ];
    assert!(found(&[("FirstName", "Ann"), ("LastName", "Birch")], &[both]).is_empty());
    let ann: &[_] = &[("FirstName", "Ann"), ("LastName", "Birch")];
    assert!(found(both, &[ann]).is_empty());
    let married: &[_] = &[
        ("FirstName", "Ann"),
        ("LastName", "Ash"),
        ("LastName", "Birch"),
    ];
    assert_eq!(
        found(&[("FirstName", "Ann"), ("LastName", "Birch")], &[married]),
        [0]
    );
    // a merged contact has names that belong together, for each identity by itself
    let rules = ContactRules::default();
    let folded = |all: &[(&str, &str)]| rules.fold_all(&attributes(all));
    let bob = folded(&[("FirstName", "Bob"), ("LastName", "Oak")]);
    let mut merged = Candidate::from(folded(ann));
    merged.add(&bob);
    let of = |first: &str, last: &str| {
        let given = folded(&[("FirstName", first), ("LastName", last)]);
        recognise(&rules, None, &given, std::slice::from_ref(&merged)).len()
    };
    assert_eq!(of("Ann", "Birch"), 1);
    assert_eq!(of("Bob", "Oak"), 1);
    assert_eq!(of("Ann", "Oak"), 0);
}

#[test]
fn numbers_are_what_a_network_dials() {
    for same in [
        "+44 (0)20 7946 0900",
        "0044 20 7946 0900",
        "00442079460900",
        "+44 20 7946 0900",
        "tel:+44-20-7946-0900",
        "tel:20-7946-0900;phone-context=+44",
        "(0044) 20 7946 0900",
        "\u{ff0b}44 20 7946 0900",
    ] {
        assert_eq!(fold(same, "").as_deref(), Some("+442079460900"), "{same}");
    }
    for extension in [
        "+44 20 7946 0900;ext=6",
        "+44 20 7946 0900 x6",
        "+44 20 7946 0900 ext. 6",
        "+44 20 7946 0900 Extension 6",
        "0044 20 7946 0900 x 6",
        "tel:+442079460900;ext=6",
    ] {
        assert_eq!(
            fold(extension, "").as_deref(),
            Some("+442079460900;ext=6"),
            "{extension}"
        );
    }
    assert_eq!(
        fold("020 7946 0900", "GB").as_deref(),
        Some("+442079460900")
    );
    assert_eq!(
        fold("(202) 555-0143", "US").as_deref(),
        Some("+12025550143")
    );
    assert_eq!(fold("+1 800 FLOWERS", "").as_deref(), Some("+18003569377"));
    assert_ne!(
        fold("020 7946 0900", ""),
        fold("02079460900", ""),
        "no country, no number"
    );
}

#[test]
fn what_is_no_number_is_compared_as_its_text() {
    let equal = [
        ("sip:bob@EXAMPLE.test", "SIP:bob@example.test"),
        ("<sip:bob@example.test>", "sip:bob@example.test"),
        ("CLIENT:joey", "client:joey"),
        (
            "tel:7042;phone-context=Example.test",
            "tel:7042;phone-context=example.test",
        ),
    ];
    for (one, other) in equal {
        assert_eq!(fold(one, ""), fold(other, ""), "{one} {other}");
    }
    let different = [
        ("sip:bob@example.test", "sip:Bob@example.test"),
        ("sip:1001@a.test", "sip:1001@b.test"),
        ("client:joey", "client:Joey"),
        ("whatsapp:+4915199887766", "+4915199887766"),
        (
            "tel:7042;phone-context=a.test",
            "tel:7042;phone-context=b.test",
        ),
        ("a1b2c3", "abc123"),
        ("+4915199887766a", "+4915199887766b"),
        ("+4915199887766a", "+4915199887766"),
        ("+49 30 1112 Bob", "+49 30 1112 Anc"),
        ("+49 30 1112 Bob", "+49301112262"),
        ("+4930111222 x6 Ann", "+4930111222 x6 Bob"),
        ("+4930111222 xa", "+4930111222 xb"),
        ("+4930111222;isub=1;room=2", "+4930111222;isub=1;room=3"),
        ("tel:020-7946-0900;phone-context=a.test", "020 7946 0900"),
        (
            "tel:202-555-0143;phone-context=a.test",
            "tel:202-555-0143;phone-context=b.test",
        ),
        ("12-34", "1234"),
        ("192.168.10.1", "1921681 01"),
    ];
    for (one, other) in different {
        for region in ["", "US", "GB"] {
            assert_ne!(
                fold(one, region),
                fold(other, region),
                "{one} {other} {region}"
            );
        }
    }
}

#[test]
fn what_says_nothing_equals_nothing() {
    for nothing in [
        "",
        "  ",
        "0",
        "-",
        "+",
        "000-000",
        "Anonymous",
        "UNKNOWN",
        "n/a",
        "N / A",
        "(none)",
        "Private Number",
        "private_number",
        "sip:anonymous@anonymous.invalid",
        "tel:unknown",
        "client:anonymous",
        "\u{2026}",
        "+266696687",
        "Restricted",
        "null",
    ] {
        assert_eq!(fold(nothing, "GB"), None, "{nothing:?}");
    }
    let rules = ContactRules::default();
    assert_eq!(
        rules.fold("EmailAddress", "anonymous@anonymous.invalid"),
        None
    );
    assert_eq!(rules.fold("FirstName", "Unknown"), None);
    assert!(
        rules
            .fold("EmailAddress", "anonymous@example.test")
            .is_some()
    );
    assert!(rules.fold("FirstName", "Anna").is_some());
}

#[test]
fn what_is_new_of_a_known_contact_is_told_from_what_is_known() {
    let rules = ContactRules::default();
    let known = attributes(&[("EmailAddress", "a@b.example"), ("City", "Roma")]);
    let given = attributes(&[
        ("EmailAddress", "A@B.example"),
        ("EmailAddress", "c@d.example"),
        ("City", "roma"),
        ("PhoneNumber", "unknown"),
    ]);
    let (new, no_room) = unknown_values(&rules, &given, &known);
    assert_eq!(
        new,
        attributes(&[("EmailAddress", "c@d.example"), ("City", "roma")])
    );
    assert!(no_room.is_empty());
}

#[test]
fn settings_that_make_no_rules_are_named() {
    let with = |change: fn(&mut Settings)| {
        let mut settings = rules::defaults();
        change(&mut settings);
        ContactRules::new(&settings).unwrap_err()
    };
    assert!(with(|settings| settings.default_region = "Narnia".into()).contains("Narnia"));
    assert!(with(|settings| settings.ranks = vec!["A++B".into()]).contains("A++B"));
}

/// A value that identifies nobody.
fn nothing() -> impl Strategy<Value = (&'static str, String)> {
    let words = [&PLACEHOLDERS[..], &ADDRESS_PLACEHOLDERS].concat();
    let placeholder = prop::sample::select(words).prop_flat_map(|word| {
        (Just(word), "[ ._-]{0,2}", any::<bool>()).prop_map(|(word, around, upper)| {
            let word = if upper {
                word.to_uppercase()
            } else {
                word.to_owned()
            };
            format!("{around}{word}{around}")
        })
    });
    let address = prop::sample::select(vec!["EmailAddress", "PhoneNumber"]);
    prop_oneof![
        (address.clone(), placeholder),
        (address, "[ 0+().-]{0,8}"),
        (
            prop::sample::select(vec!["FirstName", "LastName", "Title"]),
            "[A-Z][a-z]{1,6}"
        ),
    ]
}

proptest! {
    #[test]
    fn strangers_are_never_one_by_a_placeholder_or_half_a_name(
        given in prop::collection::vec(nothing(), 1..4),
        known in prop::collection::vec(nothing(), 1..4),
    ) {
        // a whole name identifies: leave out one half of it
        let half = |all: &[(&'static str, String)]| {
            let has_first = all.iter().any(|(name, _)| *name == "FirstName");
            let mut attributes = Attributes::new();
            for (name, value) in all.iter().filter(|(name, _)| !(has_first && *name == "LastName")) {
                attributes.insert((*name).to_owned(), vec![value.clone()]);
            }
            attributes
        };
        let rules = ContactRules::default();
        let (given, known) = (rules.fold_all(&half(&given)), rules.fold_all(&half(&known)));
        prop_assert!(recognise(&rules, None, &given, &[known.into()]).is_empty());
    }

    #[test]
    fn texts_that_are_no_numbers_are_equal_only_as_texts(
        one in "(client:|whatsapp:|sip:|)[A-Za-z0-9.@-]{1,12}",
        other in "(client:|whatsapp:|sip:|)[A-Za-z0-9.@-]{1,12}",
    ) {
        let number = |text: &str| phone::number(text, None).is_some();
        prop_assume!(!number(&one) && !number(&other));
        if let (Some(a), Some(b)) = (fold(&one, ""), fold(&other, "")) {
            prop_assert!(a != b || one.eq_ignore_ascii_case(&other), "{one} {other}");
        }
    }

    #[test]
    fn any_text_can_be_folded(text in "\\PC{0,80}", region in "(|GB|US|DE|JP)") {
        let _ = fold(&text, &region);
    }
}
