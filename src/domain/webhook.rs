//! Webhooks: who is told of which changes, and what became of each telling.
//!
//! Signatures are those of the Standard Webhooks convention (<https://www.standardwebhooks.com>).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::Sha256;
use url::{Host, Url};
use utoipa::ToSchema;

use super::address::is_public;
use super::change::{Change, Kind};
use super::interaction::given;
use super::limits::check_text;
use super::{Fault, Moment, Refusal};

/// Webhooks of a tenant at most.
pub const MOST: usize = 100;
/// Characters of a URL.
const LONGEST_URL: usize = 2000;
/// Characters of a description.
const LONGEST_DESCRIPTION: usize = 1000;
/// Characters of a media type.
const LONGEST_MEDIA_TYPE: usize = 64;
/// Microseconds of a second.
const SECOND: i64 = 1_000_000;
/// The longest wait between two attempts.
const LONGEST_WAIT: i64 = 3600 * SECOND;
/// A delivery that was not attempted for so long, in microseconds, gets another chance before it is given up: nobody tried.
pub const LONG_AGO: i64 = 2 * LONGEST_WAIT;
/// How long a delivery is attempted, in microseconds: three days.
pub const GIVE_UP: i64 = 3 * 24 * 3600 * SECOND;
/// How long an old secret may sign beside a new one, in seconds: seven days.
pub const LONGEST_OVERLAP: i64 = 7 * 24 * 3600;
/// Bytes of a secret.
pub const SECRET_BYTES: usize = 32;
/// What a secret begins with.
const SECRET_MARK: &str = "whsec_";

/// What signs deliveries.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// `whsec_` and base64.
    text: String,
    /// Until when it signs; without end when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Moment>,
}

impl Secret {
    /// A secret of these bytes.
    pub fn new(bytes: &[u8; SECRET_BYTES]) -> Self {
        Self {
            text: format!("{SECRET_MARK}{}", STANDARD.encode(bytes)),
            until: None,
        }
    }

    /// As its owner is told it, once.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn sign(&self, signed: &str) -> Option<String> {
        let key = STANDARD.decode(self.text.strip_prefix(SECRET_MARK)?).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(signed.as_bytes());
        Some(format!(
            "v1,{}",
            STANDARD.encode(mac.finalize().into_bytes())
        ))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Secrets with a new one in front; those before it sign until a moment, or no longer where it is now.
pub fn rotated(old: &[Secret], new: Secret, now: Moment, until: Moment) -> Vec<Secret> {
    let mut all = vec![new];
    for secret in old {
        let until = secret.until.map_or(until, |given| given.min(until));
        if until > now {
            all.push(Secret {
                text: secret.text.clone(),
                until: Some(until),
            });
        }
    }
    all
}

/// The signatures of a delivery by all secrets that still sign, as `webhook-signature` has them.
pub fn signatures(secrets: &[Secret], id: &str, at: Moment, body: &str) -> String {
    let signed = format!("{id}.{}.{body}", at.micros().div_euclid(SECOND));
    let all: Vec<String> = secrets
        .iter()
        .filter(|secret| secret.until.is_none_or(|until| until > at))
        .filter_map(|secret| secret.sign(&signed))
        .collect();
    all.join(" ")
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Identifier.
    pub id: String,
    /// The tenant whose changes it tells.
    pub tenant_id: i64,
    /// What it is.
    pub subscription: Subscription,
    /// Why the server disabled it; `None` where it did not.
    pub disabled_reason: Option<String>,
    /// What signs, newest first.
    pub secrets: Vec<Secret>,
    /// Everything up to this cursor was told, or stands among the deliveries.
    pub cursor: i64,
    /// When it was made.
    pub created_date: Moment,
    /// When it was changed.
    pub modified_date: Moment,
}

/// What its owner says of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Where deliveries go.
    pub url: String,
    /// Kinds of changes, whole names or their first parts.
    pub kinds: Vec<String>,
    /// Only of this media type.
    pub media_type: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Whether it is told anything now; a disabled one goes on where it stood.
    pub enabled: bool,
}

impl Subscription {
    /// The kinds meant, whole names.
    pub fn all_kinds(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .kinds
            .iter()
            .flat_map(|kind| Kind::matching(kind))
            .map(str::to_owned)
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Checks it.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every bad place.
    pub fn check(&self, allow_private: bool) -> Result<(), Refusal> {
        let mut faults = Vec::new();
        if let Err(detail) = check_url(&self.url, allow_private) {
            faults.push(Fault::at("/url", detail));
        }
        if self.kinds.is_empty() {
            faults.push(Fault::at(
                "/kinds",
                "names no kind of change, such as \"webAction\"",
            ));
        }
        if self.kinds.len() > Kind::ALL.len() {
            faults.push(Fault::at("/kinds", "names more kinds than there are"));
        } else {
            for (index, kind) in self.kinds.iter().enumerate() {
                if Kind::matching(kind).is_empty() {
                    let detail = format!("is no kind of change: {kind:?}");
                    faults.push(Fault::at(format!("/kinds/{index}"), detail));
                }
            }
        }
        let given = |text: &Option<String>| text.clone().unwrap_or_default();
        let media_type = given(&self.media_type);
        if self.media_type.is_some() && media_type.is_empty() {
            faults.push(Fault::at("/mediaType", "is empty"));
        }
        check_text("/mediaType", &media_type, LONGEST_MEDIA_TYPE, &mut faults);
        let description = given(&self.description);
        check_text(
            "/description",
            &description,
            LONGEST_DESCRIPTION,
            &mut faults,
        );
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Invalid(faults))
        }
    }
}

/// Checks where deliveries are to go, as far as the text tells; a name is looked up when it is used. What comes back is the URL in the form in which it can be asked for.
///
/// # Errors
/// A sentence without its subject.
pub fn check_url(text: &str, allow_private: bool) -> Result<Url, String> {
    if text.chars().count() > LONGEST_URL {
        return Err(format!("is longer than {LONGEST_URL} characters"));
    }
    let url = Url::parse(text)
        .map_err(|error| format!("is no URL, such as https://example.org/hook: {error}"))?;
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        "http" => {
            return Err("is not https, which is wanted unless the server's setting [webhooks] allow_private is on".to_owned());
        }
        _ => return Err("is not https".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "holds a user or a password; deliveries are signed with the secret instead".to_owned(),
        );
    }
    if url.port() == Some(0) {
        return Err("names port 0".to_owned());
    }
    let is_private = match url.host() {
        None => return Err("names no host".to_owned()),
        Some(Host::Ipv4(address)) => !is_public(address.into()),
        Some(Host::Ipv6(address)) => !is_public(address.into()),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
    };
    if is_private && !allow_private {
        return Err(PRIVATE.to_owned());
    }
    Ok(url)
}

/// Why an address is refused.
pub const PRIVATE: &str = "leads into a private network or to this machine, which the server's setting [webhooks] allow_private allows";

/// A patch of a webhook: what is absent stays, null clears.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WebhookPatch {
    /// Where deliveries go.
    #[serde(deserialize_with = "set")]
    pub url: Option<String>,
    /// Kinds of changes.
    #[serde(deserialize_with = "set")]
    pub kinds: Option<Vec<String>>,
    /// Only of this media type.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub media_type: Option<Option<String>>,
    /// For people.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub description: Option<Option<String>>,
    /// Whether it is told anything; a disabled one goes on where it stood.
    #[serde(deserialize_with = "set")]
    pub enabled: Option<bool>,
}

/// Reads what a patch can set and not clear: null does not fit.
fn set<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl WebhookPatch {
    /// A subscription as it is with the patch.
    #[must_use]
    pub fn applied(&self, to: &Subscription) -> Subscription {
        Subscription {
            url: self.url.clone().unwrap_or_else(|| to.url.clone()),
            kinds: self.kinds.clone().unwrap_or_else(|| to.kinds.clone()),
            media_type: self
                .media_type
                .as_ref()
                .map_or_else(|| to.media_type.clone(), |given| lower(given.as_deref())),
            description: self
                .description
                .clone()
                .unwrap_or_else(|| to.description.clone()),
            enabled: self.enabled.unwrap_or(to.enabled),
        }
    }
}

/// A media type as it is stored.
pub fn lower(media_type: Option<&str>) -> Option<String> {
    media_type.map(super::interaction::media_type)
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It waits for an attempt.
    Waiting,
    /// It was taken.
    Delivered,
    /// It was given up.
    Dead,
}

impl DeliveryState {
    /// Every state with its name and its number in the store.
    pub const ALL: [(Self, &'static str, i64); 3] = [
        (Self::Waiting, "waiting", 0),
        (Self::Delivered, "delivered", 1),
        (Self::Dead, "dead", 2),
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(state, ..)| *state == self)
            .map_or("", |(_, name, _)| name)
    }

    /// The number in the store.
    pub fn code(self) -> i64 {
        Self::ALL
            .iter()
            .find(|(state, ..)| *state == self)
            .map_or(0, |(.., code)| *code)
    }

    /// The state of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, other, _)| *other == name)
            .map(|(state, ..)| *state)
    }

    /// The state of a number in the store.
    pub fn of_code(code: i64) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(.., other)| *other == code)
            .map(|(state, ..)| *state)
    }
}

/// A change on its way to a webhook: which one, never what it says, so that what is erased goes out as erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The journal entry.
    pub cursor: i64,
    /// Its kind.
    pub kind: String,
    /// What it is about: deliveries about one thing go out in order.
    pub subject: String,
    /// What became of it.
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: i64,
    /// When it was first to go out.
    pub queued_date: Moment,
    /// When the last attempt was.
    pub attempt_date: Option<Moment>,
    /// When the next attempt is; `None` while another delivery about the same thing is before it.
    pub next_date: Option<Moment>,
    /// The HTTP status of the last attempt.
    pub status: Option<i64>,
    /// Why the last attempt failed, in our words or the transport's: what the receiver said may hold a customer's data.
    pub error: Option<String>,
}

impl Delivery {
    /// The delivery of a change, which waits for its first attempt.
    pub fn new(change: &Change, now: Moment) -> Self {
        Self {
            cursor: change.cursor,
            kind: change.kind.clone(),
            subject: subject(change),
            state: DeliveryState::Waiting,
            attempts: 0,
            queued_date: now,
            attempt_date: None,
            next_date: None,
            status: None,
            error: None,
        }
    }
}

/// What of a webhook's deliveries is to be written: those given, as they are now, and how far the journal was looked at.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The webhook.
    pub webhook_id: String,
    /// Everything up to here was told, or stands among the deliveries.
    pub cursor: i64,
    /// Deliveries that came up, or that were attempted.
    pub deliveries: Vec<Delivery>,
    /// Of what these are about, others may wait whose turn it is now.
    pub subjects: Vec<String>,
    /// Whether all that waits for its next attempt is to be attempted now: the receiver is back.
    pub hasten: bool,
    /// Why the webhook is disabled from now on, if it still has the URL that said so.
    pub disable: Option<Disable>,
}

/// Why a webhook is disabled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disable {
    /// The URL that wants nothing more.
    pub url: String,
    /// In words.
    pub reason: &'static str,
}

/// Which deliveries are to go out again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// This one.
    One(i64),
    /// All of a state.
    All(DeliveryState),
}

/// Everything that can be done to webhooks.
#[derive(Clone, Debug)]
pub enum WebhookCommand {
    /// Makes one, which is told of what happens from now on.
    Create {
        /// Its identifier.
        id: String,
        /// What it is.
        subscription: Subscription,
        /// What signs.
        secret: Secret,
    },
    /// Changes one.
    Change {
        /// Which.
        id: String,
        /// How.
        patch: WebhookPatch,
    },
    /// Gives one a new secret.
    Rotate {
        /// Which.
        id: String,
        /// The new secret.
        secret: Secret,
        /// Seconds for which the old one signs, too.
        overlap: i64,
    },
    /// Deletes one with its deliveries.
    Delete(String),
    /// Sends deliveries again, now.
    Replay {
        /// Of which webhook.
        id: String,
        /// Which.
        again: Again,
    },
    /// Says which server sends, and that it is alive; refused while another one does.
    Hold {
        /// The server.
        holder: String,
        /// The holder that was seen not to move any more, and its term then.
        stale: Option<(String, i64)>,
    },
    /// Says that a server no longer sends.
    Release(String),
    /// Writes what became of deliveries.
    Save {
        /// The server, which must hold.
        holder: String,
        /// Of each webhook.
        progress: Vec<Progress>,
    },
    /// Forgets some of what was delivered before a moment, and of what belonged to webhooks that were deleted.
    Forget(Moment),
}

impl WebhookCommand {
    /// Checks what can be checked without a look into the store.
    ///
    /// # Errors
    /// The refusal that the caller gets.
    pub fn check(&self, allow_private: bool) -> Result<(), Refusal> {
        match self {
            Self::Create { subscription, .. } => subscription.check(allow_private)?,
            Self::Rotate { overlap, .. } if !(0..=LONGEST_OVERLAP).contains(overlap) => {
                let detail = format!("is no whole number from 0 to {LONGEST_OVERLAP}");
                return Err(Refusal::invalid("/overlapSeconds", detail));
            }
            _ => {}
        }
        let (Self::Change { id: named, .. }
        | Self::Rotate { id: named, .. }
        | Self::Replay { id: named, .. }
        | Self::Delete(named)) = self
        else {
            return Ok(());
        };
        if named.contains('\0') {
            return Err(Refusal::invalid("path", "holds a NUL character"));
        }
        Ok(())
    }

    /// Roughly the bytes of memory that it takes.
    pub fn weight(&self) -> usize {
        match self {
            Self::Save { progress, .. } => {
                progress.iter().map(|one| 256 * one.deliveries.len()).sum()
            }
            Self::Create { subscription, .. } => subscription.url.len() + 1024,
            _ => 1024,
        }
    }
}

/// A webhook that is not there.
pub fn no_webhook(id: &str) -> Refusal {
    Refusal::NotFound("webhook", id.to_owned())
}

/// What a change is about, as deliveries name it: an interaction, a web action, or a contact.
pub fn subject(change: &Change) -> String {
    let named = [
        ("interactionId", &change.interaction_id),
        ("actionId", &change.action_id),
        ("contactId", &change.contact_id),
    ];
    named
        .into_iter()
        .find_map(|(what, id)| id.as_ref().map(|id| format!("{what}:{id}")))
        .unwrap_or_default()
}

/// What a subject names: the kind of identifier, and the identifier.
pub fn subject_parts(subject: &str) -> (&str, &str) {
    subject.split_once(':').unwrap_or(("", subject))
}

/// The identifier that a delivery carries each time that it is attempted: its receiver knows it again by that.
pub fn message_id(webhook_id: &str, cursor: i64) -> String {
    format!("msg_{webhook_id}_{cursor}")
}

/// How long to wait after so many failed attempts, in microseconds: 1, 2, 4, 8 s and on to an hour, a fifth more or less by `dice` from 0 to 1.
pub fn wait(attempts: i64, dice: f64) -> i64 {
    let doublings = u32::try_from(attempts.clamp(1, 32) - 1).unwrap_or(0);
    let plain = SECOND.saturating_mul(1_i64 << doublings).min(LONGEST_WAIT);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "an hour of microseconds is far below what a f64 counts"
    )]
    let moved = (plain as f64 * (0.8 + 0.4 * dice.clamp(0.0, 1.0))) as i64;
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour_and_are_a_fifth_more_or_less() {
        let plain: Vec<i64> = (1..=14).map(|n| wait(n, 0.5) / SECOND).collect();
        assert_eq!(
            plain,
            [
                1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600
            ]
        );
        assert_eq!((wait(1, 0.0), wait(1, 1.0)), (800_000, 1_200_000));
        assert_eq!(wait(i64::MAX, 0.5), LONGEST_WAIT);
    }

    #[test]
    fn addresses_that_are_not_everybodys_are_refused_however_they_are_written() {
        for url in [
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://[::1]/",
            "https://[::ffff:192.168.0.1]/",
            "https://169.254.169.254/latest",
        ] {
            assert_eq!(check_url(url, false), Err(PRIVATE.to_owned()), "{url}");
            assert!(check_url(url, true).is_ok(), "{url}");
        }
        for url in [
            "http://example.org/",
            "ftp://example.org/",
            "https://u:p@example.org/",
            "https://",
            "example.org",
            "https://example.org:0/",
        ] {
            assert!(check_url(url, false).is_err(), "{url}");
        }
        assert!(check_url("https://example.org/hook?x=1", false).is_ok());
    }

    #[test]
    fn an_old_secret_signs_until_its_time_is_over() {
        let at = |second: i64| Moment::from_micros(second * SECOND).unwrap();
        let (old, new) = (Secret::new(&[1; 32]), Secret::new(&[2; 32]));
        let both = rotated(std::slice::from_ref(&old), new.clone(), at(0), at(60));
        assert_eq!(signatures(&both, "m", at(59), "{}").split(' ').count(), 2);
        assert_eq!(
            signatures(&both, "m", at(60), "{}"),
            signatures(std::slice::from_ref(&new), "m", at(60), "{}")
        );
        assert_eq!(
            rotated(&[old], new.clone(), at(9), at(9)),
            std::slice::from_ref(&new)
        );
        // a second rotation does not lengthen the life of the first secret
        let third = rotated(&both, Secret::new(&[3; 32]), at(1), at(600));
        assert_eq!(signatures(&third, "m", at(60), "{}").split(' ').count(), 2);
        assert!(!format!("{new:?}").contains("AgIC"));
    }
}
