//! Runs the README's tour as written.

use std::process::Command;
use std::sync::Arc;

use crate::both;
use crate::support::{Place, Server};

/// The blocks marked `sh tour`: the text of each command, and the strings that the block's output
/// must contain.
fn tour() -> Vec<(String, Vec<String>)> {
    let readme = include_str!("../README.md");
    readme
        .split("```sh tour\n")
        .skip(1)
        .map(|rest| {
            let block = rest.split("```").next().unwrap_or_default();
            let (wanted, commands): (Vec<&str>, Vec<&str>) =
                block.lines().partition(|line| line.starts_with("#> "));
            (
                commands.join("\n"),
                wanted.iter().map(|line| line[3..].to_owned()).collect(),
            )
        })
        .collect()
}

both! {
    async fn every_command_of_the_tour_does_what_the_readme_shows(db) {
        let place = Arc::new(Place::new(db).await);
        let columns = place.path().join("columns").display().to_string();
        let server = Server::at(place, |config| config.reports.folder = columns).await;
        let blocks = tour();
        assert!(blocks.len() >= 9, "the tour has lost its blocks");
        for (commands, wanted) in blocks {
            assert!(!wanted.is_empty(), "a block without an expectation shows nothing:\n{commands}");
            let base = server.base.clone();
            let script = commands.clone();
            let output = tokio::task::spawn_blocking(move || {
                Command::new("bash").args(["-euo", "pipefail", "-c", &script]).env("ANNALS", base).output()
            })
            .await
            .unwrap()
            .expect("bash runs");
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{commands}\n{said}{}", String::from_utf8_lossy(&output.stderr));
            for piece in wanted {
                assert!(said.contains(&piece), "{commands}\nshould answer {piece}, answered {said}");
            }
        }
    }
}
