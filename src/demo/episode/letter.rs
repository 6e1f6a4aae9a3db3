//! `UserData` of e-mails, with the keys, the sizes and the oddities seen in the wild: dots and
//! blanks in keys, numbers as strings, empty strings and nulls, and nested documents with the
//! desktop's own settings.

use serde_json::{Value, json};

use super::{Case, Person, put};
use crate::demo::dice::Dice;
use crate::domain::Moment;
use crate::domain::user_data::Document;

/// The company's mailbox.
pub const MAILBOX: &str = "service@shop.example";

/// The case of a letter, as the desktop groups it.
pub struct Bundle {
    case: String,
    bundle: String,
}

impl Bundle {
    /// A new one.
    pub fn new(dice: &mut Dice) -> Self {
        Self {
            case: dice.uuid(),
            bundle: dice.uuid(),
        }
    }
}

/// The first outbound e-mail of a thread: 9 to 11 keys.
pub fn outbound(dice: &mut Dice, who: &Person, bundle: &Bundle, subject: &str) -> Document {
    let mut keys = Document::new();
    put(&mut keys, "IW_CaseUid", bundle.case.as_str());
    put(&mut keys, "IW_BundleUid", bundle.bundle.as_str());
    put(&mut keys, "toAddresses", who.emails[0].as_str());
    put(&mut keys, "ContactId", who.id.as_str());
    put(&mut keys, "FromAddress", MAILBOX);
    put(&mut keys, "ToAddress", who.emails[0].as_str());
    put(&mut keys, "To", who.emails[0].as_str());
    put(&mut keys, "Subject", subject);
    put(&mut keys, "IWAttachedDataInformation", desktop());
    if dice.percent(50) {
        put(
            &mut keys,
            "GSW_CAMPAIGN_NAME",
            dice.pick(&["spring-renewal", "satisfaction", "welcome"]),
        );
        put(&mut keys, "GSW_ATTEMPTS", dice.between(1, 3));
    }
    keys
}

/// An answer: 22 or 23 keys.
pub fn reply(
    dice: &mut Dice,
    who: &Person,
    case: &Case,
    bundle: &Bundle,
    subject: &str,
) -> Document {
    let mut keys = customer(who, case);
    for (key, number) in [
        ("RVQDBID", None),
        ("RTargetAgSelDBID", Some(case.agent.number)),
        ("RTargetPlSelDBID", Some(case.agent.number)),
        ("RTenantDBID", Some(1)),
    ] {
        put(&mut keys, key, number.map(|number| number.to_string()));
    }
    put(&mut keys, "IW_CaseUid", bundle.case.as_str());
    put(&mut keys, "IW_BundleUid", bundle.bundle.as_str());
    put(&mut keys, "IsHeld", 0);
    put(&mut keys, "toAddresses", who.emails[0].as_str());
    put(&mut keys, "FromAddress", MAILBOX);
    put(&mut keys, "Subject", subject);
    put(&mut keys, "To", who.emails[0].as_str());
    put(&mut keys, "ServiceType", case.service());
    put(&mut keys, "IWAttachedDataInformation", desktop());
    if dice.percent(40) {
        put(&mut keys, "PegRejected", dice.between(1, 4));
    }
    keys
}

/// An inbound e-mail after routing: 69 keys.
pub fn routed(
    dice: &mut Dice,
    who: &Person,
    case: &Case,
    bundle: &Bundle,
    subject: &str,
    at: Moment,
) -> Document {
    let mut keys = customer(who, case);
    let (code, agent) = (who.country.language.code(), case.agent);
    let date = at.utc().with_timezone(&who.country.zone).to_rfc2822();
    let group = format!("Agent Group Email {code}");
    let message = format!("<{}@mail.example>", dice.uuid());
    let texts: [(&str, &str); 34] = [
        ("FromPersonal", who.first),
        ("Header_Content-Transfer-Encoding", "quoted-printable"),
        ("Header_MIME-Version", "1.0"),
        ("Header_Date", &date),
        (
            "Header_X-Mailer",
            dice.pick(&["Example Mail 12.4", "WebMail 3.0", "Postbox 7"]),
        ),
        ("Header_Content-Type", "text/plain; charset=utf-8"),
        ("Header_Message-ID", &message),
        ("Header_From", &who.emails[0]),
        ("Header_Subject", subject),
        ("Header_Return-Path", &who.emails[0]),
        ("Header_Reply-To", &who.emails[0]),
        (
            "Header_Received-SPF",
            dice.pick(&["pass", "pass", "neutral"]),
        ),
        ("Header_Auto-Submitted", "no"),
        ("_ContainsAttachment", "false"),
        ("_AttachmentsSize", "0"),
        ("FromAddress", &who.emails[0]),
        ("toAddresses", MAILBOX),
        ("To", MAILBOX),
        ("Mailbox", MAILBOX),
        ("Subject", subject),
        ("RTargetAgentGroup", &group),
        ("RTargetTypeSelected", "2"),
        ("RTargetObjectSelected", &group),
        ("RTargetRequested", &group),
        ("RTargetAgentSelected", agent.user),
        ("RTenant", "Environment"),
        ("RStrategyName", "email-routing-inbound"),
        ("RStrategyDBID", "362"),
        ("RTenantDBID", "1"),
        ("ServiceType", case.service()),
        ("Language", who.country.language.name()),
        ("IW_CaseUid", &bundle.case),
        ("IW_BundleUid", &bundle.bundle),
        (
            "ScreenRuleName",
            dice.pick(&["none", "order-number", "angry-words"]),
        ),
    ];
    for (key, text) in texts {
        put(&mut keys, key, text);
    }
    for key in ["RTargetObjSelDBID", "RTargetAgSelDBID", "RTargetPlSelDBID"] {
        put(&mut keys, key, agent.number.to_string());
    }
    put(
        &mut keys,
        "RTargetPlaceSelected",
        format!("Place_{}", agent.user),
    );
    for key in [
        "_AttachmentFileNames",
        "RVQID",
        "RVQDBID",
        "RTargetRuleSelected",
        "CBR-actual_volume",
        "CBR-Interaction_cost",
        "CBR-contract_DBIDs",
        "CBR-IT-path_DBIDs",
        "RRequestedSkillCombination",
    ] {
        put(&mut keys, key, Value::Null);
    }
    for (key, number) in [
        ("ServiceObjective", 0),
        ("_AutoReplyCount", 0),
        ("IsHeld", 0),
        ("PegAGAgent Group Email", 1),
        ("ClassifyRelevancy", dice.between(20, 99)),
        ("Header_X-Spam-Score", dice.between(0, 4)),
        ("_BodySize", dice.between(200, 4_000)),
    ] {
        put(&mut keys, key, number);
    }
    put(&mut keys, "ClassifyCategory", case.service());
    put(&mut keys, "OrderNumber", case.order.as_str());
    put(&mut keys, "Product", case.product);
    for key in ["RRequestedSkills", "_AttachmentsInfo"] {
        put(&mut keys, key, json!({}));
    }
    put(&mut keys, "IWAttachedDataInformation", desktop());
    keys
}

/// The nine keys about the customer.
fn customer(who: &Person, case: &Case) -> Document {
    let mut keys = Document::new();
    put(
        &mut keys,
        "Priority",
        if who.segment == "Gold" { 8 } else { 5 },
    );
    put(&mut keys, "FirstName", who.first);
    put(&mut keys, "LastName", who.last);
    put(&mut keys, "Origination_Source", "Web");
    put(&mut keys, "ContactId", who.id.as_str());
    put(&mut keys, "EmailAddress", who.emails[0].as_str());
    put(&mut keys, "Segment", who.segment);
    put(&mut keys, "CustomerSegment", "default");
    put(&mut keys, "CallType", case.service());
    keys
}

/// The desktop's own settings.
fn desktop() -> Value {
    json!({
        "CaseDataBusinessAttribute": "CaseData",
        "DispositionCode.Key": "DispositionCode",
        "Option.interaction.case-data.frame-color": "#FFBA00",
        "DispositionCode.Label": "Disposition Code",
        "SelectedDispositionCodeName": null,
        "SelectedDispositionCodeDisplayName": null,
        "SelectedDispositionCodeCompleteName": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::people::People;

    #[test]
    fn letters_have_as_many_keys_as_were_measured() {
        let at = Moment::parse("2026-03-01T09:30:00Z").unwrap();
        let mut dice = Dice::new(1, 1);
        let (who, _) = People::new(1, 100).comes(2, at, (0, 1), &mut dice);
        let case = Case::new(&mut dice, &who);
        let bundle = Bundle::new(&mut dice);
        assert_eq!(
            routed(&mut dice, &who, &case, &bundle, "Hello", at).len(),
            69
        );
        for _ in 0..20 {
            let answer = reply(&mut dice, &who, &case, &bundle, "Re: Hello").len();
            assert!((22..=23).contains(&answer), "{answer}");
            let new = outbound(&mut dice, &who, &bundle, "News").len();
            assert!((9..=11).contains(&new), "{new}");
        }
    }
}
