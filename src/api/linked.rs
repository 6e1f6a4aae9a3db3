//! Which web actions led to which interactions.
//!
//! An event leads to an interaction if it carries the identifier of that interaction, ours or
//! another system's. An action of a visit leads to the web engagements that name the visit in their
//! UserData. The link is looked up when it is read, so the order of arrival does not matter.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::Refusal;
use crate::domain::interaction::{Interaction, WEB_ENGAGEMENT};
use crate::domain::web_action::{self, Recorded, State};
use crate::store::{StoreError, WebActionsQuery};
use crate::web::App;

/// The maximum number of events that one answer may depend on.
const MOST: usize = 20_000;

/// An interaction whose web actions are requested.
pub struct Led<'i> {
    /// Its core attributes.
    pub interaction: &'i Interaction,
    /// Its UserData as JSON text.
    pub user_data: &'i str,
}

/// Actions with the interactions they led to and the key that links them; and the events of each
/// action.
type Found<'l> = (
    BTreeMap<(String, &'l str), &'static str>,
    HashMap<String, Vec<Recorded>>,
);

async fn found<'l>(app: &App, tenant: i64, all: &'l [Led<'_>]) -> Result<Found<'l>, StoreError> {
    let mut references: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut visits: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for led in all {
        let of = led.interaction;
        for reference in [Some(&of.id), of.external_id.as_ref()]
            .into_iter()
            .flatten()
        {
            references.entry(reference).or_default().insert(&of.id);
        }
        if of.media_type == WEB_ENGAGEMENT {
            for visit in
                web_action::named_visits(led.user_data, &app.config.engagement.session_keys)
            {
                visits.entry(visit).or_default().insert(&of.id);
            }
        }
    }
    let keys: Vec<String> = references.keys().map(|key| (*key).to_owned()).collect();
    let mut by_reference = events(app, tenant, "reference", keys.clone()).await?;
    by_reference.extend(events(app, tenant, "conversation_id", keys).await?);
    let by_visit = events(app, tenant, "session_id", visits.keys().cloned().collect()).await?;
    // an explicit reference from the page takes precedence
    let mut ties: BTreeMap<(String, &str), &'static str> = BTreeMap::new();
    for event in &by_visit {
        let led = event
            .session_id
            .as_ref()
            .and_then(|visit| visits.get(visit));
        for id in led.into_iter().flatten() {
            ties.insert((event.action_id.clone(), id), "sessionId");
        }
    }
    for event in &by_reference {
        let named = event.reference.iter().chain(&event.conversation_id);
        let led = named.filter_map(|key| references.get(key.as_str()));
        for id in led.flatten() {
            ties.insert((event.action_id.clone(), id), "interactionId");
        }
    }
    let actions: BTreeSet<String> = ties.keys().map(|(action, _)| action.clone()).collect();
    let mut lives: HashMap<String, Vec<Recorded>> = HashMap::new();
    for event in events(app, tenant, "action_id", actions.into_iter().collect()).await? {
        lives
            .entry(event.action_id.clone())
            .or_default()
            .push(event);
    }
    Ok((ties, lives))
}

/// Web actions by the identifier of the interaction they led to, as JSON texts, oldest first.
///
/// # Errors
/// When the store fails, or when there are more events than one answer may depend on.
pub async fn web_actions(
    app: &App,
    tenant: i64,
    all: &[Led<'_>],
) -> Result<HashMap<String, Vec<String>>, StoreError> {
    let (ties, lives) = found(app, tenant, all).await?;
    let mut told: HashMap<String, Vec<(i64, String)>> = HashMap::new();
    for ((action, id), by) in ties {
        let Some(life) = lives.get(&action) else {
            continue;
        };
        let (began, text) = shown(&action, id, by, life.clone());
        told.entry(id.to_owned()).or_default().push((began, text));
    }
    let in_order = |(id, mut all): (String, Vec<(i64, String)>)| {
        all.sort();
        (id, all.into_iter().map(|(_, text)| text).collect())
    };
    Ok(told.into_iter().map(in_order).collect())
}

async fn events(
    app: &App,
    tenant: i64,
    column: &'static str,
    values: Vec<String>,
) -> Result<Vec<Recorded>, StoreError> {
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let query = WebActionsQuery {
        limit: MOST + 1,
        any_of: vec![(column, values)],
        ..WebActionsQuery::default()
    };
    let found = app.reads.web_actions(tenant, &query).await?;
    if found.len() > MOST {
        return Err(Refusal::TooLarge(format!(
            "more than {MOST} events of web actions belong to this answer; ask for fewer interactions at a time"
        ))
        .into());
    }
    Ok(found)
}

/// An action with its lifecycle as JSON text, and the time at which it began.
fn shown(action: &str, interaction: &str, by: &str, life: Vec<Recorded>) -> (i64, String) {
    let (states, _, terminal) = web_action::life(life);
    let began = states.first().map_or(0, |one| one.event_date.micros());
    let media_type = states.iter().find_map(|one| one.media_type.as_deref());
    let states: Vec<_> = states
        .iter()
        .map(|one| serde_json::json!({"actionState": State::name(one.state), "eventDate": one.event_date}))
        .collect();
    let text = serde_json::json!({"actionId": action, "actionMediaType": media_type, "interactionId": interaction, "by": by,
        "states": states, "terminal": terminal});
    (began, text.to_string())
}
