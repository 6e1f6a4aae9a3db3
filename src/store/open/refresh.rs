//! Brings derived data up to date after the rules for it have changed.

use super::Store;
use crate::domain::command::{Command, Outcome, Submission};
use crate::store::StoreError;

impl Store {
    /// Indexes all texts again if the word index follows older rules.
    pub(super) async fn index_words(&self) -> Result<(), StoreError> {
        let total = self
            .in_chunks(
                "words",
                |_| Command::IndexWords,
                |done| {
                    tracing::info!(interactions = done, "the full-text index is being rebuilt");
                },
            )
            .await?;
        if total > 0 {
            tracing::info!(interactions = total, "the full-text index was rebuilt");
        }
        Ok(())
    }

    /// Runs a command repeatedly, passing on the last item done, until nothing is left. Returns the
    /// number of items done.
    async fn in_chunks(
        &self,
        actor: &str,
        command: impl Fn(String) -> Command,
        progress: impl Fn(usize),
    ) -> Result<usize, StoreError> {
        let (mut after, mut total) = (String::new(), 0);
        loop {
            let submission = Submission {
                tenant: 1,
                actor: actor.into(),
                at: None,
                repeatable: None,
                command: command(after),
            };
            let answer = self.writer.enqueue_waiting(submission).await?;
            let Outcome::Filled { last, done } = answer.wait().await? else {
                return Err(StoreError::Closed);
            };
            total += done;
            match last {
                Some(last) => after = last,
                None => return Ok(total),
            }
            progress(total);
        }
    }

    /// Folds the identifying values of contacts again if the rules have changed.
    pub(super) async fn fold_contacts(&self) -> Result<(), StoreError> {
        let total = self
            .in_chunks("contacts", |after| Command::FoldContacts { after }, |_| {})
            .await?;
        if total > 0 {
            tracing::info!(
                contacts = total,
                "contacts now follow the rules of [contacts]"
            );
        }
        Ok(())
    }
}
