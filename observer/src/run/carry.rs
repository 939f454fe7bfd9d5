//! What goes along with a run: tells it the time, keeps its folder fresh, and at the end hands out the verdict.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use streamgauge_shared::exit_code::ExitCode;
use streamgauge_shared::ledger::{ToWriter, Verdict};
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::test_file::Test;
use streamgauge_shared::time::Nanos;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::thread::Closed;
use super::{Input, Observer, Over};
use crate::canary::Canary;
use crate::landing::{self, Wanted};
use crate::measure::{Interval, Snapshot};
use crate::report::{Folder, write_html};
use crate::stream::{MongoAddress, Reader, follow_mongod};

/// How often time is told to a run: bounds how late a drain ends.
const TICK: Duration = Duration::from_millis(100);
/// How often the folder of a run that goes on is refreshed.
const REFRESH: Nanos = Nanos::from_secs(5);

/// What a run's thread tells the task that goes along with it.
pub(super) struct Told {
    pub(super) closed: oneshot::Receiver<Closed>,
    pub(super) intervals: mpsc::Receiver<Interval>,
    /// What is to be looked for: the run, and how far back, seconds.
    pub(super) searches: mpsc::Receiver<(RunId, u32)>,
}

impl Observer {
    /// Goes along with a run: tells it the time, keeps its folder fresh, and at the end hands out the verdict.
    pub(super) async fn carry(
        &self,
        test: &Arc<Test>,
        inputs: mpsc::Sender<Input>,
        mut told: Told,
        reader: Reader,
        canary: Option<Canary>,
        folder: Folder,
    ) {
        let folder = Arc::new(folder);
        let mut next_refresh = self.clock.now();
        // Ends with this loop.
        let mut following = pin!(follow_mongod(&self.address, self.clock, inputs.clone()));
        let mut follows = true;
        // Empty but for the few searches of a run of which nothing arrives; ends with this function.
        let mut searches = JoinSet::new();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let closed = loop {
            tokio::select! {
                closed = &mut told.closed => break closed,
                () = &mut following, if follows => {
                    follows = false;
                    continue;
                }
                Some((run, back_s)) = told.searches.recv() => {
                    searches.spawn(look_for(self.address.clone(), run, back_s, inputs.clone()));
                }
                _ = ticks.tick() => {}
            }
            // A run with a full queue knows that time passes.
            drop(inputs.try_send(Input::Tick));
            self.log(&folder, told.waiting()).await;
            if self.clock.now() >= next_refresh {
                next_refresh = self.clock.now() + REFRESH;
                self.refresh(&folder).await;
            }
        };
        let stopped = tokio::task::spawn_blocking(move || drop(reader)).await;
        if stopped.is_err() {
            tracing::error!("the change stream's reader could not be stopped");
        }
        if let Some(canary) = canary {
            // Before the verdict: who hears of the end finds nothing of ours left.
            canary.finish().await;
        }
        self.log(&folder, told.waiting()).await;
        let code = match closed {
            Ok(closed) => self.hand_out(test, closed, &folder).await,
            Err(_) => {
                tracing::error!(
                    "the matcher ended without closing the account: a bug of ours, the run is void"
                );
                *self.active.lock().await = None;
                ExitCode::RunFailed
            }
        };
        if self.ended.send(code).await.is_err() {
            tracing::debug!("the observer is ending and counts no more runs");
        }
    }

    /// Adds to the run's interval log.
    async fn log(&self, folder: &Arc<Folder>, intervals: Vec<Interval>) {
        if intervals.is_empty() {
            return;
        }
        let folder = Arc::clone(folder);
        let written = tokio::task::spawn_blocking(move || folder.log(intervals)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!("latency.hlog could not be written and will be with the next interval: {error}");
        }
    }

    /// Brings the run's folder up to date, once there is a snapshot of this run.
    async fn refresh(&self, folder: &Arc<Folder>) {
        let own = |snapshot: &Arc<Snapshot>| snapshot.report.run.id == folder.run();
        let Some(snapshot) = self.snapshot().filter(own) else { return };
        let folder = Arc::clone(folder);
        let written = tokio::task::spawn_blocking(move || folder.refresh(&snapshot.report)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!("the run's folder could not be refreshed: {error}");
        }
    }

    /// Writes the run folder and gives every writer its verdict, at once or when it comes back for it.
    async fn hand_out(&self, test: &Arc<Test>, closed: Closed, folder: &Arc<Folder>) -> ExitCode {
        let Closed { snapshot, rows, interval, outboxes } = closed;
        self.log(folder, vec![interval]).await;
        if rows.left_out() > 0 {
            tracing::info!("rows.jsonl leaves out {} rows beyond its bounds", rows.left_out());
        }
        let rows = Arc::new(rows.close(Arc::clone(test)));
        *self.kept.lock() = Some(Arc::clone(&rows));
        let mut report = snapshot.report.clone();
        report.run.folder = Some(folder.path().display().to_string());
        let (complete, target, whole) = (report.clone(), Arc::clone(folder), Arc::clone(&snapshot));
        let written =
            tokio::task::spawn_blocking(move || target.finish(&complete, &rows, &whole.totals)).await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::error!("the run folder could not be written: {written:?}");
            report.run.folder = None;
        }
        let ended = &report.verdict;
        tracing::info!("run {} ended: {:?}, exit code {}", report.run.id, ended.state, ended.exit_code);
        let report_json = serde_json::to_string(&report).unwrap_or_default();
        let is_kept = report.run.folder.is_some();
        let verdict = Verdict { report_json, folder: report.run.folder, progress: snapshot.progress() };
        {
            let mut active = self.active.lock().await;
            // The run is over before anybody hears of it: who hears may begin the next one at once.
            if let Some(active) = active.take() {
                let next_records = active.shards.next_records();
                *self.last.lock() = Some(Over { run: active.run, next_records, verdict: verdict.clone() });
            }
        }
        for outbox in outboxes {
            if outbox.send(ToWriter::Verdict(Box::new(verdict.clone()))).await.is_err() {
                tracing::warn!("a writer was not there to take the verdict; it may come back for it");
            }
        }
        if is_kept {
            // Nobody waits for it: the verdict is out, and the folder is whole without it.
            let path = folder.path().to_owned();
            let written = tokio::task::spawn_blocking(move || write_html(&path)).await;
            if !matches!(written, Ok(Ok(()))) {
                tracing::error!(
                    "report.html could not be written; 'report --html' makes it again: {written:?}"
                );
            }
        }
        snapshot.exit_code
    }
}

/// Looks for the rows of a run outside of what its model names, and tells the run.
async fn look_for(address: MongoAddress, run: RunId, back_s: u32, inputs: mpsc::Sender<Input>) {
    tracing::info!("rows were written and none of an entity arrives: looking where they land");
    match landing::search(&address, back_s, Wanted::Run(run)).await {
        Ok(search) => {
            let (changes, collections) = (search.changes, search.collections);
            tracing::info!(
                "stamped rows of this run in {} places, of {changes} changes and {collections} collections",
                search.seen.len()
            );
            // A run that has ended meanwhile has nobody to hear it.
            drop(inputs.send(Input::Looked(Box::new(search))).await);
        }
        Err(reason) => tracing::warn!("rows could not be looked for: {reason}"),
    }
}

impl Told {
    /// The intervals that wait to be written.
    fn waiting(&mut self) -> Vec<Interval> {
        std::iter::from_fn(|| self.intervals.try_recv().ok()).collect()
    }
}
