//! Chats that customers start, calls, and text messages.

use super::web::close;
use super::{Case, Person, conversation, disposition, of, participants, put};
use crate::demo::desk::{Desk, HOUR, MINUTE, SECOND};
use crate::domain::Moment;
use crate::domain::interaction::{InteractionPatch, Status};
use crate::domain::user_data::Document;

/// A chat from the help page. The chat server records it when it ends.
pub fn chat(desk: &mut Desk, who: &Person, at: Moment) {
    let case = Case::new(&mut desk.dice, who);
    let chat = conversation(&mut desk.dice, &case, who, at);
    let length = chat.lines.last().map_or(0, |line| line.second) + 3;
    let end = desk.after(at, length * SECOND);
    let mut keys = Document::new();
    put(&mut keys, "ServiceType", case.service());
    put(&mut keys, "FirstName", who.first);
    put(&mut keys, "LastName", who.last);
    put(&mut keys, "EmailAddress", who.emails[0].as_str());
    put(&mut keys, "CustomerSegment", who.segment);
    put(&mut keys, "visitID", desk.dice.uuid());
    let mut new = of(who, "chat", at);
    new.kind = Some("Inbound".to_owned());
    new.subtype = Some("InboundNew".to_owned());
    new.status = Some(Status::InProcess);
    new.owner_id = Some(case.agent.user.to_owned());
    new.queue = Some(format!("chat-{}", who.country.language.code()));
    new.subject = Some(case.say(&mut desk.dice, case.topic().subject));
    new.text = Some(chat.text());
    new.structured_text = Some(chat.xml());
    new.participants = Some(participants(who, case.agent));
    new.user_data = keys.into();
    if let Some(mut live) = desk.record(end, "chat-server", new) {
        close(desk, &case, &mut live);
    }
}

/// A call. The agent's desktop records it when it ends, with the one key that such calls have.
pub fn call(desk: &mut Desk, who: &Person, at: Moment) {
    let case = Case::new(&mut desk.dice, who);
    let outbound = desk.dice.percent(30);
    let length = desk.dice.mostly_short(15, 2_400);
    let end = desk.after(at, length * SECOND);
    let mut keys = Document::new();
    put(&mut keys, "Reason", case.service());
    let mut new = of(who, "voice", at);
    new.kind = Some(if outbound { "Outbound" } else { "Inbound" }.to_owned());
    new.owner_id = Some(case.agent.user.to_owned());
    new.queue = Some(format!("voice-{}", who.country.language.code()));
    new.status = Some(Status::Stopped);
    new.end_date = Some(end);
    if desk.dice.percent(40) {
        new.comment = Some(case.say(&mut desk.dice, case.topic().answer));
    }
    new.participants = Some(participants(who, case.agent));
    new.user_data = keys.into();
    let Some(mut live) = desk.record(end, case.agent.user, new) else {
        return;
    };
    if desk.dice.percent(30) {
        let wrapped = end.plus_micros(desk.dice.between(5, 120) * SECOND);
        let keys = disposition(&mut desk.dice);
        desk.attach(wrapped, case.agent.user, &mut live, keys);
    }
    if !outbound && desk.dice.percent(4) {
        survey(desk, who, live.last);
    }
}

/// A text message with a survey about the call.
fn survey(desk: &mut Desk, who: &Person, after: Moment) {
    let at = desk.after(after, 2 * MINUTE);
    let (_, text) = who
        .country
        .language
        .phrases()
        .news
        .last()
        .copied()
        .unwrap_or_default();
    let case = Case::new(&mut desk.dice, who);
    let mut new = of(who, "sms", at);
    new.kind = Some("Outbound".to_owned());
    new.subtype = Some("OutboundNotification".to_owned());
    new.end_date = Some(at);
    new.text = Some(case.say(&mut desk.dice, &[text]));
    new.user_data = address(who, &case).into();
    desk.record(at, "sms-server", new);
}

fn address(who: &Person, case: &Case) -> Document {
    let mut keys = Document::new();
    let number = who.phones.first().map_or("+44 7700 900000", String::as_str);
    put(&mut keys, "_smsSrcNumber", number);
    put(&mut keys, "_smsDestNumber", "+44 7700 900123");
    put(&mut keys, "ServiceType", case.service());
    keys
}

/// One text message, or a conversation of several that may last for hours.
pub fn message(desk: &mut Desk, who: &Person, at: Moment, open: bool) {
    let case = Case::new(&mut desk.dice, who);
    let mut new = of(who, "sms", at);
    new.kind = Some("Inbound".to_owned());
    new.subtype = Some("InboundNew".to_owned());
    new.user_data = address(who, &case).into();
    if !open || desk.dice.percent(45) {
        new.end_date = Some(at);
        new.text = Some(case.say(&mut desk.dice, case.topic().question));
        desk.record(at, "sms-server", new);
        return;
    }
    "smssession".clone_into(&mut new.media_type);
    new.status = Some(Status::InProcess);
    new.owner_id = Some(case.agent.user.to_owned());
    new.queue = Some(format!("sms-{}", who.country.language.code()));
    let Some(mut live) = desk.record(at, "sms-server", new) else {
        return;
    };
    let chat = conversation(&mut desk.dice, &case, who, at);
    let end = at.plus_micros(desk.dice.mostly_short(4 * 60, 360 * 60) * SECOND);
    let patch = InteractionPatch {
        text: Some(Some(chat.text())),
        participants: Some(Some(participants(who, case.agent))),
        ..InteractionPatch::default()
    };
    desk.patch(end, "sms-server", &mut live, patch);
    if desk.dice.percent(85) {
        close(desk, &case, &mut live);
    } else {
        let given_up = live.last.plus_micros(12 * HOUR);
        desk.stop(given_up, "sms-server", &mut live, Some("Inactivity"));
    }
}
