//! Changes as the messages that subscribers of Web Services get: the whole resource, with UserData as it was right after the change.

use std::sync::Arc;

use futures_util::future::{BoxFuture, join_all};

use super::answer::text;
use super::media::Medium;
use super::resource::Resource;
use crate::domain::change::{Change, Kind};
use crate::domain::user_data;
use crate::feed::{BASE, Message, Translate};
use crate::store::{Reads, StoreError};

/// Makes messages of changes.
pub struct Notify {
    reads: Arc<dyn Reads>,
}

impl Notify {
    /// Over the store's reads.
    pub fn new(reads: Arc<dyn Reads>) -> Self {
        Self { reads }
    }

    /// The message of one change; `None` where it is none of the clients' business, or the interaction is gone.
    async fn message(&self, tenant: i64, change: &Change) -> Result<Option<Message>, StoreError> {
        let Some(kind) = Kind::of_name(&change.kind).filter(|kind| News::of(*kind).is_some())
        else {
            return Ok(None);
        };
        let Some(id) = &change.interaction_id else {
            return Ok(None);
        };
        let Some(found) = self.reads.interaction(tenant, id).await? else {
            return Ok(None);
        };
        let base = BASE.to_string();
        let mut resource = Resource::of(&found, &base)?;
        if resource.interaction.created_date > change.at {
            // the one that was changed is gone, and another was recorded under its identifier
            return Ok(None);
        }
        let then = if resource.interaction.modified_date == change.at {
            None
        } else {
            // it was changed again meanwhile, and each message tells of its own change
            match self.reads.user_data_at(tenant, id, change.at).await? {
                Some((document, _)) => Some(text(&document)),
                None => return Ok(None),
            }
        };
        if let Some(then) = &then {
            resource.user_data = then;
        }
        let medium = resource.medium;
        let data = format!(
            "{{\"referenceId\":{},\"notificationType\":\"{}\",\"messageType\":\"{}\",\"{}\":{}}}",
            change.cursor,
            notification_type(kind, medium, &change.delta),
            medium.message_type,
            medium.key,
            resource.whole()
        );
        Ok(Some(Message {
            cursor: change.cursor,
            user: change.owner_id.clone(),
            channel: medium.channel(),
            data,
        }))
    }
}

impl Translate for Notify {
    fn messages<'a>(
        &'a self,
        tenant: i64,
        changes: &'a [Change],
    ) -> BoxFuture<'a, Result<Vec<Message>, StoreError>> {
        Box::pin(async move {
            // asked for together, so that the store answers them with few statements
            let all = changes.iter().map(|change| self.message(tenant, change));
            let all: Result<Vec<_>, StoreError> = join_all(all).await.into_iter().collect();
            Ok(all?.into_iter().flatten().collect())
        })
    }
}

/// What a kind of change is news of.
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
            Kind::InteractionChanged => Some(Self::Attributes),
            Kind::InteractionDeleted
            | Kind::ContactCreated
            | Kind::ContactChanged
            | Kind::ContactMerged
            | Kind::ContactUnmerged
            | Kind::ContactErased
            | Kind::WebActionRecorded => None,
        }
    }
}

fn notification_type(kind: Kind, medium: &Medium, delta: &str) -> &'static str {
    match News::of(kind) {
        Some(News::Status) => "StatusChange",
        Some(News::Attributes) => {
            let patch = user_data::read(delta).unwrap_or_default();
            if patch.contains_key("status") {
                "StatusChange"
            } else if patch.contains_key("participants") && medium.tells_participants() {
                "ParticipantsUpdated"
            } else {
                "PropertiesUpdated"
            }
        }
        Some(News::UserData) | None => medium.updated,
    }
}
