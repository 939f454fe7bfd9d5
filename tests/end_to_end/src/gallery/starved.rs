//! What a lack of CPU does to the figures: the measurement behind the bounds of `writer_starved` and
//! `observer_starved`.
//!
//! One program shares a core with busy processes, the servers, the relay and the other program have the other core.
//! What is added to the times that the starved program takes, or to the reported percentiles, is then its error.

use std::fmt;

use anyhow::{Context, Result};
use serde_json::Value;
use streamgauge_shared::report::Figure;
use streamgauge_shared::time::Nanos;
use streamgauge_testbed::{Program, Testbed};

use super::Acks;
use super::live::{Live, Load, Ran};
use crate::{Observer, cores, runs, serve, writer};

/// The load of each grade.
const LOAD: Load = Load { seconds: 8, ..Load::CREATES };
/// Busy processes on the program's core, and the program's niceness: what others on a machine and the small CPU share
/// of a container amount to. The first is none at all.
const GRADES: [(u32, u32); 9] = [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (8, 0), (1, 10), (2, 10), (4, 10)];

/// The program that is starved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its error is in the time from `sent` to `committed`.
    Writer,
    /// Its error is in the time from MongoDB's answer to the relay to `observed`.
    Observer,
}

/// One run beside so many busy processes. Times in milliseconds.
#[derive(Clone, Debug)]
pub struct Starved {
    /// The program.
    pub role: Role,
    /// Busy processes on its core.
    pub hogs: u32,
    /// Its niceness.
    pub niceness: u32,
    /// For how much of the load's time it was ready and without a CPU, all threads together, in percent.
    pub share: f64,
    /// The most of it in one second.
    pub worst_second: f64,
    /// Its own time of the measured rows, as above: median and 95th percentile.
    pub own: [f64; 2],
    /// What the report says of `cdc_e2e_latency`: p50, p95, p99.
    pub reported: [f64; 3],
    /// 99th percentile of `schedule_lag`.
    pub lag: f64,
    /// What the report says of the run, with its reasons.
    pub validity: String,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Writer => "writer",
            Self::Observer => "observer",
        }
    }

    /// From where to where a row's time is its error, in milliseconds.
    fn own(self, row: &Value, acks: &Acks) -> Result<f64> {
        let number = |name: &str| row[name].as_i64().with_context(|| format!("no {name} in {row}"));
        let nanos = match self {
            Self::Writer => number("committed_ns")? - number("sent_ns")?,
            Self::Observer => number("observed_ns")? - acks.of_row(row)?,
        };
        Ok(Nanos(nanos).as_millis_f64())
    }
}

impl Starved {
    /// Every grade once for one program on a core, each with databases of its own, on the cores of this process.
    ///
    /// # Errors
    /// When a run fails.
    pub async fn every_grade(role: Role, core: &str, shown: impl Fn(&Self)) -> Result<Vec<Self>> {
        let mut found = Vec::new();
        for (hogs, niceness) in GRADES {
            let one = Self::run(role, hogs, niceness, core).await?;
            shown(&one);
            found.push(one);
        }
        Ok(found)
    }

    async fn run(role: Role, hogs: u32, niceness: u32, core: &str) -> Result<Self> {
        let bed = Testbed::builder().start().await?;
        let place = |program: Program, of: Role| {
            if of == role { cores::pinned(program, core, niceness) } else { Ok(program) }
        };
        let observer = serve(bed.mongo_uri(), "127.0.0.1:0", &runs(&bed), &["--once"])?;
        let observer = Observer::start_program(&bed, place(observer, Role::Observer)?).await?;
        let path = LOAD.write(&bed, "starved")?.display().to_string();
        let args = ["run", &path, "--observer", &observer.address, "--prepare", "--keep-rows"];
        let _hogs = cores::hogs(&bed, core, hogs).await?;
        let run = bed.run(place(writer(bed.postgres_url(), &args)?, Role::Writer)?).await?;
        let ran = Live { bed, observer, run }.end().await?;
        Self::of(role, hogs, niceness, &ran)
    }

    fn of(role: Role, hogs: u32, niceness: u32, ran: &Ran) -> Result<Self> {
        let acks = Acks::of(&ran.acks)?;
        let mut own = Vec::new();
        for row in ran.rows.iter().filter(|row| row["cdc_e2e_latency_ms"].is_number()) {
            own.push(role.own(row, &acks)?);
        }
        own.sort_unstable_by(f64::total_cmp);
        let at = |share: usize| own.get(own.len() * share / 100).copied().context("no row was measured");
        let e2e = &ran.report.latency["cdc_e2e_latency"].all;
        let reported = [e2e.p50, e2e.p95, e2e.p99].map(millis);
        let process = ran.report.process.get(role.name()).context("no figures of the program")?;
        let waited = process.run_queue_wait_s.context("the kernel has no schedstat")?;
        Ok(Self {
            role,
            hogs,
            niceness,
            share: 100.0 * waited / f64::from(LOAD.seconds),
            worst_second: process.worst_second_wait_ms.unwrap_or_default(),
            own: [at(50)?, at(95)?],
            reported,
            lag: millis(ran.report.latency["schedule_lag"].all.p99),
            validity: ran.validity(),
        })
    }

    /// The line above the others.
    #[must_use]
    pub fn heading() -> &'static str {
        "program   busy nice   wait %  worst s    own p50      p95  reported p50      p95      p99  lag p99  validity"
    }
}

/// As shown; what is not there is no number.
fn millis(figure: Figure) -> f64 {
    match figure {
        Figure::Value(millis) | Figure::AtLeast(millis) | Figure::Between(millis, _) => millis,
        Figure::Absent => f64::NAN,
    }
}

impl fmt::Display for Starved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, hogs, niceness, share, worst_second, own, reported, lag, validity } = self;
        let ([own_50, own_95], [p50, p95, p99]) = (own, reported);
        write!(
            f,
            "{:<9} {hogs:>4} {niceness:>4} {share:>8.2} {worst_second:>8.1} {own_50:>10.3} {own_95:>8.3} {p50:>13.3} {p95:>8.3} {p99:>8.3} {lag:>8.3}  {validity}",
            role.name()
        )
    }
}
