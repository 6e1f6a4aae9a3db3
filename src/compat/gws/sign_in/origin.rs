//! Whether a browser's request comes from a page that is allowed to send it.

use axum::http::{HeaderMap, header};
use url::Url;

use crate::config::Gws;

/// Whether it was sent by a page of this server, by a page of a configured web site, or by no page
/// at all.
pub fn is_own(headers: &HeaderMap, gws: &Gws) -> bool {
    let text = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    // what the browser says about the site takes precedence, since a proxy may have put its own
    // name into Host
    let site = text("sec-fetch-site");
    if matches!(site, Some("same-origin" | "none")) {
        return true;
    }
    let Some(origin) = text(header::ORIGIN.as_str()) else {
        return site != Some("cross-site");
    };
    let at = |url: &str| {
        let url = Url::parse(url).ok()?;
        Some((url.host_str()?.to_owned(), url.port_or_known_default()))
    };
    let host = text(header::HOST.as_str()).unwrap_or_default();
    let scheme = origin.split(':').next().unwrap_or_default();
    gws.allow_origins.iter().any(|allowed| allowed == origin)
        || (at(origin).is_some()
            && [format!("{scheme}://{host}"), gws.base_url.clone()]
                .iter()
                .any(|own| at(own) == at(origin)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_page_of_another_web_site_is_not_ours() {
        let mut gws = Config::load(None, std::iter::empty()).unwrap().gws;
        gws.allow_origins = vec!["https://desk.example".into()];
        gws.base_url = "https://annals.example".into();
        let asks = |given: &[(&'static str, &str)]| {
            let given = given.iter().chain(&[("host", "10.0.0.1:8080")]);
            let headers = given.map(|(name, value)| {
                let name = header::HeaderName::from_static(name);
                (name, value.parse().unwrap())
            });
            is_own(&headers.collect(), &gws)
        };
        for own in [
            &[][..],
            &[("origin", "http://10.0.0.1:8080")],
            &[("origin", "https://annals.example")],
            &[
                ("origin", "https://desk.example"),
                ("sec-fetch-site", "cross-site"),
            ],
            &[
                ("origin", "https://proxied.example"),
                ("sec-fetch-site", "same-origin"),
            ],
        ] {
            assert!(asks(own), "{own:?}");
        }
        for foreign in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "http://10.0.0.1:8081")],
            &[("origin", "https://desk.example.evil.example")],
            &[("sec-fetch-site", "cross-site")],
        ] {
            assert!(!asks(foreign), "{foreign:?}");
        }
    }
}
