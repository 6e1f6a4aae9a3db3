//! Media types.

/// The media type of a web engagement.
pub const WEB_ENGAGEMENT: &str = "webengagement";
/// The media types that a web engagement may lead to.
pub const ENGAGEMENT_MEDIA: [&str; 2] = ["chat", "webcallback"];

/// The stored form of a media type: lower case, `call` as `voice`, `callback` as `webcallback`.
pub fn media_type(given: &str) -> String {
    match given.trim().to_lowercase().as_str() {
        "call" => "voice".to_owned(),
        "callback" => "webcallback".to_owned(),
        other => other.to_owned(),
    }
}
