//! Changes: the entries of the journal.

use super::Moment;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An interaction was recorded; the delta is its content.
    InteractionRecorded,
    /// Core attributes changed; the delta is the patch.
    InteractionChanged,
    /// An interaction was stopped.
    InteractionStopped,
    /// An interaction was deleted.
    InteractionDeleted,
    /// UserData keys were attached.
    UserDataAttached,
    /// UserData keys were overwritten.
    UserDataUpdated,
    /// UserData keys were deleted.
    UserDataDeleted,
    /// Two or three of the above in one request.
    UserDataEdited,
    /// A web engagement led to a conversation; the delta is the child's content.
    EngagementCreated,
    /// An existing conversation was linked to the web engagement that led to it. The delta has the
    /// parent, the thread, and the copied keys under `attach`.
    EngagementLinked,
    /// A contact was created.
    ContactCreated,
    /// A contact's attributes changed.
    ContactChanged,
    /// A contact was merged into another.
    ContactMerged,
    /// A merge was undone.
    ContactUnmerged,
    /// A person's data was erased.
    ContactErased,
    /// A web action was recorded.
    WebActionRecorded,
    /// A web action was erased with the person that it led to, in all its states. The delta has its
    /// identifier.
    WebActionErased,
}

impl Kind {
    /// Every kind with its name on the wire.
    pub const ALL: [(Self, &'static str); 17] = [
        (Self::InteractionRecorded, "interaction.recorded"),
        (Self::InteractionChanged, "interaction.changed"),
        (Self::InteractionStopped, "interaction.stopped"),
        (Self::InteractionDeleted, "interaction.deleted"),
        (Self::UserDataAttached, "userData.attached"),
        (Self::UserDataUpdated, "userData.updated"),
        (Self::UserDataDeleted, "userData.deleted"),
        (Self::UserDataEdited, "userData.edited"),
        (Self::EngagementCreated, "engagement.created"),
        (Self::EngagementLinked, "engagement.linked"),
        (Self::ContactCreated, "contact.created"),
        (Self::ContactChanged, "contact.changed"),
        (Self::ContactMerged, "contact.merged"),
        (Self::ContactUnmerged, "contact.unmerged"),
        (Self::ContactErased, "contact.erased"),
        (Self::WebActionRecorded, "webAction.recorded"),
        (Self::WebActionErased, "webAction.erased"),
    ];

    /// Kinds that record a deletion or an erasure of content, of which no copy may be kept.
    pub const TAKE_AWAY: [Self; 3] = [
        Self::InteractionDeleted,
        Self::ContactErased,
        Self::WebActionErased,
    ];

    /// The name on the wire and in the store.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, name)| name)
    }

    /// The kind of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, other)| *other == name)
            .map(|(kind, _)| *kind)
    }

    /// The kinds that a filter matches: a whole name, or its first part.
    pub fn matching(filter: &str) -> Vec<&'static str> {
        Self::ALL
            .iter()
            .map(|(_, name)| *name)
            .filter(|name| *name == filter || first_part(name) == filter)
            .collect()
    }

    /// Every filter that matches any kind.
    pub fn filters() -> Vec<&'static str> {
        let names = Self::ALL.map(|(_, name)| name);
        let mut all = names.to_vec();
        for name in names {
            let part = first_part(name);
            if !all.contains(&part) {
                all.push(part);
            }
        }
        all
    }
}

fn first_part(name: &str) -> &str {
    name.split_once('.').map_or(name, |(first, _)| first)
}

/// One entry of the journal, as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its position in the order in which entries became visible.
    pub cursor: i64,
    /// When it happened.
    pub at: Moment,
    /// The kind: its name on the wire.
    pub kind: String,
    /// The interaction.
    pub interaction_id: Option<String>,
    /// The contact.
    pub contact_id: Option<String>,
    /// The media type of the interaction.
    pub media_type: Option<String>,
    /// The owner of the interaction at that time.
    pub owner_id: Option<String>,
    /// The web action.
    pub action_id: Option<String>,
    /// Who did it.
    pub actor: String,
    /// What changed, as JSON text.
    pub delta: String,
}
