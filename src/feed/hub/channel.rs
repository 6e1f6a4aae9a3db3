//! Channels and the patterns that clients subscribe to.

/// Characters of a channel or pattern.
const LONGEST: usize = 255;

/// A subscription: a channel, all channels one segment below another (`/a/*`), or all channels
/// below it (`/a/**`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Reads a pattern; `None` if it is invalid. It must begin with a slash, and only its last
    /// segment may be `*` or `**`.
    pub fn parse(text: &str) -> Option<Self> {
        let steps = text.strip_prefix('/')?;
        let (before, last) = steps
            .rsplit_once('/')
            .map_or((None, steps), |(before, last)| (Some(before), last));
        let plain = |step: &str| !step.is_empty() && !step.contains('*');
        let fits = text.len() <= LONGEST
            && !text.chars().any(char::is_control)
            && before.is_none_or(|before| before.split('/').all(plain))
            && (plain(last) || last == "*" || last == "**");
        fits.then(|| Self(text.to_owned()))
    }

    /// The original text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a channel matches.
    pub fn matches(&self, channel: &str) -> bool {
        if let Some(root) = self.0.strip_suffix("**") {
            channel.len() > root.len() && channel.starts_with(root)
        } else if let Some(root) = self.0.strip_suffix('*') {
            channel
                .strip_prefix(root)
                .is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
        } else {
            self.0 == channel
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_what_the_protocol_says() {
        for (pattern, meant, not_meant) in [
            ("/v2/me/chats", "/v2/me/chats", "/v2/me/chats/1"),
            ("/v2/me/*", "/v2/me/chats", "/v2/me/chats/1"),
            ("/v2/me/*", "/v2/me/x", "/v2/me"),
            ("/v2/**", "/v2/me/chats", "/v2"),
            ("/**", "/a", "/"),
            ("/*", "/a", "/a/b"),
        ] {
            let pattern = Pattern::parse(pattern).expect(pattern);
            assert!(pattern.matches(meant), "{pattern:?} {meant}");
            assert!(!pattern.matches(not_meant), "{pattern:?} {not_meant}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in [
            "", "a", "/", "/a//b", "/a/", "/*/b", "/a*", "/a/***", "/a\n", "//**",
        ] {
            assert_eq!(Pattern::parse(text), None, "{text:?}");
        }
        assert_eq!(Pattern::parse(&format!("/{}", "a".repeat(300))), None);
    }
}
