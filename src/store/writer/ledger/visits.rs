//! Visits: UserData keys that lead a conversation to its web engagement.

use std::sync::Arc;

use super::engagements::Tie;
use super::{Ask, Ledger, document};
use crate::domain::Moment;
use crate::domain::command::{Outcome, Stored};
use crate::domain::interaction::{
    ENGAGEMENT_MEDIA, InteractionPatch, NewInteraction, WEB_ENGAGEMENT,
};
use crate::domain::propagation::visits;
use crate::domain::user_data::Document;
use crate::store::StoreError;

impl Ledger<'_> {
    /// Stores the values by which conversations find a web engagement that this group recorded or
    /// changed.
    pub(super) fn note_visits(&mut self, visits: &[(usize, String)], stored: &Stored) {
        let of = &stored.interaction;
        if of.media_type != WEB_ENGAGEMENT {
            return;
        }
        for (place, value) in visits {
            let known = self
                .visits
                .entry((of.tenant_id, *place, value.clone()))
                .or_default();
            if !known.contains(&of.id) {
                known.push(of.id.clone());
            }
        }
    }

    /// The newest web engagement of the same visit for a conversation without a parent.
    pub(super) fn tied(&mut self, ask: &Ask<'_>, new: &NewInteraction) -> Option<Tie> {
        if !new.may_be_engagement() || ask.ready.visits.is_empty() {
            return None;
        }
        let began = new.start_date.or(new.end_date).unwrap_or(ask.at);
        let contact = match &new.contact_id {
            None if new.contact.is_some() => {
                self.identified(ask, Some(&new.media_type), false)
                    .contact_id
            }
            known => known.clone(),
        };
        self.of_visit(
            ask.tenant,
            &ask.ready.visits,
            began,
            contact.as_deref(),
            None,
        )
    }

    /// The newest web engagement with one of these keys that began in time, belongs to no other
    /// contact, and does not descend from the conversation itself, if that is stored already.
    fn of_visit(
        &self,
        tenant: i64,
        keys: &[(usize, String)],
        began: Moment,
        contact: Option<&str>,
        child: Option<&str>,
    ) -> Option<Tie> {
        let since = began.plus_micros(-self.rules.link_within);
        keys.iter().find_map(|(place, value)| {
            let known = self.visits.get(&(tenant, *place, value.clone()))?;
            let fits = |stored: &Arc<Stored>| {
                let of = &stored.interaction;
                of.media_type == WEB_ENGAGEMENT
                    && of.can_be_parent
                    && (since..=began).contains(&of.start_date)
                    && self.may_be_one_person(tenant, contact, of.contact_id.as_deref())
                    && child.is_none_or(|child| self.comes_from(tenant, &of.id, child) == Some(false))
                    // an index row holds only the beginning of a value; the document decides
                    && document(&stored.user_data).is_ok_and(|document| {
                        visits(&self.rules.link_by, &document).contains(&(*place, value.clone()))
                    })
            };
            let newest = known
                .iter()
                .filter_map(|id| self.interactions.get(&(tenant, id.clone())))
                .map(|held| &held.stored)
                .filter(|stored| fits(stored))
                .max_by_key(|stored| {
                    (stored.interaction.start_date, stored.interaction.id.clone())
                })?;
            Some(Tie {
                parent: Arc::clone(newest),
                linked_by: format!("userData.{}", self.rules.link_by[*place]),
            })
        })
    }

    /// Whether two contacts may be the same person: one of them is unknown, or merges joined them.
    fn may_be_one_person(&self, tenant: i64, a: Option<&str>, b: Option<&str>) -> bool {
        let (Some(a), Some(b)) = (a, b) else {
            return true;
        };
        let root = |id: &str| {
            let held = self.contacts.get(&(tenant, id.to_owned()));
            held.map_or_else(|| id.to_owned(), |held| self.root(&held.contact).id.clone())
        };
        a == b || root(a) == root(b)
    }

    /// After a change of UserData: links a conversation without a parent whose UserData now has the
    /// key of a visit.
    pub(super) fn follow_visit(
        &mut self,
        ask: &Ask<'_>,
        stored: Arc<Stored>,
        document: &Document,
    ) -> Result<Arc<Stored>, StoreError> {
        if self.rules.link_by.is_empty() {
            return Ok(stored);
        }
        let found = visits(&self.rules.link_by, document);
        self.note_visits(&found, &stored);
        let of = &stored.interaction;
        if of.parent_id.is_some() || !ENGAGEMENT_MEDIA.contains(&of.media_type.as_str()) {
            return Ok(stored);
        }
        let contact = of.contact_id.as_deref();
        let id = of.id.clone();
        let Some(tie) = self.of_visit(ask.tenant, &found, of.start_date, contact, Some(&id)) else {
            return Ok(stored);
        };
        // a link that would exceed a size limit is skipped: the requested change stands by itself
        match self.link_later(ask, &id, &tie, None, &InteractionPatch::default()) {
            Ok(Outcome::Changed { stored, .. }) => Ok(stored),
            Ok(_) | Err(StoreError::Refused(_)) => Ok(stored),
            Err(error) => Err(error),
        }
    }
}
