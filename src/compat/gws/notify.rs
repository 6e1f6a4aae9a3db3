//! Renders changes as the messages of Web Services: the full resource, with UserData as it was
//! right after the change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::future::{BoxFuture, join_all};
use serde::Deserialize;

use super::earlier::{Earlier, states};
use super::media::{Medium, Spelling};
use super::resource::{Resource, View};
use crate::config::Gws;
use crate::domain::change::{Change, Kind};
use crate::domain::interaction::Status;
use crate::domain::user_data;
use crate::feed::{BASE, Message, Translate};
use crate::store::{Found, Reads, StoreError};

/// The notification type of a state change.
const STATUS: &str = "StatusChange";

/// Renders changes as messages.
pub struct Notify {
    reads: Arc<dyn Reads>,
    settings: Gws,
}

impl Notify {
    /// Renders from the store's reads, with the settings of this API.
    pub fn new(reads: Arc<dyn Reads>, settings: Gws) -> Self {
        Self { reads, settings }
    }

    /// The interactions of these changes, by identifier.
    async fn found<'c>(
        &self,
        tenant: i64,
        news: &[Item<'c>],
    ) -> Result<HashMap<&'c str, Arc<Found>>, StoreError> {
        let ids: BTreeSet<&'c str> = news.iter().map(|item| item.id).collect();
        // requested concurrently, so that the store can batch them into a few statements
        let all = ids.into_iter().map(async |id| {
            let found = self.reads.interaction(tenant, id).await?;
            Ok(found.map(|found| (id, found)))
        });
        let all: Result<Vec<_>, StoreError> = join_all(all).await.into_iter().collect();
        Ok(all?.into_iter().flatten().collect())
    }
}

/// A change that clients are notified of.
struct Item<'c> {
    kind: News,
    id: &'c str,
    change: &'c Change,
}

impl<'c> Item<'c> {
    /// `None` for a change that clients are not notified of.
    fn of(change: &'c Change) -> Option<Self> {
        let kind = Kind::of_name(&change.kind)?;
        let recorded = matches!(kind, Kind::InteractionRecorded | Kind::EngagementCreated);
        if recorded && was_over(&change.delta) {
            return None;
        }
        Some(Self {
            kind: News::of(kind)?,
            id: change.interaction_id.as_deref()?,
            change,
        })
    }

    /// Renders the message; `user_data` replaces the current UserData of the interaction.
    fn message(
        &self,
        found: &Found,
        user_data: Option<&str>,
        settings: &Gws,
    ) -> Result<Message, StoreError> {
        let view = View {
            base: &BASE.to_string(),
            settings,
            spelling: Spelling::Marked,
        };
        let mut resource = Resource::of(found, view)?;
        if let Some(user_data) = user_data {
            resource.user_data = user_data;
        }
        let medium = resource.medium;
        let notification_type = self.kind.notification_type(medium, &self.change.delta);
        let fields = medium.shape.told(notification_type == STATUS);
        let data = format!(
            "{{\"referenceId\":{},\"notificationType\":\"{notification_type}\",\"messageType\":\"{}\",\"{}\":{}}}",
            self.change.cursor,
            medium.message_type,
            medium.names(Spelling::Marked).1,
            resource.shown(&fields)
        );
        Ok(Message {
            cursor: self.change.cursor,
            user: self.change.owner_id.clone(),
            is_answer: false,
            channel: medium.channel(),
            twin: medium.twin,
            data,
        })
    }
}

impl Translate for Notify {
    fn messages<'a>(
        &'a self,
        tenant: i64,
        changes: &'a [Change],
    ) -> BoxFuture<'a, Result<Vec<Message>, StoreError>> {
        Box::pin(async move {
            let news: Vec<Item<'a>> = changes.iter().filter_map(Item::of).collect();
            let found = self.found(tenant, &news).await?;
            let mut earlier: BTreeMap<&str, Earlier> = BTreeMap::new();
            let mut told = Vec::new();
            for item in news {
                let Some(found) = found.get(item.id) else {
                    // the interaction was deleted meanwhile
                    continue;
                };
                let now = found.interaction()?;
                if now.created_date > item.change.at {
                    // the changed interaction is gone, and its identifier belongs to a new one
                    continue;
                }
                let stale = now.modified_date != item.change.at;
                if stale {
                    // it was changed again meanwhile, and each message shows the state after its
                    // own change
                    let of_one = earlier.entry(item.id).or_insert_with(|| Earlier {
                        id: item.id.to_owned(),
                        at: item.change.at,
                        cursors: Vec::new(),
                    });
                    of_one.cursors.push(item.change.cursor);
                }
                told.push((item, found, stale));
            }
            let earlier = earlier.into_values().collect();
            let then = states(&*self.reads, tenant, earlier).await?;
            let messages = told.into_iter().filter_map(|(item, found, stale)| {
                let then = then.get(&item.change.cursor);
                // if its earlier state is gone, the interaction was deleted meanwhile
                let told = then.is_some() || !stale;
                told.then(|| item.message(found, then.and_then(Option::as_deref), &self.settings))
            });
            messages.collect()
        })
    }
}

/// Whether an interaction was already completed when it was recorded. It is then history, imported
/// or recorded by another system. No desktop ever showed it, and no list of open interactions
/// contained it.
fn was_over(delta: &str) -> bool {
    #[derive(Deserialize)]
    struct Recorded {
        status: Option<Status>,
    }
    let recorded = serde_json::from_str::<Recorded>(delta);
    recorded.is_ok_and(|recorded| recorded.status == Some(Status::Stopped))
}

/// The kind of news in a change.
#[derive(Clone, Copy)]
enum News {
    UserData,
    Status,
    Attributes,
}

impl News {
    fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::UserDataAttached
            | Kind::UserDataUpdated
            | Kind::UserDataDeleted
            | Kind::UserDataEdited => Some(Self::UserData),
            Kind::InteractionRecorded | Kind::EngagementCreated | Kind::InteractionStopped => {
                Some(Self::Status)
            }
            Kind::InteractionChanged | Kind::EngagementLinked => Some(Self::Attributes),
            Kind::InteractionDeleted
            | Kind::ContactCreated
            | Kind::ContactChanged
            | Kind::ContactMerged
            | Kind::ContactUnmerged
            | Kind::ContactErased
            | Kind::WebActionRecorded
            | Kind::WebActionErased => None,
        }
    }

    /// Its notification type. For a patch of core attributes this depends on the patch.
    fn notification_type(self, medium: &Medium, delta: &str) -> &'static str {
        match self {
            Self::UserData => medium.updated,
            Self::Status => STATUS,
            Self::Attributes => {
                let patch = user_data::read(delta).unwrap_or_default();
                if patch.contains_key("status") {
                    STATUS
                } else if patch.contains_key("attach") {
                    // a link that copied UserData
                    medium.updated
                } else if patch.contains_key("participants") && medium.tells_participants() {
                    "ParticipantsUpdated"
                } else {
                    "PropertiesUpdated"
                }
            }
        }
    }
}
