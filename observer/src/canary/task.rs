//! The task that writes the canary's document, from the start of a run to its end.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind, WriteFailure};
use mongodb::{Collection, Database};
use streamgauge_shared::clock::Clock;
use streamgauge_shared::stamp::{RunId, Stamp};
use streamgauge_shared::test_file::Model;
use streamgauge_shared::time::Nanos;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::News;
use crate::stream::{CANARY_COLLECTION, CANARY_STAMP_FIELD, MongoAddress};

/// One write in each step of this length.
const STEP: Nanos = Nanos::from_secs(1);
/// How long the preparation may hold up the start of a run, and the clean-up its end.
const AROUND_MAX: Duration = Duration::from_secs(3);
/// Codes with which a server says that the user may not do it: `Unauthorized`, `AtlasError`.
const FORBIDDEN: [i32; 2] = [13, 8000];

/// A canary whose collection is ready, or that writes already. Its task ends with it.
pub struct Canary {
    database: Database,
    run: RunId,
    clock: Clock,
    running: Option<Running>,
}

struct Running {
    /// The task stops before its next write once this is dropped.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Canary {
    /// Clears away what a killed observer left, and writes the document once, which proves that it can be and
    /// makes the collection. To be called before the stream is opened: that write is not measured.
    ///
    /// # Errors
    /// Why this run has no canary; one sentence for the report.
    pub async fn prepare(
        address: &MongoAddress,
        model: &Model,
        run: RunId,
        clock: Clock,
    ) -> Result<Self, String> {
        if model.entities.iter().any(|entity| entity.landing.collection == CANARY_COLLECTION) {
            return Err(format!(
                "the model uses the collection '{CANARY_COLLECTION}', which is the canary's"
            ));
        }
        let database = address.connect().await.map_err(|error| address.reason(&error))?;
        let canary = Self { database, run, clock, running: None };
        let prepared = tokio::time::timeout(AROUND_MAX, async {
            canary.collection().drop().await?;
            write(&canary.collection(), canary.stamp(0)).await
        });
        match prepared.await {
            Ok(Ok(())) => Ok(canary),
            Ok(Err(error)) if forbidden(&error) => Err(no_permission(address)),
            Ok(Err(error)) => Err(format!("its document cannot be written: {}", address.reason(&error))),
            Err(_) => Err(format!("its document was not acknowledged within {} s", AROUND_MAX.as_secs())),
        }
    }

    /// Begins to write; says so to `inputs` before each write.
    pub fn start<I: From<News> + Send + 'static>(&mut self, address: MongoAddress, inputs: mpsc::Sender<I>) {
        let (stop, stopped) = oneshot::channel();
        let writing =
            Writing { collection: self.collection(), run: self.run, clock: self.clock, address, inputs };
        let task = tokio::spawn(writing.go_on(stopped));
        self.running = Some(Running { stop, task });
    }

    /// Ends the writing and drops the collection, within three seconds.
    pub async fn finish(mut self) {
        let running = self.running.take();
        let abort = running.as_ref().map(|running| running.task.abort_handle());
        let cleaned = tokio::time::timeout(AROUND_MAX, async {
            if let Some(Running { stop, task }) = running {
                drop(stop);
                // A write that is on its way is waited for: after the drop it would make the collection anew.
                if task.await.is_err() {
                    tracing::error!("the canary's task panicked");
                }
            }
            self.collection().drop().await
        });
        if !matches!(cleaned.await, Ok(Ok(()))) {
            tracing::warn!(
                "the canary's collection '{CANARY_COLLECTION}' could not be dropped: the next run does it, or drop it by hand"
            );
        }
        if let Some(task) = abort {
            task.abort();
        }
        self.database.client().clone().shutdown().immediate(true).await;
    }

    fn collection(&self) -> Collection<Document> {
        self.database.collection(CANARY_COLLECTION)
    }

    fn stamp(&self, sequence: u64) -> Stamp {
        Stamp { run: self.run, writer: 0, sequence, sent: self.clock.now() }
    }
}

struct Writing<I> {
    collection: Collection<Document>,
    run: RunId,
    clock: Clock,
    address: MongoAddress,
    inputs: mpsc::Sender<I>,
}

impl<I: From<News> + Send + 'static> Writing<I> {
    /// Writes once in every step until the user's right to do so is gone, or nobody listens. One write at a
    /// time: one that takes longer than a step leaves out the steps in between.
    async fn go_on(self, mut stop: oneshot::Receiver<()>) {
        let start = self.clock.now();
        let mut step = 0;
        let mut said = false;
        for sequence in 1.. {
            let now = self.clock.now();
            while start + due(step) < now {
                step += 1;
            }
            tokio::select! {
                _ = &mut stop => return,
                () = tokio::time::sleep((start + due(step) - now).to_std()) => {}
            }
            step += 1;
            let Ok(permit) = self.inputs.reserve().await else { return };
            // After the wait for the queue, right before the write.
            let sent = self.clock.now();
            permit.send(News::Sent { sequence, at: sent }.into());
            let stamp = Stamp { run: self.run, writer: 0, sequence, sent };
            let Err(error) = write(&self.collection, stamp).await else { continue };
            if !self.tell(News::Withdrawn { sequence }).await {
                return;
            }
            if forbidden(&error) {
                let reason = no_permission(&self.address);
                tracing::warn!("no measurement floor from now on: {reason}");
                self.tell(News::Stopped(reason)).await;
                return;
            }
            if !std::mem::replace(&mut said, true) {
                let reason = self.address.reason(&error);
                tracing::warn!("a write of the canary failed, and is no sample: {reason}");
            }
        }
    }

    async fn tell(&self, news: News) -> bool {
        self.inputs.send(news.into()).await.is_ok()
    }
}

/// When the write of a step is due, after the start: somewhere in the step, elsewhere in each. A fixed place
/// would meet a journal that is flushed every 100 ms always at the same point of its period, and the load's
/// ticks too. Multiples of the golden ratio spread over the step evenly without a random source.
fn due(step: u32) -> Nanos {
    /// 2⁶⁴ divided by the golden ratio.
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let place = u64::from(step).wrapping_mul(GOLDEN) >> 34;
    // 30 bits of place within the step: the product stays below 2⁶¹.
    let within = (i64::try_from(place).expect("30 bits") * STEP.0) >> 30;
    Nanos(i64::from(step) * STEP.0 + within)
}

async fn write(collection: &Collection<Document>, stamp: Stamp) -> Result<(), Error> {
    let document = doc! { CANARY_STAMP_FIELD: stamp.to_string() };
    let own = doc! { "_id": stamp.run.to_string() };
    collection.replace_one(own, document).upsert(true).await.map(drop)
}

fn forbidden(error: &Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => FORBIDDEN.contains(&command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => FORBIDDEN.contains(&write.code),
        _ => false,
    }
}

fn no_permission(address: &MongoAddress) -> String {
    format!(
        "the user of --mongo may not write to the collection '{CANARY_COLLECTION}' of database '{}': grant it readWrite on that collection, or give --no-canary",
        address.database()
    )
}

/// Nobody will finish it: its task must not go on without an owner.
impl Drop for Canary {
    fn drop(&mut self) {
        if let Some(Running { task, .. }) = &self.running {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_write_falls_in_each_step_and_they_are_spread_over_it() {
        let mut tenths = [0; 10];
        for step in 0..1_000 {
            let within = due(step) - Nanos::from_secs(i64::from(step));
            assert!((0..STEP.0).contains(&within.0), "step {step}: {within}");
            tenths[usize::try_from(within.0 * 10 / STEP.0).expect("below ten")] += 1;
        }
        assert!(tenths.iter().all(|count| (95..=105).contains(count)), "{tenths:?}");
        // And so are their places in a period of 100 ms, after no more than 20 writes.
        let phases: std::collections::BTreeSet<i64> =
            (0..20).map(|step| due(step).0 % 100_000_000 / 10_000_000).collect();
        assert!(phases.len() >= 8, "{phases:?}");
    }
}
