//! Records the statements that the store runs, so that tests can inspect their plans.
//!
//! Statements are recorded only within a task that has a [`Recorder`]; no server has one.

use std::sync::{Arc, Mutex, PoisonError};

use super::dialect::Arg;

tokio::task_local! {
    static RECORDER: Recorder;
}

/// Statements with their arguments.
type Statements = Vec<(String, Vec<Arg>)>;

/// Statements in the order in which they ran.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Statements>>);

impl Recorder {
    /// Runs a future and records its statements.
    pub async fn within<F: Future>(&self, future: F) -> F::Output {
        RECORDER.scope(self.clone(), future).await
    }

    /// Takes the statements recorded so far.
    pub fn take(&self) -> Statements {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The recorder of this task.
pub(super) fn current() -> Option<Recorder> {
    RECORDER.try_with(Clone::clone).ok()
}

/// Records a statement if this task has a recorder.
pub(super) fn record(sql: &str, args: &[Arg]) {
    let _ = RECORDER.try_with(|recorder| {
        let mut all = recorder.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((sql.to_owned(), args.to_vec()));
    });
}
