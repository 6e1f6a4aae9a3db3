//! Records events of web actions. Another copy of a stored event is merged into it.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::ledger::{Ask, Ledger, text};
use crate::domain::change::Kind;
use crate::domain::command::Outcome;
use crate::domain::interaction::fingerprint;
use crate::domain::web_action::{EVENT_DATE, Merged, State, WebAction, merge};
use crate::domain::{Fault, Refusal};
use crate::store::dialect::{Arg, Columns, Conn, Dialect};
use crate::store::tables::web_action::{CONTRADICTED, ENRICHED, EventRow, NEW};
use crate::store::{StoreError, bulk, web_action};

/// The key of an event: tenant, action, state.
pub type EventKey = (i64, String, State);

/// An event in the ledger.
pub struct HeldEvent {
    /// Cursor of the journal entry that recorded it.
    seq: i64,
    /// The fingerprint of the event as given, without the time of receipt. Empty if the event was
    /// erased.
    fingerprint: Vec<u8>,
    /// Whether its date is the time of receipt.
    stamped: bool,
    /// The event. Loaded only if a command of the group brings another copy of it.
    event: Option<Map<String, Value>>,
    /// Whether a copy contradicted it.
    contradicted: bool,
    write: Write,
}

/// The pending write of an event.
enum Write {
    Nothing,
    Contradicted,
    New(Box<WebAction>, String),
    Enriched(Box<WebAction>, String),
}

/// Loads the stored events of which a group has copies.
pub(super) async fn load<D: Dialect>(
    ledger: &mut Ledger<'_>,
    conn: &mut Conn<D>,
    tenant: i64,
    copies: &[(&WebAction, &[u8])],
) -> Result<(), StoreError> {
    if copies.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT seq, action_id, state, fingerprint, contradicted FROM web_action WHERE tenant_id = $1 AND action_id IN {}",
        D::any_of(2)
    );
    let mut ids: Vec<String> = copies
        .iter()
        .map(|(action, _)| action.action_id.clone())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    for row in D::fetch(conn, sql.into(), vec![tenant.into(), Arg::Texts(ids)]).await? {
        let mut row = Columns::<D>::of(&row);
        let seq = row.int()?;
        let key = (tenant, row.text()?, web_action::state(&row.text()?)?);
        let held = HeldEvent {
            seq,
            fingerprint: row.bytes()?,
            stamped: false,
            event: None,
            contradicted: row.int()? != 0,
            write: Write::Nothing,
        };
        ledger.web_events.insert(key, held);
    }
    let mut differing: HashMap<i64, EventKey> = HashMap::new();
    for (action, fingerprint) in copies {
        let key = (tenant, action.action_id.clone(), action.state);
        if let Some(held) = ledger.web_events.get(&key)
            && held.may_differ_from(fingerprint)
        {
            differing.insert(held.seq, key);
        }
    }
    load_contents::<D>(ledger, conn, differing).await
}

/// Loads the contents of events by their places.
async fn load_contents<D: Dialect>(
    ledger: &mut Ledger<'_>,
    conn: &mut Conn<D>,
    wanted: HashMap<i64, EventKey>,
) -> Result<(), StoreError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT w.seq, w.event FROM {} JOIN web_action w ON w.seq = CAST(k.value AS BIGINT)",
        D::listed(1)
    );
    let places = wanted.keys().map(ToString::to_string).collect();
    for row in D::fetch(conn, sql.into(), vec![Arg::Texts(places)]).await? {
        let mut row = Columns::<D>::of(&row);
        let (seq, event) = (row.int()?, row.text()?);
        let held = wanted
            .get(&seq)
            .and_then(|key| ledger.web_events.get_mut(key));
        if let Some(held) = held {
            let event: Map<String, Value> = serde_json::from_str(&event)
                .map_err(|_| StoreError::inconsistent("web_action", "event"))?;
            held.stamped = held.fingerprint == given(&event, true);
            held.event = Some(event);
        }
    }
    Ok(())
}

/// The fingerprint of an event as it was given, without a date that is the time of receipt.
fn given(event: &Map<String, Value>, stamped: bool) -> Vec<u8> {
    if !stamped {
        return fingerprint(event);
    }
    let mut event = event.clone();
    event.remove(EVENT_DATE);
    fingerprint(&event)
}

impl HeldEvent {
    /// Whether a copy with this fingerprint must be compared. An erased event accepts no more
    /// copies.
    fn may_differ_from(&self, fingerprint: &[u8]) -> bool {
        !self.fingerprint.is_empty() && self.fingerprint != fingerprint
    }

    fn event(&self) -> Option<&Map<String, Value>> {
        match &self.write {
            Write::New(action, _) | Write::Enriched(action, _) => Some(&action.event),
            Write::Nothing | Write::Contradicted => self.event.as_ref(),
        }
    }

    /// What a copy with this fingerprint adds to the event.
    fn merged(&self, fingerprint: &[u8], copy: &WebAction) -> Result<Merged, StoreError> {
        if !self.may_differ_from(fingerprint) {
            return Ok(Merged::default());
        }
        let event = self.event();
        let event = event.ok_or(StoreError::inconsistent("web_action", "event"))?;
        Ok(merge(event, self.stamped, &copy.event))
    }

    fn contradict(&mut self) {
        if !self.contradicted && matches!(self.write, Write::Nothing) {
            self.write = Write::Contradicted;
        }
        self.contradicted = true;
    }

    fn enrich(&mut self, action: WebAction, event: String) {
        let date_stays =
            |before: &Map<String, Value>| before.get(EVENT_DATE) == action.event.get(EVENT_DATE);
        self.stamped &= self.event().is_some_and(date_stays);
        self.fingerprint = given(&action.event, self.stamped);
        let action = Box::new(action);
        self.write = match self.write {
            Write::New(..) => Write::New(action, event),
            _ => Write::Enriched(action, event),
        };
    }
}

impl Ledger<'_> {
    /// Records an event, or merges it into the stored event of the same action and state.
    pub(super) fn record_web_action(
        &mut self,
        ask: &Ask<'_>,
        action: &WebAction,
    ) -> Result<Outcome, StoreError> {
        let key = (ask.tenant, action.action_id.clone(), action.state);
        let Some(held) = self.web_events.get(&key) else {
            return Ok(self.add_web_event(ask, key, action));
        };
        let Merged { event, contradicts } = held.merged(&ask.ready.fingerprint, action)?;
        let enriched = event.map(|event| self.read_enriched(event)).transpose()?;
        let mut cursor = None;
        let mut changes = None;
        if let Some(action) = enriched {
            let event = text(&action.event);
            cursor = Some(self.enter_web_event(ask, &action, event.clone()));
            changes = Some((action, event));
        }
        if let Some(held) = self.web_events.get_mut(&key) {
            if contradicts {
                held.contradict();
            }
            if let Some((action, event)) = changes {
                held.enrich(action, event);
            }
        }
        Ok(Outcome::WebAction {
            action_id: key.1,
            created: false,
            enriched: cursor.is_some(),
            contradicts,
            cursor,
        })
    }

    /// Reads a merged event, which must be within the limits like any other.
    fn read_enriched(&self, event: Map<String, Value>) -> Result<WebAction, Refusal> {
        WebAction::read(event, &self.rules.limits).map_err(|refusal| match refusal {
            Refusal::Invalid(mut faults) => {
                for Fault { detail, .. } in &mut faults {
                    detail.push_str(", together with what was recorded before");
                }
                Refusal::Invalid(faults)
            }
            other => other,
        })
    }

    fn add_web_event(&mut self, ask: &Ask<'_>, key: EventKey, action: &WebAction) -> Outcome {
        let mut action = action.clone();
        let stamped = action.event_date.is_none();
        let event = if stamped {
            action.event_date = Some(ask.at);
            let date = ask.at.to_string();
            action.event.insert(EVENT_DATE.to_owned(), date.into());
            text(&action.event)
        } else {
            ask.ready.user_data.clone()
        };
        let cursor = self.enter_web_event(ask, &action, event.clone());
        let held = HeldEvent {
            seq: cursor,
            fingerprint: ask.ready.fingerprint.clone(),
            stamped,
            event: None,
            contradicted: false,
            write: Write::New(Box::new(action), event),
        };
        let action_id = key.1.clone();
        self.web_events.insert(key, held);
        Outcome::WebAction {
            action_id,
            created: true,
            enriched: false,
            contradicts: false,
            cursor: Some(cursor),
        }
    }

    /// Appends an entry with the whole event to the journal; returns its cursor.
    fn enter_web_event(&mut self, ask: &Ask<'_>, action: &WebAction, event: String) -> i64 {
        let entry = ask.entry(Kind::WebActionRecorded, ask.at, event);
        let media_type = action.media_type.as_deref();
        self.journal
            .push(entry.of_web_action(&action.action_id, media_type));
        self.cursor(self.journal.len() - 1)
    }
}

/// Writes new events, each at the cursor of its entry, and the changes of stored ones.
pub(super) async fn write<D: Dialect>(
    conn: &mut Conn<D>,
    events: HashMap<EventKey, HeldEvent>,
) -> Result<(), StoreError> {
    let (mut new, mut enriched) = (NEW.batch(0), ENRICHED.batch(0));
    let mut contradicted = Vec::new();
    for ((tenant, ..), held) in &events {
        let (batch, action, event) = match &held.write {
            Write::Nothing => continue,
            Write::Contradicted => {
                contradicted.push(held.seq.into());
                continue;
            }
            Write::New(action, event) => (&mut new, action, event),
            Write::Enriched(action, event) => (&mut enriched, action, event),
        };
        batch.push(&EventRow {
            seq: held.seq,
            tenant: *tenant,
            of: action,
            event,
            contradicted: held.contradicted,
            fingerprint: &held.fingerprint,
        });
    }
    new.write::<D>(conn).await?;
    enriched.write::<D>(conn).await?;
    bulk::run::<D>(conn, &CONTRADICTED, contradicted).await?;
    Ok(())
}
