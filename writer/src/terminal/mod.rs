//! What a person sees of a run: header and progress on standard error, the summary on standard output.
//!
//! On a terminal the progress lines are redrawn in place and cut to its width; elsewhere they are written every five seconds
//! and once at the end. The summary itself is the shared report's; nothing is computed here.

mod fit;
mod header;
mod limit;
mod line;
mod rate;

use std::io::{IsTerminal, Write as _, stderr, stdout};
use std::os::fd::AsFd;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use streamgauge_shared::display::{Display, Output};
use streamgauge_shared::ledger::{Progress, ScenarioLoad};
use streamgauge_shared::test_file::{Plan, Test};
use streamgauge_shared::time::{Nanos, UnixNanos};

use crate::schedule::Shard;
pub use header::{Heading, describe, header};
pub use limit::Limit;
pub use line::{Elapsed, Mark, Standing, progress_line, run_line};
use rate::{RateMeter, of_load};

/// How often lines are written where they cannot be redrawn.
const PLAIN_EVERY: Nanos = Nanos::from_secs(5);

/// Shows a run's progress.
pub struct Terminal {
    form: Form,
    no_color: bool,
    /// When the warm-up begins.
    start: UnixNanos,
    /// How long the load is after it.
    load: Nanos,
    shard: Shard,
    /// One for each scenario.
    rates: Vec<RateMeter>,
    limits: Vec<Option<Limit>>,
}

enum Form {
    Quiet,
    /// The run's line, and one for each scenario.
    Redrawn {
        _all: MultiProgress,
        bars: Vec<ProgressBar>,
    },
    Plain {
        next: UnixNanos,
    },
}

/// How standard output is written to.
#[must_use]
pub fn display(no_color: bool) -> Display {
    display_of(&stdout(), no_color)
}

/// How an output is written to, as it and the environment say now: a terminal may change its width.
#[must_use]
pub fn display_of(output: &(impl IsTerminal + AsFd), no_color: bool) -> Display {
    let columns = terminal_size::terminal_size_of(output).map(|(width, _)| width.0);
    Display::of(Output { is_terminal: output.is_terminal(), columns, no_color }, |name| {
        std::env::var_os(name)
    })
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

impl Terminal {
    /// Progress from `start`, the first tick of the warm-up.
    #[must_use]
    pub fn new(test: &Test, shard: Shard, quiet: bool, no_color: bool, start: UnixNanos) -> Self {
        let form = if quiet {
            Form::Quiet
        } else if stderr().is_terminal() {
            let all = MultiProgress::new();
            let style =
                ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            let count = 1 + test.scenarios.len();
            let bars = (0..count).map(|_| all.add(ProgressBar::new(0).with_style(style.clone())));
            let bars = bars.collect();
            Form::Redrawn { _all: all, bars }
        } else {
            Form::Plain { next: start }
        };
        let rates = test.scenarios.iter().map(|_| RateMeter::default()).collect();
        let limits = (0..).zip(&test.scenarios).map(|(index, _)| Limit::of(test, index)).collect();
        Self { form, no_color, start, load: Plan::of(test).load - test.warm_up, shard, rates, limits }
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
        if matches!(self.form, Form::Quiet) {
            return;
        }
        for (rate, load) in self.rates.iter_mut().zip(loads) {
            rate.see(now, load);
        }
        let moment =
            Elapsed { since_start: now - self.start, warm_up: test.warm_up, over: last, shard: self.shard };
        let lines = |display: Display| {
            let parts = test.scenarios.iter().zip(loads).zip(self.rates.iter().zip(&self.limits));
            let scenarios = parts.enumerate().map(move |(index, ((scenario, load), (rate, limit)))| {
                let rate = of_load(load).or_else(|| rate.now());
                let progress = progress.and_then(|progress| progress.scenarios.get(index)).copied();
                let standing = Standing { test, scenario, load, rate, progress, limit: *limit, moment };
                progress_line(&standing, display)
            });
            std::iter::once(run_line(loads, progress, moment, self.load, display)).chain(scenarios)
        };
        match &mut self.form {
            Form::Quiet => {}
            Form::Redrawn { bars, .. } => {
                let display = display_of(&stderr(), self.no_color);
                for (bar, line) in bars.iter().zip(lines(display)) {
                    if last { bar.finish_with_message(line) } else { bar.set_message(line) }
                }
            }
            Form::Plain { next } => {
                if now >= *next || last {
                    *next = now + PLAIN_EVERY;
                    lines(Display::FILE).for_each(|line| note(&line));
                }
            }
        }
    }
}
