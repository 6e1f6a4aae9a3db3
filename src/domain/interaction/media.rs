//! Media types.

/// The media type of a web engagement.
pub const WEB_ENGAGEMENT: &str = "webengagement";
/// What a web engagement may lead to.
pub const ENGAGEMENT_MEDIA: [&str; 2] = ["chat", "webcallback"];

/// The form in which a media type is kept: lower case, `call` as `voice`, `callback` as `webcallback`.
pub fn media_type(given: &str) -> String {
    match given.trim().to_lowercase().as_str() {
        "call" => "voice".to_owned(),
        "callback" => "webcallback".to_owned(),
        other => other.to_owned(),
    }
}
