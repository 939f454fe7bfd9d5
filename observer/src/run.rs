//! Runs: who may begin one, and one run as it is admitted, carried along, and handed out at its end.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use streamgauge_shared::clock::Clock;
use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::ledger::{Hello, ToWriter, Verdict};
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::test_file::{self, Scale, Test};
use streamgauge_shared::threshold::Metric;
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::canary::{Canary, Floor};
use crate::intake::{Admission, Decision, Shards};
use crate::matcher::thread::{self, Brief, Closed, INPUTS_MAX, INTERVALS_MAX, Input};
use crate::measure::{Interval, KeptRows, Snapshot};
use crate::report::Folder;
use crate::stream::{Decoder, MongoAddress, Reader, Server, StartError, Watched, follow_mongod};

/// How often time is told to a run: bounds how late a drain ends.
const TICK: Duration = Duration::from_millis(100);
/// How often the folder of a run that goes on is refreshed.
const REFRESH: Nanos = Nanos::from_secs(5);

/// What the port's handlers share.
pub struct Observer {
    pub(crate) clock: Clock,
    pub(crate) address: MongoAddress,
    pub(crate) runs: std::path::PathBuf,
    /// How long a run waits for all of its writers.
    pub(crate) writers_timeout: Nanos,
    /// Whether runs have a canary.
    pub(crate) canary: bool,
    pub(crate) token: Option<String>,
    pub(crate) server: watch::Sender<Result<Server, String>>,
    pub(crate) snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    /// Held while a run is admitted, so that two writers cannot begin at once.
    pub(crate) active: tokio::sync::Mutex<Option<Active>>,
    pub(crate) last: Mutex<Option<Over>>,
    /// The single rows of the run that ended last.
    pub(crate) kept: Mutex<Option<Arc<KeptRows>>>,
    /// Sessions and runs; nothing runs that is not in here.
    pub(crate) tasks: Mutex<JoinSet<()>>,
    /// The exit code of each run that ends.
    pub(crate) ended: mpsc::Sender<ExitCode>,
}

/// The run that goes on.
pub struct Active {
    run: RunId,
    test: String,
    pub(crate) inputs: mpsc::Sender<Input>,
    shards: Shards,
    clock: Clock,
}

/// What a run's thread tells the task that goes along with it.
struct Told {
    closed: oneshot::Receiver<Closed>,
    intervals: mpsc::Receiver<Interval>,
}

/// The run that ended last, for a writer that lost its connection before the verdict.
pub struct Over {
    run: RunId,
    /// One for each writer.
    next_records: Vec<u64>,
    verdict: Verdict,
}

impl Observer {
    /// The last snapshot, of the run that goes on or of the last one.
    #[must_use]
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshots.borrow().clone()
    }

    /// The queue of the run that goes on.
    pub async fn inputs(&self) -> Option<mpsc::Sender<Input>> {
        self.active.lock().await.as_ref().map(|active| active.inputs.clone())
    }

    /// The single rows of the last run, until the next one begins.
    #[must_use]
    pub fn kept_rows(&self) -> Option<Arc<KeptRows>> {
        self.kept.lock().clone()
    }

    /// The token that requests must carry, if any.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Why a run cannot begin, if it cannot.
    #[must_use]
    pub fn not_ready(&self) -> Option<String> {
        self.server.borrow().as_ref().err().cloned()
    }

    /// Runs a writer's session in a task that the observer owns.
    pub fn spawn_session(&self, session: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(session);
    }

    /// Decides about a writer: a new run, one that comes back to its run or for its verdict, or neither.
    ///
    /// # Errors
    /// Why the writer cannot take part; one sentence for its user.
    pub async fn admit(self: &Arc<Self>, hello: Hello) -> Result<Decision, Failure> {
        let mut active = self.active.lock().await;
        if let Some(active) = active.as_mut() {
            if active.run == hello.run {
                return active.admission(&hello).map(Decision::Takes);
            }
            return Err(Failure::run(format!(
                "the observer is busy with run {} of test '{}': wait for its end, or start another observer with another --listen",
                active.run, active.test
            )));
        }
        if let Some(over) = self.last.lock().as_ref().filter(|over| over.run == hello.run) {
            // Its connection broke between the close and the verdict.
            let verdict = Box::new(over.verdict.clone());
            let writer = hello.shard_index;
            let next_record = over.next_records.get(usize::from(writer)).copied().unwrap_or_default();
            return Ok(Decision::Over { writer, next_record, verdict });
        }
        let mut begun = self.begin(&hello).await?;
        let admission = begun.admission(&hello)?;
        *active = Some(begun);
        Ok(Decision::Takes(admission))
    }

    async fn begin(self: &Arc<Self>, hello: &Hello) -> Result<Active, Failure> {
        let mongodb = match &*self.server.borrow() {
            Ok(server) => server.version.clone(),
            Err(reason) => return Err(Failure::run(format!("the observer is not ready: {reason}"))),
        };
        let shards = Shards::new(hello)?;
        let test = Arc::new(read_test(hello)?);
        check_server(&test, &mongodb)?;
        let domain = self.clock.identity().domain(&hello.clock);
        if let Some(bent) = &hello.clock.test_clock {
            tracing::warn!(
                "the writer runs with a TEST CLOCK ({bent}): the figures of this run are of a test"
            );
        }
        let (inputs, received) = mpsc::channel(INPUTS_MAX);
        // Before the stream is opened: what it writes first is not measured.
        let (mut canary, no_canary) = match self.canary(&test, hello.run).await {
            Ok(canary) => (Some(canary), None),
            Err(reason) => (None, Some(reason)),
        };
        let (model, checks) = (test.model.clone(), test.checks.clone());
        let watched = Watched { model, checks, canary: canary.is_some() };
        let (reader, folder) = match self.open(hello, &test.name, watched, inputs.clone()).await {
            Ok(opened) => opened,
            Err(failure) => {
                if let Some(canary) = canary {
                    canary.finish().await;
                }
                return Err(failure);
            }
        };
        let versions = [
            ("streamgauge", env!("CARGO_PKG_VERSION")),
            ("postgres", &hello.postgres_version),
            ("mongodb", &mongodb),
        ];
        let (intervals, logged) = mpsc::channel(INTERVALS_MAX);
        let brief = Brief {
            run: hello.run,
            test: Arc::clone(&test),
            seed: hello.seed,
            writers: shards.count(),
            writers_timeout: self.writers_timeout,
            versions: versions
                .map(|(name, version)| (name.to_owned(), version.to_owned()))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
            clock_domain: domain,
            clock: self.clock,
            decoder: Decoder::new(&test),
            floor: Floor::new(hello.run, no_canary),
            intervals,
        };
        let (closed, over) = oneshot::channel();
        let told = Told { closed: over, intervals: logged };
        let snapshots = self.snapshots.clone();
        let matcher = std::thread::Builder::new().name("matcher".to_owned()).spawn(move || {
            let outcome = thread::run(brief, received, &snapshots);
            // Nobody to hear it: the process is ending.
            drop(closed.send(outcome));
        });
        matcher.map_err(|error| Failure::run(format!("no thread for the matcher: {error}")))?;
        tracing::info!("run {} of test '{}' begins", hello.run, test.name);
        *self.kept.lock() = None;
        let active = Active {
            run: hello.run,
            test: test.name.clone(),
            inputs: inputs.clone(),
            shards,
            clock: self.clock,
        };
        if let Some(canary) = &mut canary {
            canary.start(self.address.clone(), inputs.clone());
        }
        let observer = Arc::clone(self);
        self.spawn_session(async move { observer.carry(&test, inputs, told, reader, canary, folder).await });
        Ok(active)
    }

    /// The change stream, confirmed open, and the folder of a run that is to begin.
    async fn open(
        &self,
        hello: &Hello,
        test: &str,
        watched: Watched,
        inputs: mpsc::Sender<Input>,
    ) -> Result<(Reader, Folder), Failure> {
        let reader = Reader::start(self.address.clone(), watched, self.clock, inputs).await;
        let reader = reader.map_err(|error| match error {
            StartError::Fatal(failure) => failure,
            StartError::NotUp(reason) => {
                Failure::run(format!("the change stream cannot be opened: {reason}"))
            }
        })?;
        let (now, run) = (self.clock.now(), hello.run.to_string());
        let folder = Folder::create(&self.runs, now, test, &run, &hello.test, &hello.model);
        let folder = folder.map_err(|error| {
            Failure::run(format!(
                "the observer cannot keep the run in --runs '{}': {error}; give a folder it may write to",
                self.runs.display()
            ))
        })?;
        Ok((reader, folder))
    }

    /// The canary of a run, ready to start, or why there is none.
    async fn canary(&self, test: &Test, run: RunId) -> Result<Canary, String> {
        if !self.canary {
            return Err("--no-canary".to_owned());
        }
        let canary = Canary::prepare(&self.address, &test.model, run, self.clock).await;
        canary.inspect_err(|reason| tracing::warn!("run {run} has no measurement floor: {reason}"))
    }

    /// Goes along with a run: tells it the time, keeps its folder fresh, and at the end hands out the verdict.
    async fn carry(
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
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let closed = loop {
            tokio::select! {
                closed = &mut told.closed => break closed,
                () = &mut following, if follows => {
                    follows = false;
                    continue;
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
        let (complete, target) = (report.clone(), Arc::clone(folder));
        let written = tokio::task::spawn_blocking(move || target.finish(&complete, &rows)).await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::error!("the run folder could not be written: {written:?}");
            report.run.folder = None;
        }
        let ended = &report.verdict;
        tracing::info!("run {} ended: {:?}, exit code {}", report.run.id, ended.state, ended.exit_code);
        let report_json = serde_json::to_string(&report).unwrap_or_default();
        let verdict = Verdict { report_json, folder: report.run.folder };
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
        snapshot.exit_code
    }
}

impl Told {
    /// The intervals that wait to be written.
    fn waiting(&mut self) -> Vec<Interval> {
        std::iter::from_fn(|| self.intervals.try_recv().ok()).collect()
    }
}

impl Active {
    fn admission(&mut self, hello: &Hello) -> Result<Admission, Failure> {
        let seat = self.shards.seat(hello, &self.clock.identity())?;
        Ok(Admission {
            writer: hello.shard_index,
            inputs: self.inputs.clone(),
            slot: seat.slot,
            peer_clock: seat.peer_clock,
            clock: self.clock,
        })
    }
}

fn read_test(hello: &Hello) -> Result<Test, Failure> {
    let scale = |text: &str| text.parse::<Scale>().map_err(|error| Failure::configuration(error.to_string()));
    let (time_scale, load_scale) = (scale(&hello.time_scale)?, scale(&hello.load_scale)?);
    let model = hello.model.clone();
    let parsed = test_file::parse(&hello.test, time_scale, load_scale, |_| Ok(model));
    parsed.map(|(test, _)| test).map_err(|mistakes| Failure::configuration(mistakes.to_string()))
}

/// A latency that cannot exist with this server is an error before the start.
fn check_server(test: &Test, version: &str) -> Result<(), Failure> {
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
    let asked = test
        .thresholds
        .iter()
        .find(|threshold| threshold.metric == Metric::Latency(Latency::MongoVisibility));
    match asked {
        Some(threshold) if major < 6 => Err(Failure::configuration(format!(
            "threshold '{}' on '{}' can never have data: MongoDB {version} gives events no wallTime, which came with 6.0; remove it or upgrade",
            threshold.expression.text, threshold.key
        ))),
        _ => Ok(()),
    }
}
