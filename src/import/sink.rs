//! Sends imported items to the writer, many at a time. In a dry run it only runs the writer's
//! checks.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Options;
use super::event::{Found, Item, Place};
use super::report::{Counts, FileReport, WarningKind};
use crate::domain::Refusal;
use crate::domain::command::{Command, Outcome, Preparation, Submission};
use crate::store::StoreError;
use crate::store::writer::{Answer, Writer};

/// The maximum number of pending answers.
const IN_FLIGHT: usize = 2_000;
/// The maximum number of remembered identifiers, at eight or sixteen bytes each. Counts are less
/// exact beyond it.
const REMEMBERED: usize = 4_000_000;

/// Receives the findings of all files.
pub struct Sink<'a> {
    writer: &'a Writer,
    options: &'a Options,
    /// For each pending answer: the file, the place, and whether it is a merge.
    under_way: VecDeque<(usize, Place, bool, Answer)>,
    /// Contacts created by this run.
    made: HashSet<u64>,
    /// In a dry run: the hashes of the items so far, from kind and identifier to content.
    known: HashMap<u64, u64>,
    /// One report for each file.
    pub files: Vec<FileReport>,
}

fn hash(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

impl<'a> Sink<'a> {
    /// A sink that reports on these files.
    pub fn new(writer: &'a Writer, options: &'a Options, files: Vec<FileReport>) -> Self {
        Self {
            writer,
            options,
            under_way: VecDeque::with_capacity(IN_FLIGHT),
            made: HashSet::new(),
            known: HashMap::new(),
            files,
        }
    }

    /// Processes a finding in a file.
    ///
    /// # Errors
    /// What ends the import. A refusal does not.
    pub async fn take(&mut self, file: usize, found: Found) -> Result<(), StoreError> {
        match found {
            Found::Warning(kind, place, text) => self.files[file].warn(kind, &place, text),
            Found::Refused(place, reason) => self.files[file].refused.add(&place, reason),
            Found::Item(place, item) => {
                match &item {
                    Item::Contact { .. } => self.counts(file, true).read += 1,
                    Item::Interaction(_) => self.counts(file, false).read += 1,
                    Item::Merge { .. } => {}
                }
                let command = match item {
                    Item::Contact { id, attributes } => Command::CreateContact {
                        id: Some(id),
                        attributes,
                    },
                    Item::Interaction(new) => Command::Record(new),
                    Item::Merge { id, into } => Command::MergeContact { id, into },
                };
                if self.options.dry_run {
                    self.rehearse(file, &place, command);
                } else {
                    self.submit(file, place, command).await?;
                }
            }
        }
        Ok(())
    }

    /// Waits for all pending answers.
    ///
    /// # Errors
    /// What ends the import.
    pub async fn finish(&mut self) -> Result<(), StoreError> {
        self.settle(0).await
    }

    fn counts(&mut self, file: usize, contact: bool) -> &mut Counts {
        let report = &mut self.files[file];
        if contact {
            &mut report.contacts
        } else {
            &mut report.interactions
        }
    }

    async fn submit(
        &mut self,
        file: usize,
        place: Place,
        command: Command,
    ) -> Result<(), StoreError> {
        if self.under_way.len() >= IN_FLIGHT {
            // wait for half of them, so that the writer always has a queue to form groups from
            self.settle(IN_FLIGHT / 2).await?;
        }
        let at = match &command {
            // the created date of a contact shows whether it was created by this run
            Command::CreateContact { .. } => Some(self.options.now),
            _ => None,
        };
        let merge = matches!(command, Command::MergeContact { .. });
        let submission = Submission {
            tenant: self.options.tenant,
            actor: self.options.actor.clone(),
            at,
            repeatable: None,
            command,
        };
        match self.writer.enqueue_waiting(submission).await {
            Ok(answer) => self.under_way.push_back((file, place, merge, answer)),
            Err(StoreError::Refused(refusal)) => self.refuse(file, &place, &refusal),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn settle(&mut self, leave: usize) -> Result<(), StoreError> {
        while self.under_way.len() > leave {
            let Some((file, place, merge, answer)) = self.under_way.pop_front() else {
                break;
            };
            match answer.wait().await {
                // merges are not counted in the report
                Ok(_) if merge => {}
                Ok(Outcome::Recorded {
                    created,
                    dropped,
                    repeated,
                    ..
                }) => {
                    self.count(file, false, created);
                    self.tell(file, &place, dropped, repeated);
                }
                Ok(Outcome::Contact(contact) | Outcome::ContactMade(contact)) => {
                    let now = contact.created_date == self.options.now && contact.revision == 1;
                    let made = now
                        && (self.made.len() >= REMEMBERED || self.made.insert(hash(&contact.id)));
                    self.count(file, true, made);
                }
                Ok(_) => {}
                Err(StoreError::Refused(refusal)) => self.refuse(file, &place, &refusal),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn count(&mut self, file: usize, contact: bool, created: bool) {
        let counts = self.counts(file, contact);
        if created {
            counts.created += 1;
        } else {
            counts.already_there += 1;
        }
    }

    fn tell(&mut self, file: usize, place: &Place, dropped: Vec<String>, repeated: Vec<String>) {
        for key in dropped {
            *self.files[file].dropped_keys.entry(key).or_default() += 1;
        }
        for key in repeated {
            let text = format!("{key:?} is repeated; the last value was kept");
            self.files[file].warn(WarningKind::RepeatedKey, place, text);
        }
    }

    fn refuse(&mut self, file: usize, place: &Place, refusal: &Refusal) {
        self.files[file].refused.add(place, refusal.to_string());
    }

    /// Runs all checks that need no access to the store.
    fn rehearse(&mut self, file: usize, place: &Place, mut command: Command) {
        let ready = match command.prepare(self.options.tenant, self.writer.rules()) {
            Ok(ready) => ready,
            Err(refusal) => return self.refuse(file, place, &refusal),
        };
        let Preparation {
            fingerprint,
            dropped,
            repeated,
            ..
        } = ready;
        let (contact, id) = match &command {
            Command::CreateContact { id, .. } => (true, id.as_deref()),
            Command::Record(new) => {
                let parent = new.parent_id.iter().map(|id| hash(&(false, id.as_str())));
                let named = new.contact_id.iter().map(|id| hash(&(true, id.as_str())));
                let missing = parent
                    .chain(named)
                    .filter(|named| !self.known.contains_key(named))
                    .count();
                self.files[file].elsewhere += u64::try_from(missing).unwrap_or(0);
                (false, new.id.as_deref())
            }
            _ => return,
        };
        let id = id.unwrap_or_default();
        let (name, content) = (hash(&(contact, id)), hash(&fingerprint));
        match self.known.get(&name).copied() {
            Some(same) if same == content => self.count(file, contact, false),
            Some(_) => {
                let refusal = Refusal::Conflict(format!(
                    "{id:?} is repeated in the input with other content"
                ));
                return self.refuse(file, place, &refusal);
            }
            None => {
                if self.known.len() < REMEMBERED {
                    self.known.insert(name, content);
                }
                self.count(file, contact, true);
            }
        }
        self.tell(file, place, dropped, repeated);
    }
}
