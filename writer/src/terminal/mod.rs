//! What a person sees of a run: header and progress on standard error, the summary on standard output.
//!
//! On a terminal the progress lines are redrawn in place; elsewhere one is written every five seconds and one
//! at the end. The summary itself is the shared report's; nothing is computed here.

mod line;

use std::io::{IsTerminal, Write as _, stderr, stdout};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use streamgauge_shared::ledger::{Progress, ScenarioLoad};
use streamgauge_shared::test_file::{Executor, Rate, Scenario, Test};
use streamgauge_shared::time::{Nanos, UnixNanos};

use crate::schedule::Shard;
pub use line::{Elapsed, Mark, describe, progress_line};

/// How often a line is written where lines cannot be redrawn.
const PLAIN_EVERY: Nanos = Nanos::from_secs(5);

/// Shows a run's progress.
pub struct Terminal {
    form: Form,
    /// When the warm-up begins.
    start: UnixNanos,
    shard: Shard,
}

enum Form {
    Quiet,
    Redrawn { _all: MultiProgress, bars: Vec<ProgressBar> },
    Plain { next: UnixNanos },
}

/// Whether colours go to standard output.
#[must_use]
pub fn wants_color(no_color: bool) -> bool {
    let forbidden = no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !forbidden && stdout().is_terminal()
}

/// Writes to standard output. A reader that has gone away is no reason to fail.
pub fn print(text: &str) {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).unwrap_or_default();
}

/// Writes a line to standard error, as [`print()`].
pub fn note(line: &str) {
    writeln!(stderr().lock(), "{line}").unwrap_or_default();
}

/// Writes what is about to run, in k6's shape.
pub fn header(test: &Test, shard: Shard, run: &str, observer: &str) {
    let execution = match shard.count() {
        1 => "local".to_owned(),
        count => format!("writer {} of 0 to {}: its part of what follows", shard.index(), count - 1),
    };
    let mut text = format!(
        "\n     execution: {execution}\n        script: {}.toml\n           run: {run}\n       metrics: {observer}/metrics\n\n",
        test.name
    );
    let count = test.scenarios.len();
    let plural = if count == 1 { "" } else { "s" };
    let longest = streamgauge_shared::test_file::Plan::of(test).longest;
    text.push_str(&format!(
        "     scenarios: {count} scenario{plural}, {} max VUs, {longest} max duration (incl. graceful stop and drain):\n",
        test.peak_users()
    ));
    for scenario in &test.scenarios {
        text.push_str(&format!("              * {}: {}\n", scenario.name, describe(scenario)));
    }
    if test.warm_up > Nanos::ZERO {
        text.push_str(&format!("                after {} of warm-up\n", test.warm_up));
    }
    note(&text);
}

impl Terminal {
    /// Progress from `start`, the first tick of the warm-up.
    #[must_use]
    pub fn new(test: &Test, shard: Shard, quiet: bool, start: UnixNanos) -> Self {
        let form = if quiet {
            Form::Quiet
        } else if stderr().is_terminal() {
            let all = MultiProgress::new();
            let style =
                ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            let bars = test.scenarios.iter().map(|_| all.add(ProgressBar::new(0).with_style(style.clone())));
            let bars = bars.collect();
            Form::Redrawn { _all: all, bars }
        } else {
            Form::Plain { next: start }
        };
        Self { form, start, shard }
    }

    /// Shows how the run stands; `last` is the final time.
    pub fn show(
        &mut self,
        test: &Test,
        now: UnixNanos,
        loads: &[ScenarioLoad],
        progress: Option<&Progress>,
        last: bool,
    ) {
        let lines = || {
            let line = |(scenario, load): (&Scenario, &ScenarioLoad)| {
                let since_start = now - self.start;
                let (warm_up, shard) = (test.warm_up, self.shard);
                let moment = Elapsed { since_start, warm_up, over: last, shard };
                progress_line(scenario, load, progress, moment)
            };
            test.scenarios.iter().zip(loads).map(line)
        };
        match &mut self.form {
            Form::Quiet => {}
            Form::Redrawn { bars, .. } => {
                for (bar, line) in bars.iter().zip(lines()) {
                    if last { bar.finish_with_message(line) } else { bar.set_message(line) }
                }
            }
            Form::Plain { next } => {
                if now >= *next || last {
                    *next = now + PLAIN_EVERY;
                    lines().for_each(|line| note(&line));
                }
            }
        }
    }
}

/// The planned iterations a second of a scenario at a moment of its load.
fn rate_at(scenario: &Scenario, elapsed: Nanos) -> Option<f64> {
    let Executor::RampingArrivalRate(load) = &scenario.executor else {
        return scenario.executor.peak_rate_per_s();
    };
    let (mut begins, mut from) = (Nanos::ZERO, load.start);
    for stage in &load.stages {
        let inside = elapsed - begins;
        if inside < stage.duration {
            let part = inside.as_secs_f64() / stage.duration.as_secs_f64();
            let [from, to] =
                [from, stage.target].map(|iterations| Rate { iterations, per: load.per }.per_second());
            return Some(from + (to - from) * part);
        }
        (begins, from) = (begins + stage.duration, stage.target);
    }
    Some(Rate { iterations: from, per: load.per }.per_second())
}
