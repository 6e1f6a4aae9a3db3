//! `/sdk/web-actions.js` and `/sdk/web-actions.mjs`: the browser SDK for web actions, as a classic
//! script and as a module.

use std::sync::LazyLock;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use crate::web::App;

/// The source of both files.
const SOURCE: &str = include_str!("../sdk/web-actions.js");

/// A file with its `ETag`.
struct File {
    text: String,
    etag: String,
}

impl File {
    fn new(text: String) -> Self {
        let etag = format!("\"{}\"", hex::encode(&Sha256::digest(&text)[..12]));
        Self { text, etag }
    }
}

static CLASSIC: LazyLock<File> = LazyLock::new(|| {
    File::new(format!(
        "(function () {{\n{}annalsWebActions(document.currentScript);\n}})();\n",
        code(SOURCE)
    ))
});

static MODULE: LazyLock<File> = LazyLock::new(|| {
    File::new(format!(
        "{}export const ac = annalsWebActions(Array.from(document.scripts).find((one) => one.src === import.meta.url) || {{ src: import.meta.url }});\nexport default ac;\n",
        code(SOURCE)
    ))
});

/// The source without comments and indentation, on which no line of it depends.
fn code(source: &str) -> String {
    let lines = source.lines().map(str::trim);
    let comments = ["//", "/**", "* ", "*/"];
    lines
        .filter(|line| !line.is_empty() && !comments.iter().any(|begin| line.starts_with(begin)))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The routes. They serve files rather than API operations, so they are not in the OpenAPI
/// document.
pub fn routes() -> Router<App> {
    Router::new()
        .route(
            "/sdk/web-actions.js",
            get(async |headers: HeaderMap| file(&CLASSIC, &headers)),
        )
        .route(
            "/sdk/web-actions.mjs",
            get(async |headers: HeaderMap| file(&MODULE, &headers)),
        )
}

fn file(file: &'static File, headers: &HeaderMap) -> Response {
    let has = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|marks| {
            marks
                .split(',')
                .any(|mark| mark.trim().trim_start_matches("W/") == file.etag || mark.trim() == "*")
        });
    let shared = [
        (header::ETAG, file.etag.as_str()),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    if has {
        return (StatusCode::NOT_MODIFIED, shared).into_response();
    }
    let own = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (shared, own, file.text.as_str()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_small_and_nothing_but_whole_lines_is_taken_out_of_it() {
        assert!(CLASSIC.text.len() < 11 * 1024, "{}", CLASSIC.text.len());
        // a string literal that spans lines could lose part of its text
        let code = code(SOURCE);
        assert!(!code.contains('`') && !code.contains("/*"));
        assert!(!code.lines().any(|line| line.ends_with('\\')));
    }
}
