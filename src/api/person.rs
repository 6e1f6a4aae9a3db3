//! Streams the export of a person. Memory holds one chunk at a time, and the identifiers of the
//! person's data.

use std::collections::{BTreeSet, HashMap};
use std::io;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::stream;
use tokio::sync::mpsc;

use super::render;
use crate::domain::interaction::WEB_ENGAGEMENT;
use crate::domain::web_action;
use crate::store::{ChangesQuery, Found, Person, StoreError, WebActionsQuery};
use crate::web::App;

/// Interactions that are loaded concurrently.
const INTERACTIONS: usize = 32;
/// The maximum number of identifiers in one query.
const IDS: usize = 100;
/// Entries or events in one page.
const PAGE: usize = 1000;
/// Bytes that are sent as one chunk.
const CHUNK: usize = 64 * 1024;
/// Chunks that may wait for a slow client.
const WAITING: usize = 2;

/// The response that exports a person. If the store fails meanwhile, the body is cut off.
pub fn export(app: App, tenant: i64, person: Person) -> Response {
    let (chunks, receiver) = mpsc::channel(WAITING);
    let body = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    let tasks = app.tasks.clone();
    tasks.spawn(async move {
        let out = Out {
            chunks: chunks.clone(),
            buffer: Vec::new(),
        };
        let export = Export {
            app,
            tenant,
            person,
            out,
            references: BTreeSet::new(),
            visits: BTreeSet::new(),
        };
        if let Err(End::Failed(error)) = export.write().await {
            tracing::warn!(%error, "the export of a person was cut short");
            let cut = io::Error::other("the export was cut short");
            // the client may have disconnected
            let _ = chunks.send(Err(cut)).await;
        }
    });
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, Body::from_stream(body)).into_response()
}

/// Why an export ended early.
enum End {
    /// The client went away.
    Gone,
    /// The store failed.
    Failed(StoreError),
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// A JSON object of lists, streamed to the client.
struct Out {
    chunks: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Out {
    /// Starts the next list.
    fn list(&mut self, name: &str) {
        let before = if self.buffer.last() == Some(&b'{') {
            ""
        } else {
            ","
        };
        self.buffer
            .extend_from_slice(format!("{before}\"{name}\":[").as_bytes());
    }

    /// Adds an item to the list.
    async fn item(&mut self, json: &str) -> Result<(), End> {
        // a chunk never ends directly after the start of a list
        if self.buffer.last() != Some(&b'[') {
            self.buffer.push(b',');
        }
        self.buffer.extend_from_slice(json.as_bytes());
        if self.buffer.len() < CHUNK {
            return Ok(());
        }
        self.send().await
    }

    fn end_list(&mut self) {
        self.buffer.push(b']');
    }

    async fn send(&mut self) -> Result<(), End> {
        let chunk = Bytes::from(std::mem::take(&mut self.buffer));
        self.chunks.send(Ok(chunk)).await.map_err(|_| End::Gone)
    }
}

struct Export {
    app: App,
    tenant: i64,
    person: Person,
    out: Out,
    /// The identifiers by which web actions may refer to these interactions.
    references: BTreeSet<String>,
    /// The visits that the web engagements name.
    visits: BTreeSet<String>,
}

impl Export {
    async fn write(mut self) -> Result<(), End> {
        self.out.buffer.push(b'{');
        self.contacts().await?;
        self.interactions().await?;
        self.links().await?;
        self.web_actions().await?;
        self.changes().await?;
        self.out.list("shared");
        for shared in &self.person.shared {
            self.out.item(&render::text(shared)).await?;
        }
        self.out.end_list();
        self.out.buffer.push(b'}');
        self.out.send().await
    }

    async fn contacts(&mut self) -> Result<(), End> {
        self.out.list("contacts");
        for id in &self.person.contacts {
            if let Some(contact) = self.app.reads.contact(self.tenant, id).await? {
                self.out.item(&render::text(&contact)).await?;
            }
        }
        self.out.end_list();
        Ok(())
    }

    async fn interactions(&mut self) -> Result<(), End> {
        self.out.list("interactions");
        let ids = self.person.interactions.clone();
        for chunk in ids.chunks(INTERACTIONS) {
            let reads = chunk
                .iter()
                .map(|id| self.app.reads.interaction(self.tenant, id));
            for found in try_join_all(reads).await?.into_iter().flatten() {
                if self.is_theirs_still(&found)? {
                    self.out.item(&render::interaction(&found)).await?;
                }
            }
        }
        self.out.end_list();
        Ok(())
    }

    /// Whether an interaction still belongs to the person. If so, notes the identifiers by which
    /// web actions may refer to it.
    fn is_theirs_still(&mut self, found: &Found) -> Result<bool, StoreError> {
        let interaction = found.interaction()?;
        if !is_of(&self.person, interaction.contact_id.as_ref()) {
            return Ok(false);
        }
        if interaction.media_type == WEB_ENGAGEMENT {
            let keys = &self.app.config.engagement.session_keys;
            self.visits
                .extend(web_action::named_visits(&found.user_data, keys));
        }
        self.references.insert(interaction.id);
        self.references.extend(interaction.external_id);
        Ok(true)
    }

    async fn links(&mut self) -> Result<(), End> {
        self.out.list("links");
        for chunk in self.person.interactions.chunks(IDS) {
            for link in self.app.reads.links(self.tenant, chunk.to_vec()).await? {
                self.out.item(&render::link(&link)).await?;
            }
        }
        self.out.end_list();
        Ok(())
    }

    async fn web_actions(&mut self) -> Result<(), End> {
        self.out.list("webActions");
        let actions = self.actions().await?;
        for chunk in actions.chunks(IDS) {
            let mut events = self.events("action_id", chunk).await?;
            let places: HashMap<&str, usize> = chunk
                .iter()
                .enumerate()
                .map(|(place, action)| (action.as_str(), place))
                .collect();
            events.sort_by_key(|event| (places.get(event.action_id.as_str()).copied(), event.seq));
            for event in events {
                self.out.item(&event.event).await?;
            }
        }
        self.out.end_list();
        Ok(())
    }

    /// The web actions that led to the interactions, ordered by the first event that links them.
    async fn actions(&self) -> Result<Vec<String>, End> {
        let mut first: HashMap<String, i64> = HashMap::new();
        for (column, values) in [
            ("reference", &self.references),
            ("session_id", &self.visits),
        ] {
            let values: Vec<String> = values.iter().cloned().collect();
            for chunk in values.chunks(IDS) {
                for event in self.events(column, chunk).await? {
                    let seq = first.entry(event.action_id).or_insert(event.seq);
                    *seq = event.seq.min(*seq);
                }
            }
        }
        let mut actions: Vec<(i64, String)> = first
            .into_iter()
            .map(|(action, seq)| (seq, action))
            .collect();
        actions.sort_unstable();
        Ok(actions.into_iter().map(|(_, action)| action).collect())
    }

    /// Events of web actions that have one of these values.
    async fn events(
        &self,
        column: &'static str,
        values: &[String],
    ) -> Result<Vec<web_action::Recorded>, StoreError> {
        let mut query = WebActionsQuery {
            limit: PAGE,
            any_of: vec![(column, values.to_vec())],
            ..WebActionsQuery::default()
        };
        let mut all = Vec::new();
        loop {
            let page = self.app.reads.web_actions(self.tenant, &query).await?;
            let last = page.last().map(|event| event.seq);
            let full = page.len() == PAGE;
            all.extend(page);
            match last.filter(|_| full) {
                Some(last) => query.after = last,
                None => return Ok(all),
            }
        }
    }

    async fn changes(&mut self) -> Result<(), End> {
        self.out.list("changes");
        for id in self.person.contacts.clone() {
            let query = ChangesQuery {
                contact_id: Some(id),
                ..ChangesQuery::default()
            };
            self.entries(query, false).await?;
        }
        for id in self.person.interactions.clone() {
            let query = ChangesQuery {
                interaction_id: Some(id),
                ..ChangesQuery::default()
            };
            self.entries(query, true).await?;
        }
        self.out.end_list();
        Ok(())
    }

    /// Writes the entries of interactions, or of contacts alone. Entries from a time when an
    /// interaction belonged to another person are omitted.
    async fn entries(&mut self, mut query: ChangesQuery, of_interaction: bool) -> Result<(), End> {
        query.limit = PAGE;
        loop {
            let page = self.app.reads.changes(self.tenant, &query).await?;
            for entry in &page.items {
                if entry.interaction_id.is_some() == of_interaction
                    && is_of(&self.person, entry.contact_id.as_ref())
                {
                    self.out.item(&render::change(entry)).await?;
                }
            }
            if page.items.len() < PAGE {
                return Ok(());
            }
            query.after = page.next;
        }
    }
}

/// Whether this contact belongs to the person, or there is none.
fn is_of(person: &Person, contact: Option<&String>) -> bool {
    contact.is_none_or(|contact| person.contacts.contains(contact))
}
