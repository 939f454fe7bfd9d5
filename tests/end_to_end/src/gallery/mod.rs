//! The fault gallery: each fault injected at a known size, and what the report says of it.
//!
//! Every line starts its own databases, relay, observer and writer, injects one fault, and compares:
//!
//! - `counts`: rows dropped, duplicated, reordered, coalesced, corrupted. Counts must be equal, and be the
//!   very rows that the relay hit.
//! - `times`: delays, stalls and a rate limit. Times must agree within 3 ms or 1 % of what was injected.
//! - `shapes`: documents as the usual sinks leave them. Everything must be delivered once, and match.
//! - `content`: values that cannot be compared. They are neither right nor wrong, and the report says which.
//! - `lost`: rows that never arrive, and what they may not do to windows and percentiles.
//! - `unmeasured`: rows that were read too late to be timed, and how much they could matter.
//! - `outages`: PostgreSQL, or the way to the observer, is away while the load goes on.
//! - `links`: writers that fall silent. Their run closes in a known time, and the next one can begin.
//! - `spoilers`: what spoils the measurement itself. The run must end DEGRADED or INVALID with the reason.
//! - `clean`: ten runs without a fault. None INVALID, and hardly one DEGRADED.

mod acks;
mod clean;
mod content;
mod counts;
mod links;
mod live;
mod lost;
mod outages;
mod shapes;
mod spoilers;
mod starved;
mod times;
mod unmeasured;

use std::fmt;

use anyhow::Result;
use streamgauge_testbed::Shape;

pub use acks::Acks;
pub use starved::{Role, Starved};

/// One line of the gallery.
#[derive(Clone, Debug)]
pub struct Line {
    /// The fault's name.
    pub fault: String,
    /// What was injected, with its size.
    pub injected: String,
    /// What the report says of it.
    pub reported: String,
    /// The difference between the two.
    pub error: String,
    /// Whether that is as it must be.
    pub verdict: Verdict,
}

/// What a line comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Reported as injected.
    Right,
    /// It was not, and how.
    Wrong(String),
    /// Not possible here, and why.
    Skipped(String),
}

/// A fault that can be asked for by its name.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// As `--only` names it.
    pub name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Count(counts::Counted),
    Time(times::Timed),
    Shape(Shape),
    Content(content::Unread),
    Lost(lost::Lost),
    Unmeasured(unmeasured::Unmeasured),
    Outage(outages::Outage),
    Silence(links::Silence),
    Spoiler(spoilers::Spoiler),
    Clean,
}

impl Entry {
    /// Every line, in the order of the gallery.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let counts = counts::ALL.map(|counted| Self { name: counted.name(), kind: Kind::Count(counted) });
        let times = times::ALL.map(|timed| Self { name: timed.name(), kind: Kind::Time(timed) });
        let spoilers =
            spoilers::ALL.map(|spoiler| Self { name: spoiler.name(), kind: Kind::Spoiler(spoiler) });
        let shapes = shapes::ALL.map(|(name, shape)| Self { name, kind: Kind::Shape(shape) });
        let content = content::ALL.map(|unread| Self { name: unread.name(), kind: Kind::Content(unread) });
        let lost = lost::ALL.map(|lost| Self { name: lost.name(), kind: Kind::Lost(lost) });
        let unmeasured = unmeasured::ALL.map(|of| Self { name: of.name(), kind: Kind::Unmeasured(of) });
        let outages = outages::ALL.map(|outage| Self { name: outage.name(), kind: Kind::Outage(outage) });
        let silences = links::ALL.map(|silence| Self { name: silence.name(), kind: Kind::Silence(silence) });
        let clean = Self { name: clean::NAME, kind: Kind::Clean };
        let rows = counts.into_iter().chain(times).chain(shapes).chain(content).chain(lost).chain(unmeasured);
        rows.chain(outages).chain(silences).chain(spoilers).chain([clean]).collect()
    }

    /// Injects the fault; the lines, one for most. A run that cannot be carried through is a wrong line.
    pub async fn lines(self) -> Vec<Line> {
        let lines = match self.kind {
            Kind::Count(counted) => one(Box::pin(counted.line()).await),
            Kind::Time(timed) => one(Box::pin(timed.line()).await),
            Kind::Shape(shape) => one(Box::pin(shapes::line(self.name, shape)).await),
            Kind::Content(unread) => one(Box::pin(unread.line()).await),
            Kind::Lost(lost) => one(Box::pin(lost.line()).await),
            Kind::Unmeasured(unmeasured) => one(Box::pin(unmeasured.line()).await),
            Kind::Outage(outage) => one(Box::pin(outage.line()).await),
            Kind::Silence(silence) => one(Box::pin(silence.line()).await),
            Kind::Spoiler(spoiler) => one(Box::pin(spoiler.line()).await),
            Kind::Clean => Box::pin(clean::lines()).await,
        };
        lines.unwrap_or_else(|error| vec![Line::failed(self.name, &error)])
    }
}

fn one(line: Result<Line>) -> Result<Vec<Line>> {
    line.map(|line| vec![line])
}

impl Verdict {
    /// Wrong in the first of these ways that applies; right when none does.
    fn unless<const N: usize>(wrong: [(bool, String); N]) -> Self {
        let first = wrong.into_iter().find_map(|(applies, how)| applies.then_some(how));
        first.map_or(Self::Right, Self::Wrong)
    }
}

impl Line {
    fn failed(fault: &str, error: &anyhow::Error) -> Self {
        let nothing = || "-".to_owned();
        Self {
            fault: fault.to_owned(),
            injected: nothing(),
            reported: nothing(),
            error: nothing(),
            verdict: Verdict::Wrong(format!("not carried through: {error:#}")),
        }
    }

    /// The heading over the lines.
    #[must_use]
    pub fn heading() -> String {
        columns("fault", "injected", "reported", "error", "verdict")
    }

    /// Whether it speaks against the instrument.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        matches!(self.verdict, Verdict::Wrong(_))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = self.verdict.to_string();
        f.write_str(&columns(&self.fault, &self.injected, &self.reported, &self.error, &verdict))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => f.write_str("right"),
            Self::Wrong(how) => write!(f, "WRONG: {how}"),
            Self::Skipped(why) => write!(f, "skipped: {why}"),
        }
    }
}

fn columns(fault: &str, injected: &str, reported: &str, error: &str, verdict: &str) -> String {
    format!("{fault:<24} {injected:<34} {reported:<52} {error:<22} {verdict}")
}
