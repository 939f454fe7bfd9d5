//! The desk: who may take part in a run, and how one begins.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use streamgauge_shared::clock::Clock;
use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::ledger::{Hello, Verdict};
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::test_file::{self, Plan, Scale, Test};
use streamgauge_shared::threshold::Metric;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::Input;
use super::carry::Told;
use super::core::Brief;
use super::thread::{self, INPUTS_MAX, INTERVALS_MAX, Outlets};
use crate::canary::{Canary, Floor};
use crate::intake::{Admission, Decision, Patience, Shards};
use crate::matcher::Bounds;
use crate::measure::{KeptRows, Snapshot};
use crate::report::Folder;
use crate::stream::{Decoder, MongoAddress, Reader, Server, StartError, Watched, first_numbers};

/// What the port's handlers share.
pub struct Observer {
    pub(crate) clock: Clock,
    pub(crate) address: MongoAddress,
    pub(crate) runs: std::path::PathBuf,
    /// How long a run waits for all of its writers.
    pub(crate) writers_timeout: Nanos,
    /// Whether runs have a canary.
    pub(crate) canary: bool,
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
    pub(super) run: RunId,
    test: String,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(super) shards: Shards,
    clock: Clock,
    /// For each of the model's entities the number that its sequence starts with, for all writers.
    first_numbers: Vec<i64>,
}

/// The run that ended last, for a writer that lost its connection before the verdict.
pub struct Over {
    pub(super) run: RunId,
    /// One for each writer.
    pub(super) next_records: Vec<u64>,
    pub(super) verdict: Verdict,
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

    /// Each snapshot as it comes; who looks late sees the last one only.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<Arc<Snapshot>>> {
        self.snapshots.subscribe()
    }

    /// Publishes a snapshot as a run does.
    #[cfg(test)]
    pub(crate) fn publish(&self, snapshot: Snapshot) {
        drop(self.snapshots.send_replace(Some(Arc::new(snapshot))));
    }

    /// The folder that keeps the runs.
    #[must_use]
    pub fn runs(&self) -> &std::path::Path {
        &self.runs
    }

    /// The time on the observer's clock.
    #[must_use]
    pub fn now(&self) -> UnixNanos {
        self.clock.now()
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
    pub async fn admit(self: &Arc<Self>, hello: Hello) -> Result<Decision<Input>, Failure> {
        let mut active = self.active.lock().await;
        if let Some(active) = active.as_mut() {
            return active.decide(&hello);
        }
        if let Some(decision) = self.last.lock().as_ref().and_then(|over| over.decide(&hello)) {
            return Ok(decision);
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
        if let Some(skewed) = &hello.clock.test_clock {
            tracing::warn!(
                "the writer runs with a TEST CLOCK ({skewed}): the figures of this run are of a test"
            );
        }
        // Before the stream is opened: of a document that is gone by now no event can come any more.
        let first_numbers = first_numbers(&self.address, &test.model, &hello.greatest_numbers).await?;
        let short = Plan::of(&test).numbers_short(&test, |entity| first_numbers[entity]);
        if !short.is_empty() {
            return Err(Failure::configuration(short.join("\n")));
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
            ("postgres_tls", &hello.postgres_tls),
            ("postgres_pooler", &hello.postgres_pooler),
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
            test_clock: self.clock.test_clock().map(|test_clock| test_clock.to_string()),
            decoder: Decoder::new(&test),
            floor: Floor::new(hello.run, no_canary),
            bounds: Bounds::default(),
        };
        let (closed, over) = oneshot::channel();
        let (searches, asked) = mpsc::channel(1);
        let told = Told { closed: over, intervals: logged, searches: asked };
        let snapshots = self.snapshots.clone();
        let (clock, outlets) = (self.clock, Outlets { snapshots, intervals, searches });
        let matcher = std::thread::Builder::new().name("matcher".to_owned()).spawn(move || {
            let outcome = thread::run(brief, clock, received, outlets);
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
            first_numbers,
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
}

impl Over {
    /// The verdict for a writer whose connection broke between the close and the verdict; nothing for another run's.
    fn decide(&self, hello: &Hello) -> Option<Decision<Input>> {
        let writer = hello.shard_index;
        (self.run == hello.run).then(|| Decision::Over {
            writer,
            next_record: self.next_records.get(usize::from(writer)).copied().unwrap_or_default(),
            verdict: Box::new(self.verdict.clone()),
        })
    }
}

impl Active {
    /// A writer of the run that goes on takes its seat; everybody else is refused.
    fn decide(&mut self, hello: &Hello) -> Result<Decision<Input>, Failure> {
        if self.run == hello.run {
            return self.admission(hello).map(Decision::Takes);
        }
        Err(Failure::run(format!(
            "the observer is busy with run {} of test '{}': wait for its end, or start another observer with another --listen",
            self.run, self.test
        )))
    }

    fn admission(&mut self, hello: &Hello) -> Result<Admission<Input>, Failure> {
        let seat = self.shards.seat(hello, &self.clock.identity())?;
        Ok(Admission {
            writer: hello.shard_index,
            inputs: self.inputs.clone(),
            slot: seat.slot,
            peer_clock: seat.peer_clock,
            clock: self.clock,
            patience: Patience::default(),
            first_numbers: self.first_numbers.clone(),
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

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
