//! Keeps the columns up with the journal.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use prometheus_client::metrics::gauge::Gauge;
use roaring::RoaringTreemap;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::part::{self, Part};
use super::rows::{self, PLACE, Row, Sheet, TENANT};
use super::{Built, ColumnsError, Snapshot, manifest};
use crate::store::Reads;
use crate::store::columns::{Numbered, Touched};

/// Rows that are read at once while the columns are built.
const PAGE: i64 = 8 * 1024;
/// Rows of a file.
const FILE: u64 = 128 * 1024;
/// Rows in memory that are worth a file.
const FRESH: u64 = 32 * 1024;
/// Bytes in memory that are worth a file.
const FRESH_BYTES: usize = 96 * 1024 * 1024;
/// So many files that are less than half full become one.
const SMALL: usize = 4;
/// How often the journal is looked at while nobody asks.
const EVERY: Duration = Duration::from_secs(1);
/// So many entries are taken at once while nobody asks, or those of [`LATEST`]: the more at once, the
/// fewer copies of each row.
const MANY: i64 = 8 * 1024;
/// What is this old is taken even if it is little.
const LATEST: Duration = Duration::from_secs(5);

/// Places by sheet, in the order of [`Sheet::ALL`].
type Masks = [RoaringTreemap; Sheet::ALL.len()];

/// Keeps the columns of one store in one folder.
pub struct Keeper {
    /// How many entries of the journal the columns do not have yet.
    pub behind: Gauge,
    reads: Arc<dyn Reads>,
    folder: PathBuf,
    /// Where columns are computed, so that it is not in the way of commits.
    threads: Handle,
    work: Mutex<Work>,
    current: watch::Sender<Arc<Snapshot>>,
    /// Locked, so that no other server uses the folder.
    _lock: File,
}

/// What only the one who changes the columns uses.
struct Work {
    snapshot: Snapshot,
    /// The number of each contact, by tenant and identifier.
    contacts: HashMap<(i64, String), i64>,
    /// The number of the next contact.
    next_contact: i64,
    /// The number of the next file.
    next: u64,
}

impl Work {
    fn of(snapshot: Snapshot) -> Result<Self, ColumnsError> {
        let numbers = snapshot
            .all()
            .filter_map(|(_, part)| number_of(part.file()?));
        let next = numbers.max().unwrap_or(0) + 1;
        let mut contacts = HashMap::new();
        for part in snapshot.parts(Sheet::Contacts) {
            for batch in part.batches(&[PLACE, TENANT, "id"])? {
                let batch = batch?;
                let (places, tenants) = (
                    batch[PLACE].as_primitive::<Int64Type>(),
                    batch[TENANT].as_primitive::<Int64Type>(),
                );
                let ids = batch["id"].as_string::<i32>();
                for row in 0..batch.num_rows() {
                    contacts.insert(
                        (tenants.value(row), ids.value(row).to_owned()),
                        places.value(row),
                    );
                }
            }
        }
        Ok(Self {
            next_contact: contacts.values().max().unwrap_or(&0) + 1,
            contacts,
            snapshot,
            next,
        })
    }

    /// The number of a contact, a new one if it has none.
    fn number(&mut self, tenant: i64, id: &str) -> i64 {
        let next = &mut self.next_contact;
        let number = self.contacts.entry((tenant, id.to_owned()));
        *number.or_insert_with(|| {
            *next += 1;
            *next - 1
        })
    }
}

impl Keeper {
    /// Opens the columns in a folder, or begins them there.
    ///
    /// # Errors
    /// If the folder cannot be written, or the store fails.
    pub async fn open(
        reads: Arc<dyn Reads>,
        folder: &Path,
        threads: Handle,
    ) -> Result<Self, ColumnsError> {
        let at = folder.to_owned();
        let (lock, found) = blocking(&threads, move || {
            std::fs::create_dir_all(&at)?;
            let lock = File::create(at.join("lock"))?;
            lock.try_lock().map_err(|_| ColumnsError::Taken)?;
            let found = manifest::read(&at);
            let found = found.and_then(|found| match found {
                None => Ok(None),
                Some((snapshot, tip)) => Ok(Some((Work::of(snapshot)?, tip))),
            });
            match found {
                Ok(found) => Ok((lock, found)),
                // what is damaged is built anew; a folder that cannot be used is an error
                Err(error @ ColumnsError::Io(_)) if std::fs::read_dir(&at).is_err() => Err(error),
                Err(error) => {
                    tracing::warn!(%error, "the columns of the reports are built anew");
                    manifest::clear(&at)?;
                    Ok((lock, None))
                }
            }
        })
        .await?;
        let mut work = None;
        if let Some((there, tip)) = found {
            let cursor = there.snapshot.cursor;
            if reads.tip(cursor).await? == tip && cursor <= reads.head().await? {
                work = Some(there);
            } else {
                tracing::info!(
                    "the columns of the reports are of another store, and are built anew"
                );
                there.snapshot.all().for_each(|(_, part)| part.retire());
            }
        }
        let work = match work {
            Some(work) => work,
            None => Work::of(Snapshot {
                cursor: reads.head().await?,
                built: Some(Built { sheet: 0, place: 0 }),
                ..Snapshot::default()
            })?,
        };
        Ok(Self {
            behind: Gauge::default(),
            reads,
            folder: folder.to_owned(),
            threads,
            current: watch::Sender::new(Arc::new(work.snapshot.clone())),
            work: Mutex::new(work),
            _lock: lock,
        })
    }

    /// The columns as they are.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.borrow())
    }

    /// The columns with everything that was committed before the call.
    ///
    /// # Errors
    /// If the store fails or the disk is full.
    pub async fn caught_up(&self) -> Result<Arc<Snapshot>, ColumnsError> {
        let head = self.reads.head().await?;
        let now = self.snapshot();
        self.behind.set(if now.built.is_some() {
            head
        } else {
            head - now.cursor
        });
        if now.built.is_none() && now.cursor >= head {
            return Ok(now);
        }
        let mut work = self.work.lock().await;
        self.build(&mut work).await?;
        self.follow(&mut work, head).await?;
        self.behind.set(0);
        Ok(self.snapshot())
    }

    /// Keeps up until it is stopped, and then leaves everything in files.
    pub async fn run(&self, stop: CancellationToken) {
        let mut waiting = None;
        while !stop.is_cancelled() {
            let turn = async {
                match self.turn(waiting).await {
                    Ok(since) => {
                        waiting = since;
                        sleep(EVERY).await;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the columns of the reports fell behind and try again");
                        sleep(EVERY * 10).await;
                    }
                }
            };
            tokio::select! {
                () = turn => {}
                () = stop.cancelled() => {}
            }
        }
        let mut work = self.work.lock().await;
        if work.snapshot.built.is_none()
            && let Err(error) = self.flush(&mut work).await
        {
            tracing::warn!(%error, "the columns of the reports could not be written");
        }
    }

    /// Takes what is much or has waited long. Returns how long it waits already.
    async fn turn(&self, waiting: Option<Instant>) -> Result<Option<Instant>, ColumnsError> {
        let now = self.snapshot();
        let behind = self.reads.head().await? - now.cursor;
        self.behind.set(behind);
        let since = waiting.unwrap_or_else(Instant::now);
        let little = behind < MANY && since.elapsed() < LATEST;
        if behind > 0 && little && now.built.is_none() {
            return Ok(Some(since));
        }
        self.caught_up().await?;
        let mut work = self.work.lock().await;
        self.tidy(&mut work).await?;
        Ok(None)
    }

    /// Builds what is not built yet.
    async fn build(&self, work: &mut Work) -> Result<(), ColumnsError> {
        while let Some(built) = work.snapshot.built {
            let (sheet, _) = Sheet::ALL[built.sheet];
            let (parts, last) = match sheet {
                Sheet::Contacts => (self.all_contacts(work).await?, None),
                _ => self.page(sheet, built.place, work.snapshot.cursor).await?,
            };
            if !parts.is_empty() {
                let file = self.file(work, sheet, parts).await?;
                tracing::info!(
                    sheet = sheet.name(),
                    rows = file.live(),
                    place = last.unwrap_or(work.snapshot.cursor),
                    of = work.snapshot.cursor,
                    "the columns are being built"
                );
                work.snapshot.parts_mut(sheet).push(file);
            }
            let sheet = built.sheet;
            work.snapshot.built = match last {
                Some(place) => Some(Built { sheet, place }),
                None if sheet + 1 < Sheet::ALL.len() => Some(Built {
                    sheet: sheet + 1,
                    place: 0,
                }),
                None => None,
            };
            self.persist(work).await?;
        }
        Ok(())
    }

    /// Parts for one file of rows after a place, and the last place unless these were all.
    async fn page(
        &self,
        sheet: Sheet,
        after: i64,
        until: i64,
    ) -> Result<(Vec<Arc<Part>>, Option<i64>), ColumnsError> {
        let mut parts = Vec::new();
        let (mut rows, mut last) = (0, after);
        while rows < FILE {
            let (part, newest) = if sheet == Sheet::WebActions {
                let page = self.reads.placed_actions(last, until, PAGE).await?;
                let newest = page.last().map(|one| one.place);
                (self.in_memory(page).await?, newest)
            } else {
                let page = self.reads.placed(last, until, PAGE).await?;
                let newest = page.last().map(|one| one.place);
                (self.in_memory(page).await?, newest)
            };
            let Some(newest) = newest else {
                return Ok((parts, None));
            };
            last = newest;
            rows += part.live();
            parts.push(part);
        }
        Ok((parts, Some(last)))
    }

    /// Parts of all contacts.
    async fn all_contacts(&self, work: &mut Work) -> Result<Vec<Arc<Part>>, ColumnsError> {
        let mut parts = Vec::new();
        let mut after = (i64::MIN, String::new());
        loop {
            let page = self.reads.all_contacts(after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(parts);
            };
            after = (last.tenant_id, last.id.clone());
            let rows = page.into_iter();
            let rows = rows.map(|one| Numbered::new(work.number(one.tenant_id, &one.id), one));
            parts.push(self.in_memory(rows.collect()).await?);
        }
    }

    /// Takes what changed until the columns stand for one state at or after a cursor.
    async fn follow(&self, work: &mut Work, head: i64) -> Result<(), ColumnsError> {
        // an erasure has many entries, and not each of them says what it is
        let mut masks = Masks::default();
        while work.snapshot.cursor < head {
            let touched = self.reads.touched(work.snapshot.cursor).await?;
            let whole = touched.until == touched.head;
            take(&self.threads, work, touched, &mut masks).await?;
            if whole {
                self.publish(work);
            }
            if fresh(&work.snapshot).1 >= FRESH_BYTES {
                self.flush(work).await?;
            }
        }
        self.publish(work);
        Ok(())
    }

    async fn in_memory<R: Row + Send>(&self, rows: Vec<R>) -> Result<Arc<Part>, ColumnsError> {
        blocking(&self.threads, move || {
            Ok(Arc::new(Part::of(rows::batch(&rows)?)))
        })
        .await
    }

    fn publish(&self, work: &Work) {
        self.current.send_replace(Arc::new(work.snapshot.clone()));
    }

    /// Writes a file of the live rows of parts.
    async fn file(
        &self,
        work: &mut Work,
        sheet: Sheet,
        parts: Vec<Arc<Part>>,
    ) -> Result<Arc<Part>, ColumnsError> {
        let path = self
            .folder
            .join(format!("{}-{:08}.parquet", sheet.name(), work.next));
        work.next += 1;
        blocking(&self.threads, move || {
            Ok(Arc::new(part::write(&path, &parts)?))
        })
        .await
    }

    /// Writes the manifest, and lets the snapshot be seen.
    async fn persist(&self, work: &Work) -> Result<(), ColumnsError> {
        let tip = self.reads.tip(work.snapshot.cursor).await?;
        let (folder, snapshot) = (self.folder.clone(), work.snapshot.clone());
        blocking(&self.threads, move || {
            manifest::write(&folder, &snapshot, tip)
        })
        .await?;
        self.publish(work);
        Ok(())
    }

    /// Writes what is in memory to files.
    async fn flush(&self, work: &mut Work) -> Result<(), ColumnsError> {
        for (sheet, _) in Sheet::ALL {
            let parts = work.snapshot.parts(sheet).iter();
            let memory: Vec<Arc<Part>> = parts
                .filter(|part| part.file().is_none())
                .cloned()
                .collect();
            let file = if memory.iter().any(|part| part.live() > 0) {
                Some(self.file(work, sheet, memory).await?)
            } else {
                None
            };
            let parts = work.snapshot.parts_mut(sheet);
            parts.retain(|part| part.file().is_some());
            parts.extend(file);
        }
        self.persist(work).await
    }

    /// Writes and rewrites files where it pays or where something must not stay.
    async fn tidy(&self, work: &mut Work) -> Result<(), ColumnsError> {
        let (rows, bytes) = fresh(&work.snapshot);
        let shred = work.snapshot.all().any(|(_, part)| part.shred());
        if rows < FRESH && bytes < FRESH_BYTES && !shred {
            return Ok(());
        }
        self.flush(work).await?;
        for (sheet, _) in Sheet::ALL {
            for group in groups(work.snapshot.parts(sheet)) {
                self.rewrite(work, sheet, &group).await?;
            }
        }
        Ok(())
    }

    /// Makes one file of the live rows of some files.
    async fn rewrite(
        &self,
        work: &mut Work,
        sheet: Sheet,
        files: &[String],
    ) -> Result<(), ColumnsError> {
        let is_of = |part: &Arc<Part>| {
            part.file()
                .is_some_and(|name| files.iter().any(|file| file == name))
        };
        let all = work.snapshot.parts(sheet);
        let parts: Vec<Arc<Part>> = all.iter().filter(|part| is_of(part)).cloned().collect();
        let place = all.iter().position(is_of).unwrap_or_default();
        let new = if parts.iter().any(|part| part.live() > 0) {
            Some(self.file(work, sheet, parts.clone()).await?)
        } else {
            None
        };
        let all = work.snapshot.parts_mut(sheet);
        all.retain(|part| !is_of(part));
        if let Some(new) = new {
            all.insert(place, new);
        }
        self.persist(work).await?;
        for part in parts {
            part.retire();
        }
        Ok(())
    }
}

/// Takes what changed into the snapshot. If it fails, the snapshot is as before.
///
/// `before` are the places that were masked since the columns last stood for one state.
async fn take(
    threads: &Handle,
    work: &mut Work,
    touched: Touched,
    before: &mut Masks,
) -> Result<(), ColumnsError> {
    let mut interactions = touched.interactions;
    interactions.sort_unstable_by_key(|one| one.place);
    let mut actions = touched.actions;
    actions.sort_unstable_by_key(|one| one.place);
    let contacts = touched.contacts.into_iter();
    let contacts = contacts.map(|one| Numbered::new(work.number(one.tenant_id, &one.id), one));
    let mut contacts: Vec<Numbered> = contacts.collect();
    contacts.sort_unstable_by_key(|one| one.place);
    let gone_contacts: Vec<i64> = touched
        .gone_contacts
        .iter()
        .filter_map(|key| work.contacts.get(key).copied())
        .collect();
    let places = |places: &mut dyn Iterator<Item = i64>| -> RoaringTreemap {
        places.map(i64::cast_unsigned).collect()
    };
    let masks = [
        places(&mut interactions.iter().map(|one| one.place).chain(touched.gone)),
        places(&mut actions.iter().map(|one| one.place)),
        places(&mut contacts.iter().map(|one| one.place).chain(gone_contacts)),
    ];
    let mut next = work.snapshot.clone();
    next.cursor = touched.until;
    for ((sheet, _), (mask, before)) in Sheet::ALL.into_iter().zip(masks.iter().zip(before)) {
        *before |= mask;
        if touched.takes_away {
            next.mark(sheet, before);
        }
        next.mask(sheet, mask);
    }
    work.snapshot = blocking(threads, move || {
        add(&mut next, Sheet::Interactions, &interactions)?;
        add(&mut next, Sheet::WebActions, &actions)?;
        add(&mut next, Sheet::Contacts, &contacts)?;
        Ok(next)
    })
    .await?;
    Ok(())
}

/// Adds rows as a part in memory. The last parts in memory become one while they are of similar
/// size. So there are few, and each row is copied a few times.
fn add<R: Row>(snapshot: &mut Snapshot, sheet: Sheet, rows: &[R]) -> Result<(), ColumnsError> {
    if rows.is_empty() {
        return Ok(());
    }
    let parts = snapshot.parts_mut(sheet);
    parts.push(Arc::new(Part::of(rows::batch(rows)?)));
    while let [.., before, last] = parts.as_slice()
        && before.file().is_none()
        && before.live() < 2 * last.live()
    {
        let pair = parts.split_off(parts.len() - 2);
        parts.push(Arc::new(part::together(&pair)?));
    }
    Ok(())
}

/// The files of a sheet that are to become one each: small ones together, and those by themselves
/// that are worn or hold something that was taken away.
fn groups(parts: &[Arc<Part>]) -> Vec<Vec<String>> {
    let mut groups: Vec<Vec<String>> = Vec::new();
    let (mut small, mut rows, mut must) = (Vec::new(), 0, false);
    for part in parts {
        let Some(name) = part.file() else { continue };
        let worn = part.masked().len() > part.live() / 3 || part.shred();
        if part.live() >= FILE / 2 {
            if worn {
                groups.push(vec![name.to_owned()]);
            }
            continue;
        }
        if rows + part.live() > FILE {
            groups.push(std::mem::take(&mut small));
            (rows, must) = (0, false);
        }
        rows += part.live();
        must |= worn;
        small.push(name.to_owned());
    }
    if must || small.len() >= SMALL {
        groups.push(small);
    }
    groups
}

/// The number in the name of a file.
fn number_of(file: &str) -> Option<u64> {
    let (_, number) = file.strip_suffix(".parquet")?.rsplit_once('-')?;
    number.parse().ok()
}

/// Rows and bytes in memory.
fn fresh(snapshot: &Snapshot) -> (u64, usize) {
    let parts = snapshot.all().filter(|(_, part)| part.file().is_none());
    parts.fold((0, 0), |(rows, bytes), (_, part)| {
        (rows + part.live(), bytes + part.memory())
    })
}

async fn blocking<T: Send + 'static>(
    threads: &Handle,
    work: impl FnOnce() -> Result<T, ColumnsError> + Send + 'static,
) -> Result<T, ColumnsError> {
    match threads.spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // the process ends
            Err(stopped) => Err(std::io::Error::other(stopped).into()),
        },
    }
}
