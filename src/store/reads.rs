//! Every read, over a pool of reading connections.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::Pool;

use super::archive::{self, Snapshot};
use super::columns::{self, Action, Placed, Tip, Touched};
use super::contact_search::{self, ContactPage};
use super::dialect::{Columns, Conn, Dialect};
use super::grouped::Grouped;
use super::held::{Begin, Held};
use super::journal::{Changes, ChangesQuery};
use super::search::{Indexes, Page, ShortPage};
use super::{
    Count, CountsQuery, DeliveriesQuery, Family, FamilyLink, Found, News, Outlook, Person, Sender,
    StoreError, Token, WebActionsQuery, attribute_index, client, contact, interaction, journal,
    person, search, token, web_action, webhook,
};
use crate::domain::archive::Restored;
use crate::domain::change::Change;
use crate::domain::client::{Choice, ClientSession};
use crate::domain::command::Stored;
use crate::domain::contact::{Contact, ContactRules};
use crate::domain::filter::{IndexedAttribute, Search};
use crate::domain::user_data::{Document, KeyPath};
use crate::domain::web_action::Recorded;
use crate::domain::webhook::{Delivery, Webhook};
use crate::domain::{Moment, Refusal};

/// What a read returns.
pub type Read<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// All reads, independent of the database.
pub trait Reads: Send + Sync {
    /// One whole interaction.
    fn interaction<'a>(&'a self, tenant: i64, id: &'a str) -> Read<'a, Option<Arc<Found>>>;
    /// The whole family of an interaction.
    fn family<'a>(&'a self, tenant: i64, id: &'a str) -> Read<'a, Option<Family>>;
    /// A page of the interactions that a filter finds.
    fn search<'a>(&'a self, search: &'a Search) -> Read<'a, Page>;
    /// Whole interactions after a place, in the order of recording, each with its place.
    fn recorded(&self, tenant: i64, after: i64, limit: i64) -> Read<'_, Vec<(i64, Stored)>>;
    /// UserData at a moment, with its revision.
    fn user_data_at<'a>(
        &'a self,
        tenant: i64,
        id: &'a str,
        at: Moment,
    ) -> Read<'a, Option<(Document, i64)>>;
    /// A page of the journal.
    fn changes<'a>(&'a self, tenant: i64, query: &'a ChangesQuery) -> Read<'a, Changes>;
    /// The entries of the journal at these cursors, oldest first.
    fn changes_at<'a>(&'a self, tenant: i64, cursors: &'a [i64]) -> Read<'a, Vec<Change>>;
    /// A snapshot, for reading the whole store.
    fn snapshot(&self) -> Read<'_, Box<dyn Snapshot>>;
    /// The archive that is being restored or was restored last, with its progress.
    fn restored(&self) -> Read<'_, Option<(String, Restored)>>;
    /// One contact.
    fn contact<'a>(&'a self, tenant: i64, id: &'a str) -> Read<'a, Option<Contact>>;
    /// A page of the contacts that a filter finds.
    fn search_contacts<'a>(&'a self, search: &'a Search) -> Read<'a, ContactPage>;
    /// Contacts after one, ordered by identifier.
    fn contacts<'a>(&'a self, tenant: i64, after: &'a str, limit: i64) -> Read<'a, Vec<Contact>>;
    /// The person behind a contact, with all identities and interactions.
    fn person<'a>(&'a self, tenant: i64, id: &'a str) -> Read<'a, Option<Person>>;
    /// The links from parents to these interactions.
    fn links(&self, tenant: i64, children: Vec<String>) -> Read<'_, Vec<FamilyLink>>;
    /// All access tokens.
    fn tokens(&self) -> Read<'_, Vec<Token>>;
    /// Declared keys, and whether each is ready.
    fn indexed_keys(&self) -> Read<'_, Vec<(KeyPath, bool)>>;
    /// Declared attributes, and whether the index of each is ready.
    fn indexed_attributes(&self) -> Read<'_, Vec<(IndexedAttribute, bool)>>;
    /// What changed after a cursor, for the columns of the reports.
    fn touched(&self, after: i64) -> Read<'_, Touched>;
    /// Interactions of all tenants with places after one and up to another, in the order of their
    /// places.
    fn placed(&self, after: i64, until: i64, limit: i64) -> Read<'_, Vec<Placed>>;
    /// Events of web actions of all tenants, as [`Reads::placed`].
    fn placed_actions(&self, after: i64, until: i64, limit: i64) -> Read<'_, Vec<Action>>;
    /// Contacts of all tenants after one, by tenant and identifier.
    fn all_contacts(&self, after: (i64, String), limit: i64) -> Read<'_, Vec<Contact>>;
    /// The newest entry of the journal up to a cursor.
    fn tip(&self, until: i64) -> Read<'_, Option<Tip>>;
    /// The number of interactions of a tenant.
    fn count(&self, tenant: i64) -> Read<'_, i64>;
    /// The cursor of the newest journal entry; fails if the database does not respond.
    fn head(&self) -> Read<'_, i64>;
    /// Events of web actions, in the order of recording.
    fn web_actions<'a>(
        &'a self,
        tenant: i64,
        query: &'a WebActionsQuery,
    ) -> Read<'a, Vec<Recorded>>;
    /// Counts of web actions.
    fn web_action_counts<'a>(&'a self, tenant: i64, query: &'a CountsQuery)
    -> Read<'a, Vec<Count>>;
    /// The session of a client, by its identifier.
    fn client_session<'a>(&'a self, id: &'a str) -> Read<'a, Option<ClientSession>>;
    /// The spellings that a user's clients chose.
    fn spellings<'a>(&'a self, tenant: i64, user: &'a str) -> Read<'a, Vec<Choice>>;
    /// Changed sessions and answers after one cursor and up to another, or the answers to one user
    /// only.
    fn news<'a>(&'a self, tenant: i64, range: (i64, i64), user: Option<&'a str>) -> Read<'a, News>;
    /// All webhooks of a tenant, or of all tenants, oldest first.
    fn webhooks(&self, tenant: Option<i64>) -> Read<'_, Vec<Webhook>>;
    /// One webhook of a tenant.
    fn webhook<'a>(&'a self, tenant: i64, id: &'a str) -> Read<'a, Option<Webhook>>;
    /// How many deliveries of a tenant's webhooks are waiting and how many are dead, by webhook.
    fn delivery_counts(&self, tenant: i64) -> Read<'_, HashMap<String, (i64, i64)>>;
    /// The server that sends deliveries, as the lease has it.
    fn webhook_sender(&self) -> Read<'_, Sender>;
    /// Deliveries of a webhook, newest first.
    fn deliveries<'a>(&'a self, query: &'a DeliveriesQuery) -> Read<'a, Vec<Delivery>>;
    /// Deliveries of a webhook whose next attempt is due, the longest waiting first.
    fn due_deliveries<'a>(
        &'a self,
        webhook: &'a str,
        now: Moment,
        limit: i64,
    ) -> Read<'a, Vec<Delivery>>;
    /// The waiting deliveries of a webhook. Counting them costs more than finding the next one.
    fn outlook<'a>(&'a self, webhook: &'a str, counts: bool) -> Read<'a, Outlook>;
    /// Of these subjects, those with waiting deliveries to a webhook.
    fn blocked<'a>(&'a self, webhook: &'a str, subjects: Vec<String>) -> Read<'a, Vec<String>>;
    /// The cursors after a given one for which deliveries to a webhook are already stored.
    fn known_deliveries<'a>(&'a self, webhook: &'a str, after: i64) -> Read<'a, Vec<i64>>;
}

/// Reads over a pool.
pub struct Readers<D: Dialect> {
    pool: Pool<D::Db>,
    begin: Begin,
    time_limit: Duration,
    contacts: ContactRules,
    interactions: Grouped<D, interaction::Whole>,
    pages: Grouped<D, search::ShortPages>,
}

impl<D: Dialect> Readers<D> {
    /// Reads over a pool for searches and a pool for grouped reads: while one reader uses the
    /// database, another gathers the next group.
    pub(super) fn start(
        pool: Pool<D::Db>,
        short: &Pool<D::Db>,
        begin: Begin,
        time_limit: Duration,
        contacts: ContactRules,
    ) -> Self {
        let readers = short.options().get_max_connections();
        Self {
            pool,
            time_limit,
            contacts,
            interactions: Grouped::start(short, &begin.search, readers),
            pages: Grouped::start(short, &begin.search, readers),
            begin,
        }
    }

    /// A connection whose statements have a time limit.
    async fn limited(&self) -> Result<Held<D>, StoreError> {
        Held::take(&self.pool, &self.begin.read, Some(self.time_limit)).await
    }

    /// The same for statements in the order of an index.
    async fn searching(&self) -> Result<Held<D>, StoreError> {
        let mut conn: Held<D> =
            Held::take(&self.pool, &self.begin.search, Some(self.time_limit)).await?;
        if D::SEARCHES_IN_TRANSACTIONS {
            conn.one_state().await?;
        }
        Ok(conn)
    }

    /// A connection for statements that an index answers.
    async fn held(&self) -> Result<Held<D>, StoreError> {
        Held::take(&self.pool, &self.begin.read, None).await
    }

    async fn found(&self, search: &Search) -> Result<Page, StoreError> {
        if let Some(short) = ShortPage::of(search) {
            let found = self.pages.ask(short).await?;
            match (&search.contact, found.merged) {
                (Some(id), None) => return Err(Refusal::no_contact(id).into()),
                // others were merged into it: their interactions must be found too
                (Some(_), Some(true)) => {}
                _ => return search::page_of(search, found.items),
            }
        }
        let folded;
        let search = if search.filter.asks_for_contact() {
            folded = search.folded(&self.contacts);
            &folded
        } else {
            search
        };
        let mut conn = self.searching().await?;
        let found = Self::searched(&mut conn, search).await;
        conn.give_back(found).await
    }

    async fn whole_person(
        conn: &mut Held<D>,
        tenant: i64,
        id: &str,
    ) -> Result<Option<Person>, StoreError> {
        // the statements of the walk must see one snapshot
        conn.one_state().await?;
        person::of_contact::<D>(conn, tenant, id).await
    }

    async fn searched(conn: &mut Held<D>, search: &Search) -> Result<Page, StoreError> {
        let of_contact;
        let search = match &search.contact {
            None => search,
            Some(id) => {
                let family = contact::family::<D>(conn, search.tenant, id).await?;
                if family.is_empty() {
                    return Err(Refusal::no_contact(id).into());
                }
                of_contact = search.of_any(family);
                &of_contact
            }
        };
        let mut ready = Indexes::default();
        if search::reads_user_data(&search.filter) {
            // the list of indexed keys and the search must see one snapshot
            conn.one_state().await?;
            ready.keys = of_ready(indexed_keys::<D>(conn).await?);
        }
        if search::may_use_declared(search) {
            // a list by the index of endDate takes two statements
            conn.one_state().await?;
            ready.attributes = of_ready(attribute_index::declared::<D>(conn).await?);
        }
        search::run::<D>(conn, search, &ready).await
    }
}

/// Those that are ready.
fn of_ready<T>(declared: Vec<(T, bool)>) -> Vec<T> {
    let ready = declared.into_iter().filter(|(_, ready)| *ready);
    ready.map(|(one, _)| one).collect()
}

async fn indexed_keys<D: Dialect>(conn: &mut Conn<D>) -> Result<Vec<(KeyPath, bool)>, StoreError> {
    let rows = D::fetch(
        conn,
        "SELECT key, ready FROM indexed_key ORDER BY key".into(),
        Vec::new(),
    )
    .await?;
    rows.iter()
        .map(|row| {
            let mut row = Columns::<D>::of(row);
            Ok((KeyPath::parse(&row.text()?), row.int()? != 0))
        })
        .collect()
}

/// A read on a connection from `self`, which is returned to the pool afterwards.
macro_rules! read {
    ($self:ident.$take:ident, $conn:ident => $found:expr) => {
        Box::pin(async move {
            let mut $conn = $self.$take().await?;
            let found = $found.await;
            $conn.give_back(found).await
        })
    };
}

impl<D: Dialect> Reads for Readers<D> {
    fn interaction<'a>(&'a self, tenant: i64, id: &'a str) -> Read<'a, Option<Arc<Found>>> {
        Box::pin(self.interactions.ask((tenant, id.to_owned())))
    }

    fn family<'a>(&'a self, tenant: i64, id: &'a str) -> Read<'a, Option<Family>> {
        read!(self.searching, conn => async {
            conn.one_state().await?;
            interaction::family::<D>(&mut conn, tenant, id).await
        })
    }

    fn recorded(&self, tenant: i64, after: i64, limit: i64) -> Read<'_, Vec<(i64, Stored)>> {
        read!(self.searching, conn => interaction::recorded::<D>(&mut conn, tenant, after, limit))
    }

    fn search<'a>(&'a self, search: &'a Search) -> Read<'a, Page> {
        Box::pin(self.found(search))
    }

    fn user_data_at<'a>(
        &'a self,
        tenant: i64,
        id: &'a str,
        at: Moment,
    ) -> Read<'a, Option<(Document, i64)>> {
        read!(self.limited, conn => journal::user_data_at::<D>(&mut conn, tenant, id, at))
    }

    fn changes<'a>(&'a self, tenant: i64, query: &'a ChangesQuery) -> Read<'a, Changes> {
        read!(self.searching, conn => journal::changes::<D>(&mut conn, tenant, query))
    }

    fn snapshot(&self) -> Read<'_, Box<dyn Snapshot>> {
        Box::pin(async move {
            let reader = archive::Reader::<D>::begin(self.held().await?).await?;
            Ok(Box::new(reader) as Box<dyn Snapshot>)
        })
    }

    fn restored(&self) -> Read<'_, Option<(String, Restored)>> {
        read!(self.held, conn => archive::restored::<D>(&mut conn))
    }

    fn contact<'a>(&'a self, tenant: i64, id: &'a str) -> Read<'a, Option<Contact>> {
        read!(self.held, conn => contact::one::<D>(&mut conn, tenant, id))
    }

    fn search_contacts<'a>(&'a self, search: &'a Search) -> Read<'a, ContactPage> {
        Box::pin(async move {
            let search = search.folded(&self.contacts);
            let mut conn = self.searching().await?;
            let found = contact_search::run::<D>(&mut conn, &search).await;
            conn.give_back(found).await
        })
    }

    fn contacts<'a>(&'a self, tenant: i64, after: &'a str, limit: i64) -> Read<'a, Vec<Contact>> {
        read!(self.searching, conn => contact::page::<D>(&mut conn, tenant, after, limit))
    }

    fn person<'a>(&'a self, tenant: i64, id: &'a str) -> Read<'a, Option<Person>> {
        read!(self.searching, conn => Self::whole_person(&mut conn, tenant, id))
    }

    fn links(&self, tenant: i64, children: Vec<String>) -> Read<'_, Vec<FamilyLink>> {
        read!(self.held, conn => person::links::<D>(&mut conn, tenant, children))
    }

    fn tokens(&self) -> Read<'_, Vec<Token>> {
        read!(self.held, conn => token::all::<D>(&mut conn))
    }

    fn indexed_keys(&self) -> Read<'_, Vec<(KeyPath, bool)>> {
        read!(self.held, conn => indexed_keys::<D>(&mut conn))
    }

    fn indexed_attributes(&self) -> Read<'_, Vec<(IndexedAttribute, bool)>> {
        read!(self.held, conn => attribute_index::declared::<D>(&mut conn))
    }

    fn touched(&self, after: i64) -> Read<'_, Touched> {
        read!(self.searching, conn => async {
            conn.one_state().await?;
            columns::touched::<D>(&mut conn, after).await
        })
    }

    fn placed(&self, after: i64, until: i64, limit: i64) -> Read<'_, Vec<Placed>> {
        read!(self.searching, conn => columns::recorded::<D>(&mut conn, after, until, limit))
    }

    fn placed_actions(&self, after: i64, until: i64, limit: i64) -> Read<'_, Vec<Action>> {
        read!(self.searching, conn => columns::actions::<D>(&mut conn, after, until, limit))
    }

    fn all_contacts(&self, after: (i64, String), limit: i64) -> Read<'_, Vec<Contact>> {
        read!(self.searching, conn => columns::contacts::<D>(&mut conn, after, limit))
    }

    fn tip(&self, until: i64) -> Read<'_, Option<Tip>> {
        read!(self.searching, conn => columns::tip::<D>(&mut conn, until))
    }

    fn count(&self, tenant: i64) -> Read<'_, i64> {
        read!(self.held, conn => async {
            let sql = "SELECT COUNT(*) FROM interaction WHERE tenant_id = $1";
            let rows = D::fetch(&mut conn, sql.into(), vec![tenant.into()]).await?;
            let count = rows.first().map(|row| Columns::<D>::of(row).int());
            Ok(count.transpose()?.unwrap_or_default())
        })
    }

    fn head(&self) -> Read<'_, i64> {
        read!(self.held, conn => journal::head::<D>(&mut conn))
    }

    fn web_actions<'a>(
        &'a self,
        tenant: i64,
        query: &'a WebActionsQuery,
    ) -> Read<'a, Vec<Recorded>> {
        read!(self.searching, conn => web_action::page::<D>(&mut conn, tenant, query))
    }

    fn web_action_counts<'a>(
        &'a self,
        tenant: i64,
        query: &'a CountsQuery,
    ) -> Read<'a, Vec<Count>> {
        read!(self.limited, conn => web_action::counts::<D>(&mut conn, tenant, query))
    }

    fn client_session<'a>(&'a self, id: &'a str) -> Read<'a, Option<ClientSession>> {
        read!(self.held, conn => async {
            let mut found = client::sessions::<D>(&mut conn, vec![id.to_owned()]).await?;
            Ok(found.pop())
        })
    }

    fn spellings<'a>(&'a self, tenant: i64, user: &'a str) -> Read<'a, Vec<Choice>> {
        read!(self.held, conn => async {
            let found = client::choices::<D>(&mut conn, tenant, vec![user.to_owned()]).await?;
            Ok(found.into_iter().map(|(_, choice)| choice).collect())
        })
    }

    fn news<'a>(&'a self, tenant: i64, range: (i64, i64), user: Option<&'a str>) -> Read<'a, News> {
        read!(self.held, conn => client::news::<D>(&mut conn, tenant, range, user))
    }

    fn changes_at<'a>(&'a self, tenant: i64, cursors: &'a [i64]) -> Read<'a, Vec<Change>> {
        read!(self.held, conn => journal::at::<D>(&mut conn, tenant, cursors))
    }

    fn webhooks(&self, tenant: Option<i64>) -> Read<'_, Vec<Webhook>> {
        read!(self.held, conn => webhook::all::<D>(&mut conn, tenant))
    }

    fn webhook<'a>(&'a self, tenant: i64, id: &'a str) -> Read<'a, Option<Webhook>> {
        read!(self.held, conn => webhook::one::<D>(&mut conn, tenant, id))
    }

    fn delivery_counts(&self, tenant: i64) -> Read<'_, HashMap<String, (i64, i64)>> {
        read!(self.limited, conn => webhook::counts::<D>(&mut conn, tenant))
    }

    fn webhook_sender(&self) -> Read<'_, Sender> {
        read!(self.held, conn => webhook::sender::<D>(&mut conn))
    }

    fn deliveries<'a>(&'a self, query: &'a DeliveriesQuery) -> Read<'a, Vec<Delivery>> {
        read!(self.searching, conn => webhook::deliveries::<D>(&mut conn, query))
    }

    fn due_deliveries<'a>(
        &'a self,
        webhook: &'a str,
        now: Moment,
        limit: i64,
    ) -> Read<'a, Vec<Delivery>> {
        read!(self.held, conn => webhook::due::<D>(&mut conn, webhook, now, limit))
    }

    fn outlook<'a>(&'a self, webhook: &'a str, counts: bool) -> Read<'a, Outlook> {
        read!(self.held, conn => webhook::outlook::<D>(&mut conn, webhook, counts))
    }

    fn blocked<'a>(&'a self, webhook: &'a str, subjects: Vec<String>) -> Read<'a, Vec<String>> {
        read!(self.held, conn => webhook::blocked::<D>(&mut conn, webhook, subjects))
    }

    fn known_deliveries<'a>(&'a self, webhook: &'a str, after: i64) -> Read<'a, Vec<i64>> {
        read!(self.held, conn => webhook::known::<D>(&mut conn, webhook, after))
    }
}
