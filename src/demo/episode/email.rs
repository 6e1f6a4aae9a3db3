//! E-mail threads: what customers write, how they are answered, and what the company writes first.

use super::letter::{self, Bundle, MAILBOX};
use super::{Case, Person, disposition, of, put};
use crate::demo::desk::{Desk, Live, MINUTE, SECOND};
use crate::demo::{timeline, words};
use crate::domain::Moment;
use crate::domain::interaction::{InteractionPatch, Status};
use crate::domain::user_data::Document;

/// An inbound e-mail. It is answered in office hours, and sometimes the customer writes again.
pub fn inbound(desk: &mut Desk, who: &Person, at: Moment) {
    let case = Case::new(&mut desk.dice, who);
    let bundle = Bundle::new(&mut desk.dice);
    let subject = case.say(&mut desk.dice, case.topic().subject);
    let Some(mut letter) = receive(desk, who, &case, &bundle, &subject, None, at) else {
        return;
    };
    let Some(reply) = answer(desk, who, &case, &bundle, &subject, &mut letter) else {
        return;
    };
    if desk.dice.percent(22) && desk.left() > 0 {
        let wait = desk.dice.mostly_short(20, 3 * 24 * 60) * MINUTE;
        let again = desk.after(reply.last, wait);
        let subject = format!("Re: {subject}");
        if let Some(mut second) = receive(desk, who, &case, &bundle, &subject, Some(&reply), again)
        {
            answer(desk, who, &case, &bundle, &subject, &mut second);
        }
    }
}

fn receive(
    desk: &mut Desk,
    who: &Person,
    case: &Case,
    bundle: &Bundle,
    subject: &str,
    to: Option<&Live>,
    at: Moment,
) -> Option<Live> {
    let mut new = of(who, "email", at);
    new.kind = Some("Inbound".to_owned());
    let subtype = if to.is_some() {
        "InboundCustomerReply"
    } else {
        "InboundNew"
    };
    new.subtype = Some(subtype.to_owned());
    new.parent_id = to.map(|parent| parent.id.clone());
    new.status = Some(Status::Pending);
    new.queue = Some(format!("email-inbound-{}", who.country.language.code()));
    new.subject = Some(subject.to_owned());
    new.text = Some(body(
        desk,
        case,
        &[case.topic().question, case.phrases.detail],
        who.first,
    ));
    new.user_data = letter::routed(&mut desk.dice, who, case, bundle, subject, at).into();
    desk.record(at, "email-server", new)
}

/// An agent takes the e-mail, answers it or not, and marks it as done.
fn answer(
    desk: &mut Desk,
    who: &Person,
    case: &Case,
    bundle: &Bundle,
    subject: &str,
    letter: &mut Live,
) -> Option<Live> {
    let due = letter
        .last
        .plus_micros(desk.dice.mostly_short(4, 1_200) * MINUTE);
    let taken = timeline::when_open(who.country, due, &mut desk.dice);
    let patch = InteractionPatch {
        status: Some(Status::InProcess),
        owner_id: Some(Some(case.agent.user.to_owned())),
        ..InteractionPatch::default()
    };
    desk.patch(taken, case.agent.user, letter, patch);
    let written = desk.dice.mostly_short(60, 2_400) * SECOND;
    let mut reply = None;
    if desk.dice.percent(82) && desk.left() > 0 {
        let sent = desk.after(letter.last, written);
        let subject = if subject.starts_with("Re: ") {
            subject.to_owned()
        } else {
            format!("Re: {subject}")
        };
        let mut new = of(who, "email", letter.last);
        new.kind = Some("Outbound".to_owned());
        new.subtype = Some("OutboundReply".to_owned());
        new.parent_id = Some(letter.id.clone());
        new.end_date = Some(sent);
        new.owner_id = Some(case.agent.user.to_owned());
        new.queue = Some("email-outbound".to_owned());
        new.text = Some(body(desk, case, &[case.topic().answer], case.agent.first));
        new.user_data = letter::reply(&mut desk.dice, who, case, bundle, &subject).into();
        new.subject = Some(subject);
        reply = desk.record(sent, case.agent.user, new);
    }
    let mut keys = disposition(&mut desk.dice);
    if let Some(reply) = &reply {
        put(&mut keys, "WWEOutboundInteractionId", reply.id.as_str());
    }
    let done = reply
        .as_ref()
        .map_or(letter.last.plus_micros(written), |reply| reply.last);
    desk.attach(done.plus_micros(SECOND), case.agent.user, letter, keys);
    let reason = if reply.is_some() {
        "Replied"
    } else {
        "NoReplyNeeded"
    };
    desk.stop(
        done.plus_micros(2 * SECOND),
        case.agent.user,
        letter,
        Some(reason),
    );
    reply
}

/// The company writes first.
pub fn outbound(desk: &mut Desk, who: &Person, at: Moment) {
    let case = Case::new(&mut desk.dice, who);
    let bundle = Bundle::new(&mut desk.dice);
    let many = u64::try_from(case.phrases.news.len()).unwrap_or(1);
    let place = usize::try_from(desk.dice.below(many)).unwrap_or(0);
    let (subject, text) = case.phrases.news[place];
    let subject = words::fill(subject, &case.about());
    let sent = desk.after(at, 20 * SECOND);
    let mut new = of(who, "email", at);
    new.kind = Some("Outbound".to_owned());
    new.subtype = Some("OutboundNew".to_owned());
    new.end_date = Some(sent);
    new.owner_id = Some(case.agent.user.to_owned());
    new.queue = Some("email-outbound".to_owned());
    new.text = Some(format!(
        "{}\n\n{}",
        words::fill(text, &case.about()),
        case.agent.first
    ));
    new.user_data = letter::outbound(&mut desk.dice, who, &bundle, &subject).into();
    new.subject = Some(subject);
    let Some(mut live) = desk.record(sent, case.agent.user, new) else {
        return;
    };
    if desk.dice.percent(5) {
        let mut keys = Document::new();
        put(&mut keys, "DeliveryStatus", "bounced");
        put(&mut keys, "Mailbox", MAILBOX);
        let later = live.last.plus_micros(desk.dice.between(1, 90) * MINUTE);
        desk.attach(later, "email-server", &mut live, keys);
    }
}

fn body(desk: &mut Desk, case: &Case, parts: &[&[&'static str]], signed: &str) -> String {
    let mut text = case.say(&mut desk.dice, case.phrases.dear);
    text.push_str("\n\n");
    for part in parts {
        text.push_str(&case.say(&mut desk.dice, part));
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&case.say(&mut desk.dice, case.phrases.regards));
    text.push('\n');
    text.push_str(signed);
    text
}
