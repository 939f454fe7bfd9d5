//! `run`: prepare → ready → setup → warm up and load → teardown → drain → verdict → clean up.

use std::io::stderr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rand::random;
use streamgauge_shared::clock::Clock;
use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::ledger::{End, Hello, Record, Verdict};
use streamgauge_shared::process::Heartbeat;
use streamgauge_shared::report::Report;
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::token::Token;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::prepared::{self, Prepared};
use super::verdict::{self, Closing};
use super::{address, setup, shard, with_causes};
use crate::cli::Run;
use crate::entity::{self, Domain};
use crate::halt::{Halt, How};
use crate::ledger_client::{Endpoint, LEDGER_QUEUE_MAX, Limits, Ready, SessionHandle, queue, read_token};
use crate::load::Load;
use crate::postgres::clean::{self, Left, Selection};
use crate::postgres::{Learned, Pool, Session, Writes};
use crate::rows::Rows;
use crate::schedule::Shard;
use crate::signals::Signals;
use crate::terminal::{self, Heading, Terminal};
use crate::test_source::TestSource;
use crate::user::{Context, ScenarioCount};

/// How often the observer hears how the writer stands, and progress is redrawn.
pub(super) const STATUS_EVERY: Duration = Duration::from_millis(100);
/// How long the verdict, and then the clean-up, may take once the user has interrupted twice.
const HURRY: Duration = Duration::from_secs(2);
/// Random seeds are below 2^53, so that they survive every reader of JSON.
const SEED_BITS: u32 = 53;

/// What is settled before anything is connected.
struct Plan {
    options: Run,
    source: TestSource,
    endpoint: Endpoint,
    token: Option<Token>,
    session: Session,
    run: RunId,
    seed: u64,
    shard: Shard,
}

/// A run under way.
pub(super) struct Running {
    pub(super) context: Arc<Context>,
    pub(super) link: SessionHandle,
    pub(super) ledger: JoinHandle<Result<Verdict, Failure>>,
    /// The session's result, if it ended before everybody else.
    ended: Option<Result<Verdict, Failure>>,
    pub(super) terminal: Terminal,
    pub(super) signals: Signals,
    /// How often the user has interrupted.
    pub(super) interrupts: u32,
    /// Beats with each status.
    pub(super) heartbeat: Heartbeat,
}

/// A run, from the options to the exit code.
pub(super) async fn run(options: Run) -> Result<u8, Failure> {
    let source = TestSource::read(&options.test, options.scales.time_scale, options.scales.load_scale)?;
    let (summary, no_color) = (options.summary, options.no_color);
    let print = |verdict: &Verdict, report: &Report| {
        verdict::print(summary, no_color, verdict, report);
        Ok(report.verdict.exit_code)
    };
    carry_out(options, source, print).await
}

/// A run of a test that has been read; `print` tells the user what became of it, and says what the process ends with.
pub(super) async fn carry_out(
    options: Run,
    source: TestSource,
    print: impl FnOnce(&Verdict, &Report) -> Result<u8, Failure>,
) -> Result<u8, Failure> {
    let mut signals = Signals::listen()?;
    let plan = Plan::new(options, source)?;
    let started = tokio::select! {
        // Before the first row there is nothing to drain: a signal ends it at once.
        biased;
        interrupted = signals.next() => return Err(interrupted),
        started = plan.start() => started?,
    };
    let (context, link, ledger) = started;
    // Until the load begins there is nothing to show.
    let terminal = Terminal::new(&context.test, context.shard, true, true, context.clock.now());
    let heartbeat = Heartbeat::new(Nanos(i64::try_from(STATUS_EVERY.as_nanos()).unwrap_or(i64::MAX)));
    let mut running =
        Running { context, link, ledger, ended: None, terminal, signals, interrupts: 0, heartbeat };

    running.carry(&plan.options).await;
    running.context.pool.close().await;
    let closing = running.close().await;
    running.stand_at_last(&closing);
    let code = verdict::tell(&running, closing, print);
    if !plan.options.keep_rows {
        plan.clean_up(&mut running).await;
    }
    code
}

impl Plan {
    fn new(options: Run, source: TestSource) -> Result<Self, Failure> {
        let address = address(options.postgres.url.as_deref(), options.postgres.file.as_deref())?;
        let endpoint = options.observer.parse()?;
        let token = options.token_file.as_deref().map(read_token).transpose()?;
        let entities = Writes::of(&source.test);
        let session = Session {
            address,
            synchronous_commit: Some(source.test.synchronous_commit),
            entities,
            learned: Learned::default(),
        };
        let shard = shard::of(&options, &source.test)?;
        let run = options.run_id.unwrap_or_else(|| RunId::from_bits(random()));
        // Writers that share a run share the seed as well: without one given, it is a function of the run.
        let any = || match shard {
            Shard::WHOLE => random::<u64>() >> (u64::BITS - SEED_BITS),
            _ => shard::seed_of(run),
        };
        let seed = options.seed.unwrap_or_else(any);
        Ok(Self { options, source, endpoint, token, session, run, seed, shard })
    }

    /// Everything before the first row.
    async fn start(
        &self,
    ) -> Result<(Arc<Context>, SessionHandle, JoinHandle<Result<Verdict, Failure>>), Failure> {
        let clock = Clock::of_program(self.options.clock)?;
        if let Some(skewed) = clock.test_clock() {
            tracing::warn!(
                "this writer runs with a TEST CLOCK ({skewed}): the figures of this run are of a test"
            );
        }
        let prepared = prepared::prepare(&self.session, &self.source.test.model, &self.options).await?;
        let test = self.source.test.clone();
        // Of the run: PostgreSQL has to have room for the sessions of all writers.
        let most = test.peak_users().min(streamgauge_shared::test_file::CONNECTIONS_MAX);
        let most = self.shard.users(most).max(1);
        let pool = Pool::open(self.session.clone(), self.options.connections.unwrap_or(most)).await?;
        let (queue, waiting, lost) = queue(LEDGER_QUEUE_MAX);
        let session = crate::ledger_client::Session {
            endpoint: self.endpoint.clone(),
            token: self.token.clone(),
            hello: self.hello(&clock, prepared),
            clock,
            queue: waiting,
            lost,
            limits: Limits::default(),
        };
        let (mut link, life) = session.start();
        let ledger = tokio::spawn(life);
        let Ok(Ready { writer, first_numbers }) = (&mut link.ready).await else {
            // It ends without having been ready only with a reason.
            return Err(verdict::of_session(ledger.await)
                .err()
                .unwrap_or_else(|| Failure::run("the observer sent a verdict before the run")));
        };
        if !self.options.quiet {
            let heading = Heading {
                script: &self.source.file.name,
                shard: self.shard,
                run: &self.run.to_string(),
                observer: &self.endpoint.to_string(),
            };
            let columns = terminal::display_of(&stderr(), self.options.no_color).columns;
            terminal::note(&terminal::header(&test, heading, columns));
        }
        let context = Context {
            shard: self.shard,
            seeds: entity::Seeds { seed: self.seed, run: self.run, writer },
            numbers: entity::Numbers::new(&test.model, &first_numbers, self.shard),
            clock,
            wall: Mutex::default(),
            pool,
            rows: Rows::of(&test),
            ledger: queue,
            sequence: AtomicU64::new(0),
            write_errors: AtomicU64::new(0),
            first_error: OnceLock::new(),
            rejections: Mutex::default(),
            counts: test.scenarios.iter().map(|_| ScenarioCount::default()).collect(),
            halt: Halt::default(),
            test,
        };
        Ok((Arc::new(context), link, ledger))
    }

    fn hello(&self, clock: &Clock, prepared: Prepared) -> Hello {
        Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: random(),
            run: self.run,
            test: self.source.file.clone(),
            model: self.source.model.clone(),
            time_scale: self.options.scales.time_scale.to_string(),
            load_scale: self.options.scales.load_scale.to_string(),
            seed: self.seed,
            shard_index: self.shard.index(),
            shard_count: self.shard.count(),
            clock: clock.identity(),
            postgres_version: prepared.version,
            postgres_tls: prepared.peer.protocol().to_owned(),
            postgres_pooler: if self.session.learned.is_unnamed() { "transaction" } else { "none" }
                .to_owned(),
            greatest_numbers: prepared.greatest_numbers,
        }
    }

    /// Deletes this run's rows. A failure is told and changes nothing else.
    async fn clean_up(&self, running: &mut Running) {
        if running.context.sequence.load(Ordering::Relaxed) == 0 {
            return;
        }
        let session = Session { entities: [].into(), ..self.session.clone() };
        let selection = Selection::Run { run: self.run, writer: Some(running.context.seeds.writer) };
        let entities = &self.source.test.model.entities;
        let cleaning = clean::clean(&session, entities, selection, &|scan| tracing::info!("{scan}"));
        let hurry = async {
            if running.interrupts < 2 {
                running.signals.next().await;
            }
            sleep(HURRY).await;
        };
        let reason = tokio::select! {
            cleaned = cleaning => match cleaned {
                Ok(cleaned) => {
                    let deleted: u64 = cleaned.iter().map(|table| table.deleted).sum();
                    let left: Vec<String> =
                        cleaned.iter().filter_map(|table| table.left.as_ref()).map(Left::to_string).collect();
                    if left.is_empty() {
                        return tracing::debug!("{deleted} rows of this run deleted");
                    }
                    left.join("; ")
                }
                Err(error) => with_causes(&error),
            },
            () = hurry => "there was no time for it".to_owned(),
        };
        tracing::warn!(
            "rows of this run are left in PostgreSQL: {reason}; delete them with 'streamgauge-writer clean {} --run {}'",
            self.options.test.display(),
            self.run
        );
    }
}

impl Running {
    /// Setup, load and teardown, or as much of them as there is reason for.
    async fn carry(&mut self, options: &Run) {
        let context = Arc::clone(&self.context);
        let mut user = context.rows.user();
        self.attend(setup::carry_out(&context, Domain::Setup, &mut user)).await;
        let Some(at) = self.begin().await else { return };
        match Load::start(Arc::clone(&context), at, self.link.probed.clone()) {
            Ok(load) => {
                let Run { quiet, no_color, .. } = *options;
                self.terminal = Terminal::new(&context.test, context.shard, quiet, no_color, at);
                self.attend(load.carry()).await;
            }
            Err(failure) => context.halt.order(How::Cut, failure),
        }
        // Also after an interrupt, as in k6; not where nothing can be written or told any more.
        let failed = context.halt.cause().is_some_and(|cause| cause.exit_code == ExitCode::RunFailed);
        if self.interrupts < 2 && self.ended.is_none() && !failed {
            self.attend(setup::carry_out(&context, Domain::Teardown, &mut user)).await;
        }
    }

    /// Waits until every writer of the run is prepared, and returns the moment at which all begin; nothing after
    /// an order to end.
    async fn begin(&mut self) -> Option<UnixNanos> {
        let context = Arc::clone(&self.context);
        let (mut orders, mut begin) = (context.halt.subscribe(), self.link.begin.clone());
        context.ledger.record(Record::Prepared);
        self.attend(async {
            // Both fail only with a session that has ended, which is an order as well.
            tokio::select! {
                biased;
                _ = orders.wait_for(Option::is_some) => {}
                _ = begin.wait_for(Option::is_some) => {}
            }
        })
        .await;
        if context.halt.cause().is_some() { None } else { *self.link.begin.borrow() }
    }

    /// Waits for a part of the run, and meanwhile for everybody who may want it to end.
    async fn attend(&mut self, part: impl Future<Output = ()>) {
        let mut part = Box::pin(part);
        loop {
            let halt = &self.context.halt;
            tokio::select! {
                () = &mut part => return,
                result = &mut self.ledger, if self.ended.is_none() => {
                    let result = verdict::of_session(result);
                    let cause = match &result {
                        Ok(_) => Failure::run("the observer closed the account before the load was over"),
                        Err(failure) => failure.clone(),
                    };
                    halt.order(How::Cut, cause);
                    self.ended = Some(result);
                }
                Ok(()) = self.link.abort.changed() => {
                    if let Some(failure) = self.link.abort.borrow_and_update().clone() {
                        tracing::warn!("the load is stopped: {failure}");
                        halt.order(How::Finish, failure);
                    }
                }
                interrupted = self.signals.next() => {
                    self.interrupts += 1;
                    let how = if self.interrupts == 1 { How::Cut } else { How::Drop };
                    if self.interrupts == 1 {
                        tracing::warn!("{interrupted}: the load stops and the run is reported; once more ends it at once");
                    }
                    halt.order(how, interrupted);
                }
                () = sleep(STATUS_EVERY) => {}
            }
            self.stand();
        }
    }

    /// Ends the account with the observer and gets its verdict.
    async fn close(&mut self) -> Closing {
        if let Some(result) = self.ended.take() {
            return Closing::of(result);
        }
        let end = End {
            operations: self.context.sequence.load(Ordering::Relaxed),
            cause: self.context.halt.cause(),
            status: self.context.status(),
        };
        let queue = self.context.ledger.clone();
        // The verdict is the run's: others of its writers may load for longer. However long it takes, it is waited
        // for while the observer answers, which the ledger's session sees to; this writer's rows stay until then.
        let (mut ending, mut is_told) = (Box::pin(async move { queue.end(end).await }), false);
        loop {
            if self.interrupts >= 2 {
                self.context.ledger.stop().await;
                let hurried = timeout(HURRY, &mut self.ledger).await;
                return match hurried {
                    Ok(result) => Closing::of(verdict::of_session(result)),
                    Err(_) => Closing::None,
                };
            }
            tokio::select! {
                result = &mut self.ledger => {
                    return Closing::of(verdict::of_session(result));
                }
                _ = &mut ending, if !is_told => is_told = true,
                _ = self.signals.next() => {
                    self.interrupts += 1;
                    if self.interrupts == 1 {
                        tracing::warn!("the load is over and the run drains; once more ends it at once");
                    }
                }
                () = sleep(STATUS_EVERY) => {}
            }
            self.stand();
        }
    }

    /// Tells the observer and the user how the run stands.
    fn stand(&mut self) {
        let mut status = self.context.status();
        status.process.longest_pause = self.heartbeat.beat(status.queued_at);
        let progress = self.link.progress.borrow().clone();
        let (now, loads) = (status.queued_at, &status.scenarios);
        self.terminal.show(&self.context.test, now, loads, progress.as_ref(), false);
        self.context.ledger.status(status);
    }

    /// The last progress lines: as the report has it, or else as the observer last said.
    fn stand_at_last(&mut self, closing: &Closing) {
        let status = self.context.status();
        let progress = closing.progress().or_else(|| self.link.progress.borrow().clone());
        let (now, loads) = (status.queued_at, &status.scenarios);
        self.terminal.show(&self.context.test, now, loads, progress.as_ref(), true);
    }
}
