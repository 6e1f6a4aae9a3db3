//! Properties that hold for every input.
//!
//! The inputs are generated, and shrunk when one fails. The seed is fixed; `PROPTEST_RNG_SEED` sets
//! another one. `PROPTEST_CASES` sets a percentage of the usual number of cases
//! (`PROPTEST_CASES=1000` tries ten times as many).

mod finding;
mod items;
mod node;
mod oracle;
mod paging;
mod questions;
mod replay;
mod round_trip;
mod strangers;

use std::future::Future;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::support::Server;
use node::Node;

/// The result of a case.
pub type Held = Result<(), TestCaseError>;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number"))
    })
}

fn runner(cases: u32) -> (u64, TestRunner) {
    let seed = number("PROPTEST_RNG_SEED", 20_260_301);
    let cases = u64::from(cases) * number("PROPTEST_CASES", 100) / 100;
    let config = Config {
        cases: u32::try_from(cases).unwrap_or(u32::MAX).max(1),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_iters: 400,
        max_shrink_time: 60_000,
        ..Config::default()
    };
    (seed, TestRunner::new(config))
}

/// Tests a property with a number of generated inputs.
pub fn forall<S: Strategy, F: Future<Output = Held>>(
    cases: u32,
    strategy: &S,
    property: impl Fn(S::Value) -> F,
) {
    let (seed, mut runner) = runner(cases);
    let runtime = Handle::current();
    let done = block_in_place(|| runner.run(strategy, |input| runtime.block_on(property(input))));
    if let Err(failure) = done {
        panic!("with seed {seed}: {failure}");
    }
}

/// One generated input, as the basis of a property.
pub fn one<S: Strategy>(strategy: &S) -> S::Value {
    let (_, mut runner) = runner(1);
    let tree = strategy.new_tree(&mut runner);
    tree.expect("the strategy generates").current()
}

/// Sends a request with a JSON body, and reads the answer without loss.
pub async fn send(server: &Server, method: &str, path: &str, body: Option<String>) -> (u16, Node) {
    let mut request = server.request(method, path);
    if let Some(body) = body {
        request = request
            .header("content-type", "application/json")
            .body(body);
    }
    let response = request.send().await.expect("the server answers");
    let status = response.status().as_u16();
    let text = response.text().await.expect("the answer arrives whole");
    (status, Node::read(&text))
}

/// Records many interactions at once; each must be new.
pub async fn record_all(server: &Server, bodies: &[String]) -> Vec<String> {
    let request = server
        .request("POST", "/v1/interactions/batch")
        .header("content-type", "application/x-ndjson")
        .body(bodies.join("\n"));
    let response = request.send().await.expect("the server answers");
    let text = response.text().await.expect("the answer arrives whole");
    let ids: Vec<String> = text
        .lines()
        .map(|line| {
            let line = Node::read(line);
            assert_eq!(line.at("status"), &Node::Int(201), "{line:?}");
            line.at("id").text().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), bodies.len());
    ids
}

/// Waits until these keys of `UserData` are indexed.
pub async fn indexed(server: &Server, keys: usize) {
    ready(server, "indexedKeys", keys).await;
}

/// Waits until these attributes are indexed.
pub async fn attributes_indexed(server: &Server, attributes: usize) {
    ready(server, "indexedAttributes", attributes).await;
}

async fn ready(server: &Server, what: &str, number: usize) {
    loop {
        let (_, fields) = server.get("/v1/fields").await;
        let all = fields[what].as_array().expect("a list");
        if all.iter().filter(|one| one["ready"] == true).count() == number {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
