//! Web actions from a page: the SDK in a real Chromium, on a page of another web site
//! (`tests/browser/stories.mjs` has the scenarios).

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use annals::domain::web_action::State;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::support::process::run;
use crate::support::{Db, Place, Server};

/// Concurrent browsers; each is several processes.
static BROWSERS: Semaphore = Semaphore::const_new(2);
/// How long a scenario may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

async fn token(place: &Place, scope: &str) -> String {
    let ran = run(&place.url, &["token", "create", "--scope", scope]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.out.trim().to_owned()
}

/// Chromium, as configured or by its usual names.
fn chromium() -> String {
    let told = std::env::var("ANNALS_TEST_CHROMIUM").ok();
    let usual = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = || {
        std::env::split_paths(&path)
            .flat_map(|folder| usual.map(|name| folder.join(name)))
            .find(|program| program.is_file())
    };
    told.or_else(|| Some(found()?.to_string_lossy().into_owned()))
        .expect("there is no Chromium: run script/test, which installs one, or say where it is by ANNALS_TEST_CHROMIUM")
}

/// Which server a scenario runs against.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trial {
    /// A server with a token for pages of the scenario's site.
    No,
    /// A server without tokens and settings, as for a local trial.
    Yes,
}

/// Runs a scenario to its end.
async fn tell(db: Db, story: &str, trial: Trial) {
    let _turn = BROWSERS.acquire().await.expect("is never closed");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    assert!(
        folder.join("node_modules").exists(),
        "what drives Chromium is not installed: run script/test, or `npm ci` in tests/browser"
    );
    let mut child = Command::new("node")
        .arg(folder.join("stories.mjs"))
        .arg(story)
        .env("ANNALS_TEST_CHROMIUM", chromium())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Node.js runs");
    let mut told = BufReader::new(child.stdout.take().expect("is piped")).lines();
    let first = told.next_line().await.expect("it can be read");
    let pages: Value = serde_json::from_str(&first.expect("it says where its pages are")).unwrap();
    let origin = pages["origin"].as_str().unwrap().to_owned();

    let place = Arc::new(Place::new(db).await);
    let (key, reader) = match trial {
        Trial::Yes => (String::new(), String::new()),
        Trial::No => (token(&place, "publish").await, token(&place, "read").await),
    };
    let server = Server::at(place, |config| {
        if trial == Trial::No {
            config.web_actions.allow_origins = vec![origin];
        }
        // a scenario sends in a second what a visitor does in a day
        config.web_actions.rate = 5_000;
        config.web_actions.burst = 5_000;
    })
    .await;
    let states = State::ALL.map(|(_, name)| name);
    let given =
        json!({"base": server.base, "key": key, "reader": reader, "states": states}).to_string();
    let mut orders = child.stdin.take().expect("is piped");
    orders
        .write_all(format!("{given}\n").as_bytes())
        .await
        .unwrap();
    let ended = tokio::time::timeout(PATIENCE, child.wait_with_output())
        .await
        .expect("the story ends in time")
        .expect("it can be waited for");
    assert!(
        ended.status.success(),
        "{story}: {}",
        String::from_utf8_lossy(&ended.stderr)
    );
    server.stop().await;
}

/// Defines tests for scenarios, each on both databases.
macro_rules! stories {
    ($trial:ident: $($name:ident)*) => {
        $(
            mod $name {
                use super::*;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    tell(Db::Sqlite, stringify!($name), Trial::$trial).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    tell(Db::Postgres, stringify!($name), Trial::$trial).await;
                }
            }
        )*
    };
}

stories! {
    Yes:
    a_trial_on_this_machine
    a_module_in_a_trial_on_this_machine
}

stories! {
    No:
    classic
    module
    both_scripts_are_one
    calls_before_the_script_are_not_lost
    enrichment
    offline_and_back
    two_tabs_offline_and_back
    reloads_in_the_midst
    leaving_the_page
    leaving_with_more_than_a_beacon_carries
    leaving_while_a_request_is_under_way
    a_handler_that_enriches_and_sends_on
    a_handler_that_sends_on_at_once
    a_handler_beside_the_vendors
    a_handler_that_posts_by_itself
    texts_cut_within_an_emoji
    events_too_large
    what_the_vendor_tells
    a_vendor_that_comes_later
    the_data_layer
    a_server_that_is_busy_at_first
    a_page_that_may_not
    what_the_server_refuses_is_dropped
    what_spoils_a_batch_is_found
    a_page_without_storage
    a_page_with_no_storage_at_all
    leaving_a_page_without_storage
    a_queue_that_is_full
    a_call_with_the_key_in_a_header
}
