use super::*;

fn words(text: &str) -> Vec<String> {
    let all = joined([text]);
    all.split_terminator(' ').map(str::to_owned).collect()
}

/// A query as words, with an asterisk after a prefix.
fn query(text: &str) -> Vec<String> {
    let all = WordQuery::parse(text).unwrap().0;
    all.iter()
        .map(|term| {
            format!(
                "{}{}",
                term.words.join(" "),
                if term.prefix { "*" } else { "" }
            )
        })
        .collect()
}

#[test]
fn words_are_folded_and_cut_alike_in_every_script() {
    assert_eq!(
        words("Où est l'Émile? Ärger №42 退款 straße_x Rück\u{ad}gabe"),
        [
            "ou", "est", "l", "emile", "arger", "no42", "退款", "款", "straße", "x", "ruckgabe"
        ]
    );
    assert_eq!(words("की कि"), ["की", "कि"], "vowel signs are no accents");
}

#[test]
fn a_text_of_mixed_scripts_is_cut_as_if_it_were_decomposed_whole() {
    let text = format!(
        "Perche\u{301} no? Cafe\u{301}42É{} e\u{301}",
        "x".repeat(80)
    );
    let cut = format!("cafe42e{}", "x".repeat(LONGEST_WORD - 7));
    assert_eq!(words(&text), ["perche", "no", &cut, "e"]);
}

#[test]
fn words_end_where_the_index_does_and_texts_do_not_run_together() {
    let long = "ab ".repeat(MOST_WORDS);
    assert_eq!(words(&format!("{long}é 退 c")).len(), MOST_WORDS);
    assert_eq!(words(&"退".repeat(MOST_WORDS + 5)).len(), MOST_WORDS);
    assert_eq!(joined(["One,", "…", "two"]), "one ¶ two");
    assert_eq!(joined(["退款", "款"]), "退款 款 ¶ 款");
}

#[test]
fn texts_are_joined_with_a_boundary_that_no_question_holds() {
    assert_eq!(
        joined(["A card", "", "!", "Refund it"]),
        "a card ¶ refund it"
    );
    assert_eq!(joined(["!", "refund"]), "refund");
    assert!(words("a ¶ b").iter().all(|word| word != BOUNDARY));
}

#[test]
fn a_run_is_cut_into_pairs_with_one_place_for_each_sign() {
    for (text, wanted) in [
        ("환불을 요청", vec!["환불", "불을", "을", "요청", "청"]),
        // as conjoining letters, and in half-width form
        ("\u{1112}\u{116a}\u{11ab}불", vec!["환불", "불"]),
        ("ｶﾞｽ", vec!["ガス", "ス"]),
        ("か\u{3099}は", vec!["がは", "は"]),
        ("กิน", vec!["กิ", "ิน", "น"]),
        ("v2版本x", vec!["v2", "版本", "本", "x"]),
        ("退，款", vec!["退", "款"]),
        ("ស\u{200b}ង", vec!["សង", "ង"]),
    ] {
        assert_eq!(words(text), wanted, "{text}");
    }
}

#[test]
fn a_line_break_ends_no_run_of_a_script_without_blanks() {
    assert_eq!(words("退\r\n款"), ["退款", "款"]);
    assert_eq!(words("退\n 款"), ["退", "款"]);
    assert_eq!(words("환\n불"), ["환", "불"], "Korean has blanks");
    assert_eq!(words("退\nx"), ["退", "x"]);
}

#[test]
fn emoji_are_signs_of_a_run_and_a_flag_is_one_sign() {
    assert_eq!(words("ok👍🏽!"), ["ok", "👍🏽", "🏽"]);
    assert_eq!(words("👩\u{200d}👧❤\u{fe0f}"), ["👩👧", "👧❤", "❤"]);
    assert_eq!(words("🇰🇷🇺🇸x"), ["🇰🇷", "🇺🇸", "x"]);
    assert_eq!(query("👍"), ["👍*"]);
    assert_eq!(query("👩\u{200d}👧"), ["👩👧"]);
    assert_eq!(query("🇺🇸"), ["🇺🇸*"]);
}

#[test]
fn a_query_knows_words_phrases_and_beginnings() {
    assert_eq!(
        query(r#"refund "Credit Card" canc* e-mail"#),
        ["refund", "credit card", "canc*", "e mail"]
    );
    assert!(WordQuery::parse(" \"!\" ").is_err());
}

#[test]
fn a_query_finds_a_part_of_a_run_wherever_it_stands() {
    for (text, wanted) in [
        ("환불", vec!["환불"]),
        ("환", vec!["환*"]),
        ("환불을*", vec!["환불 불을"]),
        ("\"환불을 요청\"", vec!["환불 불을 을 요청"]),
        ("\"card 退\"", vec!["card 退*"]),
        ("\"退 card\"", vec!["退 card"]),
        ("退款x*", vec!["退款 款 x*"]),
    ] {
        assert_eq!(query(text), wanted, "{text}");
    }
}

#[test]
fn every_emoji_is_a_sign() {
    for (text, wanted) in [
        ("ok‼️", vec!["ok", "‼"]),
        ("⁉️", vec!["⁉"]),
        ("©️ ® x", vec!["©", "®", "x"]),
        ("dial #️⃣ or *⃣", vec!["dial", "＃", "or", "＊"]),
        ("👍‼️", vec!["👍‼", "‼"]),
        ("1️⃣", vec!["1"]),
        ("C# *a*", vec!["c", "a"]),
        ("™️ ℹ️ Ⓜ️", vec!["tm", "i", "m"]),
        ("〰️〽️", vec!["〰〽", "〽"]),
    ] {
        assert_eq!(words(text), wanted, "{text}");
    }
    assert_eq!(query("#️⃣"), ["＃*"]);
    assert_eq!(query("*️⃣ ‼️"), ["＊*", "‼*"]);
}
