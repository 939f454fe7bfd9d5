//! The history of one test as one value: its kept runs in their order, and where their figures changed.

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::report::{Figure, LatencyReport, Run, Stats, ValidityState};
use streamgauge_shared::timeline::Latency;

use super::effect::Smallest;
use super::history::{change_points, median};

/// What a figure is called, and how it is taken from the statistics of a run.
type Percentile = (&'static str, fn(&Stats) -> Figure);

/// The percentiles that are looked at.
const PERCENTILES: [Percentile; 3] =
    [("p50", |stats| stats.p50), ("p95", |stats| stats.p95), ("p99", |stats| stats.p99)];

/// One kept run.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its folder's name.
    pub name: String,
    /// Which run.
    pub run: Run,
    /// Whether it is to be believed.
    pub validity: ValidityState,
    /// The headline; absent where it has none.
    pub headline: Option<LatencyReport>,
}

/// The history of one test.
#[derive(Clone, Debug)]
pub struct History {
    /// The test's name.
    pub test: String,
    /// The latency.
    pub metric: String,
    /// Its runs, oldest first.
    pub runs: Vec<Dated>,
    /// Runs that are not among them, with the reason.
    pub left_out: Vec<String>,
    /// Its percentiles.
    pub figures: Vec<Course>,
}

/// One run of a history.
#[derive(Clone, Debug)]
pub struct Dated {
    /// Its folder's name.
    pub name: String,
    /// UTC.
    pub started_at: String,
}

/// One percentile over the runs.
#[derive(Clone, Debug)]
pub struct Course {
    /// `p95`.
    pub name: &'static str,
    /// In how many runs it is known.
    pub known: usize,
    /// Of all of them, milliseconds.
    pub median: f64,
    /// Where it changed.
    pub changes: Vec<Changed>,
}

/// One change.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The first run with it: its folder's name.
    pub run: String,
    /// The median before, milliseconds.
    pub before: f64,
    /// The median from then on.
    pub after: f64,
    /// Runs since the change before, or the beginning.
    pub runs_before: usize,
    /// Runs until the next change, or the end.
    pub runs_after: usize,
}

/// The history of a test, of the only one where none is named.
///
/// # Errors
/// No run of it is kept, or several tests are and none is named (104).
pub fn history(
    kept: Vec<Kept>,
    test: Option<&str>,
    smallest: Smallest,
    seed: u64,
) -> Result<History, Failure> {
    let mut tests: Vec<&str> = kept.iter().map(|kept| kept.run.test.as_str()).collect();
    tests.sort_unstable();
    tests.dedup();
    let test = match (test, &tests[..]) {
        (Some(test), _) if tests.contains(&test) => test.to_owned(),
        (Some(test), _) => {
            let known = if tests.is_empty() { "none".to_owned() } else { tests.join(", ") };
            return Err(Failure::configuration(format!(
                "no run of --test '{test}' is kept there: there are runs of {known}"
            )));
        }
        (None, [only]) => (*only).to_owned(),
        (None, []) => {
            return Err(Failure::configuration(
                "no run is kept there: give the folder in which 'serve' keeps its runs",
            ));
        }
        (None, many) => {
            let sentence =
                format!("runs of several tests are kept there: name one with --test, of {}", many.join(", "));
            return Err(Failure::configuration(sentence));
        }
    };
    let mut of_it: Vec<Kept> = kept.into_iter().filter(|kept| kept.run.test == test).collect();
    of_it.sort_by(|one, other| one.run.started_at.cmp(&other.run.started_at));
    let scales = |run: &Run| (run.time_scale, run.load_scale);
    let newest = of_it.last().map(|kept| scales(&kept.run));
    let (mut runs, mut left_out) = (Vec::new(), Vec::new());
    for kept in of_it {
        let reason = if kept.validity == ValidityState::Invalid {
            "INVALID"
        } else if !kept.run.complete {
            "did not end"
        } else if Some(scales(&kept.run)) != newest {
            "at other scales than the newest run"
        } else if kept.headline.is_none() {
            "without the headline's figures"
        } else {
            runs.push(kept);
            continue;
        };
        left_out.push(format!("{} ({reason})", kept.name));
    }
    let figures =
        PERCENTILES.into_iter().map(|percentile| course(&runs, percentile, smallest, seed)).collect();
    let dated = |kept: Kept| Dated { name: kept.name, started_at: kept.run.started_at };
    let metric = Latency::CdcE2eLatency.name().to_owned();
    Ok(History { test, metric, runs: runs.into_iter().map(dated).collect(), left_out, figures })
}

fn course(runs: &[Kept], (name, figure): Percentile, smallest: Smallest, seed: u64) -> Course {
    // An open figure is at least its bound: ranked there, it is above what is known to be below.
    let known: Vec<(&Kept, f64)> = runs
        .iter()
        .filter_map(|kept| match figure(&kept.headline.as_ref()?.all) {
            Figure::Absent => None,
            Figure::Value(value) | Figure::AtLeast(value) | Figure::Between(value, _) => Some((kept, value)),
        })
        .collect();
    let values: Vec<f64> = known.iter().map(|(_, value)| *value).collect();
    let points = change_points(&values, smallest, seed);
    let place = |index: usize| points.get(index).map_or(values.len(), |point| point.at);
    let changes = points.iter().enumerate().map(|(index, point)| Changed {
        run: known[point.at].0.name.clone(),
        before: point.before,
        after: point.after,
        runs_before: point.at - index.checked_sub(1).map_or(0, place),
        runs_after: place(index + 1) - point.at,
    });
    Course { name, known: values.len(), median: median(&values), changes: changes.collect() }
}
