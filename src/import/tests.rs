use std::path::Path;

use super::*;
use crate::store::Store;

fn options(dry_run: bool, now: &str) -> Options {
    Options {
        dry_run,
        tenant: 1,
        actor: Arc::from("import"),
        now: Moment::parse(now).unwrap(),
    }
}

const LINES: &str = r#"{"id": "c1", "attributes": {"LastName": "Rossi"}}
{"id": "c1", "attributes": {"LastName": "Rossi"}}
{"id": "p", "mediaType": "webengagement", "contactId": "c1", "userData": {"jsonEvent": {"a": 1}, "rule": "r"}}
{"mediaType": "chat", "parentId": "p", "userData": [{"key": "k", "value": 1}, {"key": "k", "value": 2}]}
{"mediaType": "chat", "parentId": "nobody"}
{"id": "p", "mediaType": "chat"}
broken
"#;

const CONTACTS: &str = "- {id: S1, firstName: Jo, emailAddresses: [jo@mail.example]}\n";
const HISTORY: &str = "- {id: I1, state: Stopped, mediaType: Call, contactId: S1, startDate: 2020-03-08T17:08:07Z, endDate: 2020-03-08T17:09:00Z}\n";
const DETAILS: &str =
    "- {interactionId: I1, interaction: {id: I1, mediaType: Call, callDuration: 87}}\n";

fn write(folder: &Path) -> PathBuf {
    let input = folder.join("input");
    std::fs::create_dir_all(input.join("deeper")).unwrap();
    for (name, text) in [
        ("lines.ndjson", LINES),
        ("a-history.yaml", HISTORY),
        ("b-details.yaml", DETAILS),
        ("deeper/z-contacts.yaml", CONTACTS),
        ("deeper/lists.json", "[1, 2]"),
        ("notes.md", "# Notes\n"),
        (
            "messages.csv",
            "text,category\nhello,greeting\nhello,greeting\n",
        ),
    ] {
        std::fs::write(input.join(name), text).unwrap();
    }
    input
}

fn of<'r>(report: &'r Report, name: &str) -> &'r FileReport {
    report
        .files
        .iter()
        .find(|file| file.path.ends_with(name))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_read_with_all_that_is_in_it_and_a_second_time_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::of_test(folder.path()).await;
    let paths = [write(folder.path())];
    let mut steps = Vec::new();
    let first = run(
        &store.writer,
        &paths,
        &options(false, "2026-03-01T00:00:00Z"),
        &mut |done, total| steps.push((done, total)),
    )
    .await
    .unwrap();
    let lines = of(&first, "lines.ndjson");
    assert_eq!(
        (
            lines.contacts.read,
            lines.contacts.created,
            lines.contacts.already_there
        ),
        (2, 1, 1)
    );
    assert_eq!(
        (lines.interactions.read, lines.interactions.created),
        (4, 2)
    );
    let refused: Vec<&str> = lines
        .refused
        .quoted
        .iter()
        .map(|(place, _)| place.as_str())
        .collect();
    assert_eq!(lines.refused.count, 3);
    assert!(
        ["line 5", "line 6", "line 7"]
            .iter()
            .all(|line| refused.contains(line)),
        "{refused:?}"
    );
    assert_eq!(lines.dropped_keys["jsonEvent"], 1);
    assert_eq!(lines.warnings[&WarningKind::RepeatedKey].count, 1);
    assert_eq!(of(&first, "z-contacts.yaml").contacts.created, 1);
    assert_eq!(of(&first, "a-history.yaml").joined, 1);
    assert_eq!(of(&first, "b-details.yaml").interactions.created, 1);
    assert_eq!(of(&first, "messages.csv").interactions.created, 2);
    assert!(of(&first, "notes.md").format.is_err() && of(&first, "lists.json").format.is_err());
    assert!(
        steps
            .last()
            .is_some_and(|(done, total)| done == total && *total > 0)
    );
    let call = store.reads.interaction(1, "I1").await.unwrap().unwrap();
    assert_eq!(
        call.interaction().unwrap().contact_id.as_deref(),
        Some("S1")
    );
    assert_eq!(
        call.user_data,
        r#"{"simulatorDetails":{"callDuration":87}}"#
    );

    let head = store.reads.head().await.unwrap();
    let second = run(
        &store.writer,
        &paths,
        &options(false, "2026-03-02T00:00:00Z"),
        &mut |_, _| {},
    )
    .await
    .unwrap();
    assert_eq!(store.reads.head().await.unwrap(), head);
    assert_eq!(
        (second.interactions().created, second.contacts().created),
        (0, 0)
    );
    assert_eq!(
        second.interactions().already_there,
        first.interactions().created
    );
    assert_eq!(second.refused(), first.refused());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_writes_nothing_and_says_what_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::of_test(folder.path()).await;
    let paths = [write(folder.path())];
    let report = run(
        &store.writer,
        &paths,
        &options(true, "2026-03-01T00:00:00Z"),
        &mut |_, _| {},
    )
    .await
    .unwrap();
    assert_eq!(store.reads.head().await.unwrap(), 0);
    let lines = of(&report, "lines.ndjson");
    assert_eq!(
        (lines.contacts.created, lines.contacts.already_there),
        (1, 1)
    );
    assert_eq!(
        (
            lines.interactions.created,
            lines.refused.count,
            lines.elsewhere
        ),
        (3, 2, 1)
    );
    assert_eq!(lines.dropped_keys["jsonEvent"], 1);
    let text = report.to_string();
    for expected in [
        "nothing was written",
        "not history: no format of history ends in .md",
        "line 7: ",
        "4 read, 3 would be created",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::of_test(folder.path()).await;
    let paths = [folder.path().join("missing")];
    let error = run(
        &store.writer,
        &paths,
        &options(true, "2026-03-01T00:00:00Z"),
        &mut |_, _| {},
    )
    .await
    .unwrap_err();
    assert!(error.to_string().contains("missing"));
    store.close().await;
}
