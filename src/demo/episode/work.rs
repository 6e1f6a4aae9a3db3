//! Work that no customer waits for in person: forms and claims.

use serde_json::json;

use super::{Case, Person, disposition, of, put};
use crate::demo::desk::{Desk, HOUR, SECOND};
use crate::demo::timeline;
use crate::domain::Moment;
use crate::domain::interaction::{InteractionPatch, Status};
use crate::domain::user_data::Document;

/// A work item, from the form to the day on which it is done.
pub fn item(desk: &mut Desk, who: &Person, at: Moment) {
    let case = Case::new(&mut desk.dice, who);
    let kind = desk
        .dice
        .pick(&["claim", "address-change", "contract-check", "credit-note"]);
    let mut keys = Document::new();
    put(&mut keys, "WorkItemType", kind);
    put(&mut keys, "BusinessValue", desk.dice.between(1, 100));
    put(&mut keys, "Priority", desk.dice.between(1, 10));
    put(
        &mut keys,
        "Order",
        json!({"Number": case.order, "Product": case.product, "Amount": desk.dice.between(10, 900)}),
    );
    let mut new = of(who, "workitem", at);
    new.kind = Some("Inbound".to_owned());
    new.subtype = Some("InboundNew".to_owned());
    new.status = Some(Status::New);
    new.queue = Some("backoffice".to_owned());
    new.external_id = Some(format!("FORM-{}", desk.dice.between(100_000, 999_999)));
    new.subject = Some(case.say(&mut desk.dice, case.topic().subject));
    new.user_data = keys.into();
    let Some(mut live) = desk.record(at, "capture-point", new) else {
        return;
    };
    let due = at.plus_micros(desk.dice.mostly_short(1, 120) * HOUR);
    let begun = timeline::when_open(who.country, due, &mut desk.dice);
    let patch = InteractionPatch {
        status: Some(Status::InProcess),
        owner_id: Some(Some(case.agent.user.to_owned())),
        ..InteractionPatch::default()
    };
    desk.patch(begun, case.agent.user, &mut live, patch);
    if desk.dice.percent(4) {
        return;
    }
    let done = begun.plus_micros(desk.dice.mostly_short(60, 7_200) * SECOND);
    let keys = disposition(&mut desk.dice);
    desk.attach(done, case.agent.user, &mut live, keys);
    desk.stop(
        live.last.plus_micros(SECOND),
        case.agent.user,
        &mut live,
        Some("Normal"),
    );
}
