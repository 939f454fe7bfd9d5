//! The comparison as one value, of which text, Markdown, JSON and HTML are renderings.

use streamgauge_shared::account::Operation;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::report::{Figure, Report};
use streamgauge_shared::timeline::Latency;

use super::block_length::as_f64;
use super::bootstrap::RESAMPLES;
use super::conditions::{Condition, Conducted, Grade, clocks_apart, conditions};
use super::effect::{CONFIDENCE, OfSide, Smallest, Told, compare};
use super::rows::{both, rows};
use super::verdict::{Verdict, overall};
use crate::kept::KeptInterval;

/// The percentiles that are compared, by name and share.
pub const PERCENTILES: [(&str, f64); 3] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)];
/// Those of the shift function.
const SHIFTED: [f64; 12] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99];
/// Resamples for each of those: a curve is looked at, and no verdict hangs on it.
const RESAMPLES_OF_SHIFT: usize = 400;

/// One run as it was read.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its folder's name.
    pub name: String,
    /// Its report.
    pub report: Report,
    /// Its interval log.
    pub intervals: Vec<KeptInterval>,
    /// The test as it ran.
    pub test: Option<String>,
    /// What its folder lacks.
    pub lacks: Vec<String>,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Question {
    /// What does not matter.
    pub smallest: Smallest,
    /// Of the random numbers.
    pub seed: u64,
    /// Whether runs are compared that should not be.
    pub force: bool,
    /// Whether the shift function is wanted.
    pub shift: bool,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The test's name.
    pub test: String,
    /// Both sides.
    pub sides: [Vec<RunHead>; 2],
    /// What differs besides, gravest first.
    pub conditions: Vec<Condition>,
    /// The headline first.
    pub groups: Vec<Group>,
    /// Of all figures together.
    pub verdict: Verdict,
    /// The confidence of each single interval: all of them together have 95 %.
    pub level: f64,
    /// What does not matter.
    pub smallest: Smallest,
    /// Of the random numbers.
    pub seed: u64,
    /// Differences by quantile of the headline; empty where they were not asked for.
    pub shift: Vec<Shifted>,
}

/// One run of a side.
#[derive(Clone, Debug, PartialEq)]
pub struct RunHead {
    /// `A`, or `A2`.
    pub label: String,
    /// Its folder's name.
    pub name: String,
    /// UTC.
    pub started_at: String,
    /// Operations.
    pub entries: u64,
    /// Of the measured phase.
    pub duration_s: f64,
}

/// A latency, of one operation or of all.
#[derive(Clone, Debug)]
pub struct Group {
    /// As a threshold names it: `cdc_e2e_latency{operation:create}`.
    pub name: String,
    /// Which latency.
    pub latency: Latency,
    /// Its percentiles.
    pub figures: Vec<Compared>,
    /// Rows in the intervals, on each side.
    pub rows: [u64; 2],
}

/// One percentile of both sides.
#[derive(Clone, Debug)]
pub struct Compared {
    /// `p95`.
    pub name: &'static str,
    /// Of the first side.
    pub first: OfSide,
    /// Of the second.
    pub second: OfSide,
    /// What can be said of it.
    pub told: Told,
}

/// One quantile of the shift function.
#[derive(Clone, Debug)]
pub struct Shifted {
    /// 0 to 1.
    pub share: f64,
    /// Both sides.
    pub sides: [OfSide; 2],
    /// What can be said; its interval has 95 % by itself.
    pub told: Told,
}

/// A latency's headline is the test's own.
#[must_use]
pub fn headline(report: &Report) -> (Latency, Option<Operation>) {
    let _ = report;
    (Latency::CdcE2eLatency, None)
}

/// Compares the runs of two sides.
///
/// # Errors
/// The runs are not to be compared, and it is not forced (104).
pub fn comparison(first: &[Input], second: &[Input], question: Question) -> Result<Comparison, Failure> {
    let labels = [labels("A", first.len()), labels("B", second.len())];
    let inputs: Vec<(&str, &Input)> =
        labels.iter().flatten().map(String::as_str).zip(first.iter().chain(second)).collect();
    let conducted: Vec<Conducted<'_>> = inputs
        .iter()
        .map(|(label, input)| Conducted {
            label,
            report: &input.report,
            test: input.test.as_deref(),
            lacks: &input.lacks,
        })
        .collect();
    let mut conditions = conditions(&conducted);
    conditions.extend(inputs.iter().filter_map(|(label, input)| rows_not_in_the_log(label, input)));
    conditions.extend(twice(&inputs));
    let smallest = beyond_the_clocks(question.smallest, &conducted, &mut conditions);
    refuse(&conditions, question.force)?;
    let sides = [first, second];
    let names = group_names(sides);
    let level = 1.0 - (1.0 - CONFIDENCE) / as_f64(names.len() * PERCENTILES.len());
    let mut groups = Vec::new();
    for (index, (latency, operation)) in names.iter().copied().enumerate() {
        groups.push(group(sides, latency, operation, index, level, smallest, question.seed));
    }
    let shift = if question.shift { shift(sides, names[0], smallest, question.seed) } else { Vec::new() };
    let unbelievable = conditions.iter().any(|condition| condition.grade == Grade::Unbelievable);
    let verdicts: Vec<Verdict> =
        groups.iter().flat_map(|group| &group.figures).map(|figure| figure.told.verdict()).collect();
    let verdict = if unbelievable { Verdict::CannotBeTold } else { overall(&verdicts) };
    let head = |(label, input): (&String, &Input)| RunHead {
        label: label.clone(),
        name: input.name.clone(),
        started_at: input.report.run.started_at.clone(),
        entries: input.report.account.entries,
        duration_s: input.report.run.duration_s,
    };
    let sides =
        [labels[0].iter().zip(first).map(head).collect(), labels[1].iter().zip(second).map(head).collect()];
    let test = first.first().map_or_else(String::new, |input| input.report.run.test.clone());
    Ok(Comparison { test, sides, conditions, groups, verdict, level, smallest, seed: question.seed, shift })
}

impl Comparison {
    /// The largest regression that is sure: of those figures that regressed, by the end of the interval that is nearer
    /// to no change; a share.
    #[must_use]
    pub fn worst(&self) -> Option<f64> {
        let figures = self.groups.iter().flat_map(|group| &group.figures);
        let sure = figures.filter_map(|figure| match (&figure.told, figure.first.figure) {
            (Told::Measured(change, Verdict::Regressed), _) => Some(change.ratio.low - 1.0),
            (Told::ByBounds(by, Verdict::Regressed), Figure::Value(from) | Figure::Between(_, from)) => {
                Some(by / from)
            }
            _ => None,
        });
        sure.max_by(f64::total_cmp)
    }

    /// Whether each side has a single run, so that nothing is known of the noise between runs.
    #[must_use]
    pub fn single_runs(&self) -> bool {
        self.sides.iter().all(|side| side.len() == 1)
    }
}

fn labels(side: &str, runs: usize) -> Vec<String> {
    if runs == 1 { vec![side.to_owned()] } else { (1..=runs).map(|run| format!("{side}{run}")).collect() }
}

fn refuse(conditions: &[Condition], force: bool) -> Result<(), Failure> {
    let reasons: Vec<&str> = conditions
        .iter()
        .filter(|condition| condition.grade > Grade::Warning)
        .map(|condition| condition.sentence.as_str())
        .collect();
    if reasons.is_empty() || force {
        return Ok(());
    }
    Err(Failure::configuration(format!(
        "these runs cannot be compared: {}; compare valid runs of one test, or see the figures with --force",
        reasons.join("; ")
    )))
}

/// Two clocks that are only known to within a bound move every latency between the programs by up to that.
fn beyond_the_clocks(
    smallest: Smallest,
    runs: &[Conducted<'_>],
    conditions: &mut Vec<Condition>,
) -> Smallest {
    let said = match clocks_apart(runs) {
        Some(apart) if apart > smallest.millis => {
            let sentence = format!(
                "the clocks of the two sides are known to within {}: no smaller difference counts",
                streamgauge_shared::report::millis(apart)
            );
            (apart, sentence)
        }
        Some(_) => return smallest,
        None => (
            smallest.millis,
            "nobody knows how far the clocks of one side are apart: a difference may be theirs".to_owned(),
        ),
    };
    conditions.push(Condition { code: "clock_bound", grade: Grade::Warning, sentence: said.1 });
    Smallest { millis: said.0, ..smallest }
}

/// A run that is there twice is compared with itself: nobody means that.
fn twice(inputs: &[(&str, &Input)]) -> Option<Condition> {
    let same = |(index, (_, input)): (usize, &(&str, &Input))| {
        let before = inputs[..index].iter().find(|(_, other)| other.report.run.id == input.report.run.id);
        before.map(|(label, _)| (*label, inputs[index].0))
    };
    let (one, other) = inputs.iter().enumerate().find_map(same)?;
    let sentence = format!("{one} and {other} are the same run");
    Some(Condition { code: "same_run", grade: Grade::Warning, sentence })
}

fn rows_not_in_the_log(label: &str, input: &Input) -> Option<Condition> {
    let latency = Latency::CdcE2eLatency;
    let reported = input.report.latency.get(latency.name()).map_or(0, |latency| latency.all.count);
    let of_it = input.intervals.iter().filter(|interval| interval.latency == latency);
    let logged: u64 = of_it.map(|interval| interval.histogram.count()).sum();
    (reported != logged && !input.intervals.is_empty()).then(|| Condition {
        code: "log",
        grade: Grade::Warning,
        sentence: format!(
            "latency.hlog of {label} holds {logged} rows of the {reported} that its report counts"
        ),
    })
}

/// The headline, and each operation of it that both sides have, where there is more than one.
fn group_names(sides: [&[Input]; 2]) -> Vec<(Latency, Option<Operation>)> {
    let (latency, operation) =
        sides[0].first().map_or((Latency::CdcE2eLatency, None), |input| headline(&input.report));
    let mut names = vec![(latency, operation)];
    let has = |input: &Input, operation: Operation| {
        let mut of_it = input.intervals.iter().filter(|interval| interval.latency == latency);
        of_it.any(|interval| interval.operation == operation)
    };
    let everywhere =
        |operation: &Operation| sides.iter().all(|side| side.iter().any(|input| has(input, *operation)));
    let operations: Vec<Operation> = Operation::ALL.into_iter().filter(everywhere).collect();
    if operations.len() > 1 {
        names.extend(operations.into_iter().map(|operation| (latency, Some(operation))));
        names.dedup();
    }
    names
}

/// The name that a threshold would have.
fn group_name(latency: Latency, operation: Option<Operation>) -> String {
    operation.map_or(latency.name().to_owned(), |operation| {
        format!("{}{{operation:{}}}", latency.name(), operation.name())
    })
}

fn group(
    sides: [&[Input]; 2],
    latency: Latency,
    operation: Option<Operation>,
    index: usize,
    level: f64,
    smallest: Smallest,
    seed: u64,
) -> Group {
    let rows = sides.map(|side| rows(side, latency, operation));
    // The two sides are drawn beside each other.
    let of_sides = both(&rows, |rows, side| {
        let percentile = |(at, (_, share)): (usize, &(&str, f64))| {
            rows.percentile(*share, RESAMPLES, seed, (index * 100 + at * 2 + side) as u64)
        };
        PERCENTILES.iter().enumerate().map(percentile).collect::<Vec<_>>()
    });
    let [first, second] = of_sides;
    let figures =
        PERCENTILES.iter().zip(first.into_iter().zip(second)).map(|((name, _), (first, second))| {
            let told = compare(&first, &second, level, smallest);
            Compared { name, first, second, told }
        });
    let figures = figures.collect();
    Group { name: group_name(latency, operation), latency, figures, rows: rows.map(|rows| rows.side.rows()) }
}

fn shift(
    sides: [&[Input]; 2],
    (latency, operation): (Latency, Option<Operation>),
    smallest: Smallest,
    seed: u64,
) -> Vec<Shifted> {
    let rows = sides.map(|side| rows(side, latency, operation));
    let [first, second] = both(&rows, |rows, side| {
        let percentile = |(at, share): (usize, &f64)| {
            rows.percentile(*share, RESAMPLES_OF_SHIFT, seed, (50_000 + at * 2 + side) as u64)
        };
        SHIFTED.iter().enumerate().map(percentile).collect::<Vec<_>>()
    });
    let quantiles = SHIFTED.into_iter().zip(first.into_iter().zip(second));
    let shifted = quantiles.map(|(share, (first, second))| {
        let told = compare(&first, &second, CONFIDENCE, smallest);
        Shifted { share, sides: [first, second], told }
    });
    shifted.collect()
}
