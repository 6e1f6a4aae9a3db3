//! The OpenAPI document as tools use it: a validator, two client generators, and a tester that
//! generates requests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::both;
use crate::support::{Db, Server};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi")
}

/// A program of the Python environment that `script/test` makes.
fn python(name: &str) -> Command {
    Command::new(folder().join(".venv/bin").join(name))
}

/// Runs a program, which must succeed, and returns its output.
async fn run(command: &mut Command) -> String {
    let shown = format!("{command:?}");
    let ran: Output = command
        .output()
        .await
        .unwrap_or_else(|error| panic!("{shown}: {error}; script/test installs it"));
    let out = String::from_utf8_lossy(&ran.stdout).into_owned();
    let err = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{shown}\n{out}\n{err}");
    out
}

/// A server whose webhooks may lead to this machine, and its document in a folder.
async fn server(db: Db) -> (Server, TempDir, Value) {
    let place = TempDir::new().unwrap();
    let columns = place.path().join("columns").display().to_string();
    let server = Server::with(db, |config| {
        config.webhooks.allow_private = true;
        config.reports.folder = columns;
    })
    .await;
    let text = server
        .client
        .get(format!("{}/openapi.json", server.base))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    std::fs::write(place.path().join("openapi.json"), &text).unwrap();
    (server, place, serde_json::from_str(&text).unwrap())
}

fn operation_ids(document: &Value) -> BTreeSet<String> {
    let items = document["paths"].as_object().unwrap().values();
    let ids: Vec<String> = items
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap().to_owned())
        .collect();
    let unique: BTreeSet<String> = ids.iter().cloned().collect();
    assert_eq!(
        ids.len(),
        unique.len(),
        "an operation id stands twice: {ids:?}"
    );
    unique
}

fn lines(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

both! {
    async fn the_document_is_valid(db) {
        let (_server, place, document) = server(db).await;
        run(python("openapi-spec-validator").arg(place.path().join("openapi.json"))).await;
        operation_ids(&document);
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    let of_error = status.starts_with('4') || status == "500";
                    let content = answer["content"].as_object();
                    let kinds: Vec<&String> = content.into_iter().flat_map(|all| all.keys()).collect();
                    assert!(!of_error || kinds == ["application/problem+json"], "{method} {path} {status}: {kinds:?}");
                }
            }
        }
    }

    async fn a_generated_python_client_calls_every_operation(db) {
        let (server, place, document) = server(db).await;
        let package = place.path().join("annals_client");
        run(python("openapi-python-client")
            .args(["generate", "--meta", "none", "--fail-on-warning", "--path"])
            .arg(place.path().join("openapi.json"))
            .arg("--config").arg(folder().join("python-client.yml"))
            .arg("--output-path").arg(&package)).await;
        let called = run(python("python")
            .arg(folder().join("python_client.py"))
            .arg(place.path())
            .arg(&server.base)).await;
        assert_eq!(lines(&called), operation_ids(&document));
    }

    async fn a_generated_typescript_client_calls_every_operation(db) {
        let (server, place, document) = server(db).await;
        let modules = folder().join("node_modules");
        let here = place.path();
        std::os::unix::fs::symlink(&modules, here.join("node_modules")).unwrap();
        std::fs::copy(folder().join("typescript_client.ts"), here.join("client.ts")).unwrap();
        std::fs::write(here.join("package.json"), r#"{"type": "module"}"#).unwrap();
        let bin = modules.join(".bin");
        run(Command::new(bin.join("oazapfts")).args(["openapi.json", "api.ts"]).current_dir(here)).await;
        run(Command::new(bin.join("tsc"))
            .args(["--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck", "client.ts"])
            .current_dir(here)).await;
        let called = run(Command::new("node").args(["client.js", &server.base]).current_dir(here)).await;
        assert_eq!(lines(&called), operation_ids(&document));
    }

    async fn made_up_requests_find_nothing(db) {
        let (server, _place, _document) = server(db).await;
        let base = format!("{}/openapi.json", server.base);
        run(Command::new(folder().join("fuzz")).args([&base, "--max-examples", "15", "--seed", "1"])).await;
    }
}
