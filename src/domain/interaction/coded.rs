//! Attributes with a fixed set of values: named in the API, stored as UCS's numbers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The status of an interaction; the numbers are those of UCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Status {
    /// 0: not yet worked on.
    New,
    /// 1: waiting.
    Pending,
    /// 2: being worked on.
    InProcess,
    /// 3: ended.
    Stopped,
}

/// The kind of record that UCS keeps for an interaction. The numbers are those of UCS, which skips
/// 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum EntityType {
    /// 0
    EmailIn,
    /// 1
    EmailOut,
    /// 2
    Chat,
    /// 3
    PhoneCall,
    /// 5
    Callback,
    /// 6
    CoBrowse,
    /// 7: open media.
    Interaction,
}

/// A value that is stored as a small number and shown as a name.
pub trait Coded: Copy + PartialEq + Sized + 'static {
    /// Every value, with its number and its name.
    const ALL: &'static [(Self, i64, &'static str)];

    /// The value with a number.
    fn of_code(code: i64) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, other, _)| *other == code)
            .map(|(value, ..)| *value)
    }

    /// The value with a name.
    fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(.., other)| *other == name)
            .map(|(value, ..)| *value)
    }

    /// Its name.
    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(value, ..)| *value == self)
            .map_or("", |(.., name)| *name)
    }
}

impl Coded for Status {
    const ALL: &'static [(Self, i64, &'static str)] = &[
        (Self::New, 0, "New"),
        (Self::Pending, 1, "Pending"),
        (Self::InProcess, 2, "InProcess"),
        (Self::Stopped, 3, "Stopped"),
    ];
}

impl Status {
    /// UCS's number.
    pub fn code(self) -> i64 {
        Self::ALL
            .iter()
            .find(|(value, ..)| *value == self)
            .map_or(0, |(_, code, _)| *code)
    }
}

impl Coded for EntityType {
    const ALL: &'static [(Self, i64, &'static str)] = &[
        (Self::EmailIn, 0, "EmailIn"),
        (Self::EmailOut, 1, "EmailOut"),
        (Self::Chat, 2, "Chat"),
        (Self::PhoneCall, 3, "PhoneCall"),
        (Self::Callback, 5, "Callback"),
        (Self::CoBrowse, 6, "CoBrowse"),
        (Self::Interaction, 7, "Interaction"),
    ];
}

impl EntityType {
    /// UCS's number.
    pub fn code(self) -> i64 {
        Self::ALL
            .iter()
            .find(|(value, ..)| *value == self)
            .map_or(7, |(_, code, _)| *code)
    }

    /// The default kind of record for a media type.
    pub fn of_media(media_type: &str, kind: Option<&str>) -> Self {
        match media_type {
            "email" if kind == Some("Outbound") => Self::EmailOut,
            "email" => Self::EmailIn,
            "chat" => Self::Chat,
            "voice" => Self::PhoneCall,
            "webcallback" => Self::Callback,
            "cobrowsing" => Self::CoBrowse,
            _ => Self::Interaction,
        }
    }
}
