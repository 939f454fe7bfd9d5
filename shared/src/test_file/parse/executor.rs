//! Reads a scenario's executor: k6's options with k6's defaults, scaled.

use super::Reader;
use crate::test_file::reader::{Table, Value};
use crate::test_file::{
    Arrivals, CapacitySearch, ConstantArrivalRate, ConstantVus, Executor, Iterations, RampingArrivalRate,
    RampingVus, Rate, Stage,
};
use crate::time::Nanos;

/// k6's minimum length of a scenario.
const DURATION_MIN: Nanos = Nanos::from_secs(1);
/// k6's default length, at most, of a number of iterations.
const MAX_DURATION: Nanos = Nanos::from_secs(600);
/// k6's default graceful stop and ramp-down.
pub(super) const GRACEFUL: Nanos = Nanos::from_secs(30);
/// Users at most: each costs a task and a place in a queue.
const USERS_MAX: u64 = 100_000;
/// Iterations per time unit at most: the pacer's thread reaches about 100,000 a second.
const RATE_MAX: u64 = 1_000_000;
/// Iterations at most of an executor that counts them.
const ITERATIONS_MAX: u64 = 1_000_000_000_000;
/// A stage without a name of its own has its number.
const STAGES_MAX: usize = 1_000;

#[derive(Clone, Copy)]
enum Kind {
    SharedIterations,
    PerVuIterations,
    ConstantVus,
    RampingVus,
    ConstantArrivalRate,
    RampingArrivalRate,
    CapacitySearch,
}

const KINDS: [(&str, Kind); 7] = [
    ("shared-iterations", Kind::SharedIterations),
    ("per-vu-iterations", Kind::PerVuIterations),
    ("constant-vus", Kind::ConstantVus),
    ("ramping-vus", Kind::RampingVus),
    ("constant-arrival-rate", Kind::ConstantArrivalRate),
    ("ramping-arrival-rate", Kind::RampingArrivalRate),
    ("capacity-search", Kind::CapacitySearch),
];

impl Reader<'_, '_> {
    /// The executor, if all of it can be read; nothing at all where even its name cannot, so that nobody can say
    /// which options it has.
    pub(super) fn executor(&self, table: &Table<'_, '_>) -> Option<Option<Executor>> {
        let kind = table.require("executor", "\"constant-arrival-rate\"");
        Some(
            match kind.and_then(|value| value.word("executor", &KINDS))? {
                Kind::SharedIterations => self.iterations(table, true).map(Executor::SharedIterations),
                Kind::PerVuIterations => self.iterations(table, false).map(Executor::PerVuIterations),
                Kind::ConstantVus => self.constant_vus(table),
                Kind::RampingVus => self.ramping_vus(table),
                Kind::ConstantArrivalRate => self.constant_arrival_rate(table),
                Kind::RampingArrivalRate => self.ramping_arrival_rate(table),
                Kind::CapacitySearch => self.capacity_search(table),
            }
            .filter(|executor| self.is_within_reach(table, executor)),
        )
    }

    /// Whether the scaled users are as few as unscaled ones must be.
    fn is_within_reach(&self, table: &Table<'_, '_>, executor: &Executor) -> bool {
        let users = executor.peak_users();
        let fits = u64::from(users) <= USERS_MAX;
        if !fits {
            table.mistake(format!(
                "--load-scale {} makes {users} users: at most {USERS_MAX}",
                self.load_scale
            ));
        }
        fits
    }

    fn users(&self, count: u64) -> u32 {
        self.load_scale.users(u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn iterations(&self, table: &Table<'_, '_>, shared: bool) -> Option<Iterations> {
        let vus = table.get("vus").map_or(Some(1), |value| value.whole(1..=USERS_MAX));
        let value = table.get("iterations");
        let iterations = value.as_ref().map_or(Some(1), |value| value.whole(1..=ITERATIONS_MAX));
        let longest =
            table.get("max_duration").map_or(Some(MAX_DURATION), |value| value.duration(DURATION_MIN));
        let (vus, iterations) = (vus?, iterations?);
        if shared && iterations < vus {
            let message = format!(
                "'iterations' ({iterations}) is below 'vus' ({vus}): with shared iterations each user needs one at least"
            );
            match &value {
                Some(value) => value.mistake(message),
                None => table.mistake(message),
            }
        }
        let scaled = self.users(vus);
        let most = u32::try_from(iterations).unwrap_or(u32::MAX);
        let vus = if shared { scaled.min(most) } else { scaled };
        Some(Iterations { vus, iterations, max_duration: self.time_scale.span(longest?) })
    }

    fn constant_vus(&self, table: &Table<'_, '_>) -> Option<Executor> {
        let vus = table.get("vus").map_or(Some(1), |value| value.whole(1..=USERS_MAX));
        let duration = table.require("duration", "\"5m\"").and_then(|value| value.duration(DURATION_MIN));
        let duration = self.time_scale.span(duration?);
        Some(Executor::ConstantVus(ConstantVus { vus: self.users(vus?), duration }))
    }

    fn ramping_vus(&self, table: &Table<'_, '_>) -> Option<Executor> {
        let start_vus = table.get("start_vus").map_or(Some(1), |value| value.whole(0..=USERS_MAX));
        let stages = self.stages(table, USERS_MAX, start_vus, |target| self.users(target));
        let graceful = table.get("graceful_ramp_down");
        let graceful = graceful.map_or(Some(GRACEFUL), |value| value.duration(Nanos::ZERO));
        let start_vus = self.users(start_vus?);
        Some(Executor::RampingVus(RampingVus { start_vus, stages: stages?, graceful_ramp_down: graceful? }))
    }

    fn constant_arrival_rate(&self, table: &Table<'_, '_>) -> Option<Executor> {
        let iterations = table.require("rate", "10").and_then(|value| value.whole(1..=RATE_MAX));
        let per = self.per(table);
        let duration = table.require("duration", "\"5m\"").and_then(|value| value.duration(DURATION_MIN));
        let vus = self.allocated(table);
        let arrivals = arrivals(table);
        let rate = Rate { iterations: iterations?.checked_mul(self.load_scale.numerator())?, per: per? };
        let (pre_allocated_vus, max_vus) = vus?;
        Some(Executor::ConstantArrivalRate(ConstantArrivalRate {
            rate,
            duration: self.time_scale.span(duration?),
            pre_allocated_vus,
            max_vus,
            arrivals: arrivals?,
        }))
    }

    fn ramping_arrival_rate(&self, table: &Table<'_, '_>) -> Option<Executor> {
        let start = table.get("start_rate").map_or(Some(0), |value| value.whole(0..=RATE_MAX));
        let per = self.per(table);
        let scale = self.load_scale.numerator();
        let stages = self.stages(table, RATE_MAX, start, |target| target.saturating_mul(scale));
        let vus = self.allocated(table);
        let arrivals = arrivals(table);
        let (pre_allocated_vus, max_vus) = vus?;
        Some(Executor::RampingArrivalRate(RampingArrivalRate {
            per: per?,
            start: start?.checked_mul(scale)?,
            stages: stages?,
            pre_allocated_vus,
            max_vus,
            arrivals: arrivals?,
        }))
    }

    fn capacity_search(&self, table: &Table<'_, '_>) -> Option<Executor> {
        let start = table.require("start_rate", "10").and_then(|value| value.whole(1..=RATE_MAX));
        let max = table.require("max_rate", "1000");
        let max_rate = max.as_ref().and_then(|value| value.whole(1..=RATE_MAX));
        let per = self.per(table);
        let resolution = table.get("resolution").map_or(Some(0.05), |value| share(&value));
        let span = |key, default| {
            table.get(key).map_or(Some(Nanos::from_secs(default)), |value| value.duration(DURATION_MIN))
        };
        let (settle, probe) = (span("settle", 5), span("probe", 20));
        let vus = self.allocated(table);
        if let (Some(max), Some(start), Some(max_rate)) = (&max, start, max_rate)
            && max_rate < start
        {
            max.mistake(format!("'max_rate' ({max_rate}) is below 'start_rate' ({start}): raise it"));
        }
        let (per, scale) = (per?, self.load_scale.numerator());
        let rate = |iterations: u64| Some(Rate { iterations: iterations.checked_mul(scale)?, per });
        let (pre_allocated_vus, max_vus) = vus?;
        Some(Executor::CapacitySearch(CapacitySearch {
            start: rate(start?)?,
            max: rate(max_rate?)?,
            resolution: resolution?,
            settle: self.time_scale.span(settle?),
            probe: self.time_scale.span(probe?),
            pre_allocated_vus,
            max_vus,
        }))
    }

    /// The time unit, with the load scale's denominator in it, so that rates stay whole numbers.
    fn per(&self, table: &Table<'_, '_>) -> Option<Nanos> {
        let unit = table
            .get("time_unit")
            .map_or(Some(Nanos::from_secs(1)), |value| value.duration(Nanos::from_millis(1)));
        let denominator = i64::try_from(self.load_scale.denominator()).ok()?;
        let scaled = unit?.0.checked_mul(denominator);
        if scaled.is_none() {
            table.mistake("'time_unit' is too long to be scaled: at most 1h");
        }
        scaled.map(Nanos)
    }

    /// Users made before the start, and at most.
    fn allocated(&self, table: &Table<'_, '_>) -> Option<(u32, u32)> {
        let pre_allocated =
            table.require("pre_allocated_vus", "20").and_then(|value| value.whole(1..=USERS_MAX));
        let max_value = table.get("max_vus");
        let max = max_value.as_ref().map_or(pre_allocated, |value| value.whole(1..=USERS_MAX));
        if let (Some(value), Some(pre_allocated), Some(max)) = (&max_value, pre_allocated, max)
            && max < pre_allocated
        {
            value.mistake(format!(
                "'max_vus' ({max}) is below 'pre_allocated_vus' ({pre_allocated}): raise it or leave it out"
            ));
        }
        Some((self.users(pre_allocated?), self.users(max?)))
    }

    fn stages<T>(
        &self,
        table: &Table<'_, '_>,
        most: u64,
        start: Option<u64>,
        scaled: impl Fn(u64) -> T,
    ) -> Option<Vec<Stage<T>>> {
        let value = table.require("stages", "[ { duration = \"1m\", target = 50 } ]")?;
        let items = value.array()?;
        if items.is_empty() || items.len() > STAGES_MAX {
            value.mistake(format!("'stages' has {} entries: from 1 to {STAGES_MAX}", items.len()));
            return None;
        }
        let stages: Vec<Option<Stage<T>>> = (1..)
            .zip(&items)
            .map(|(number, item): (usize, &Value<'_, '_>)| {
                let stage = item.table()?;
                let duration =
                    stage.require("duration", "\"1m\"").and_then(|value| value.duration(Nanos::ZERO));
                let target = stage.require("target", "50").and_then(|value| value.whole(0..=most));
                let name = stage
                    .get("name")
                    .map_or(Some(number.to_string()), |value| value.text().map(str::to_owned));
                stage.finish();
                let duration = self.time_scale.span(duration?);
                Some(Stage { name: self.stage(&name?), duration, target: scaled(target?) })
            })
            .collect();
        let stages: Vec<Stage<T>> = stages.into_iter().collect::<Option<_>>()?;
        if start == Some(0) && items.iter().all(is_zero) {
            value.mistake("every target and the start are 0: nothing would ever start");
            return None;
        }
        if stages.iter().all(|stage| stage.duration == Nanos::ZERO) {
            value.mistake("every stage has the length 0: give one of them a duration");
            return None;
        }
        Some(stages)
    }
}

/// Whether a stage goes to nothing.
fn is_zero(stage: &Value<'_, '_>) -> bool {
    let target = stage.table().and_then(|stage| stage.get("target"));
    target.and_then(|target| target.whole(0..=u64::MAX)) == Some(0)
}

fn arrivals(table: &Table<'_, '_>) -> Option<Arrivals> {
    const SPACINGS: [(&str, Arrivals); 2] = [("even", Arrivals::Even), ("poisson", Arrivals::Poisson)];
    table.get("arrivals").map_or(Some(Arrivals::Even), |value| value.word("spacing of arrivals", &SPACINGS))
}

/// A share between 0 and 1, as `"5%"` or `0.05`.
fn share(value: &Value<'_, '_>) -> Option<f64> {
    if !value.is_text() {
        return value.float(0.001..=0.5);
    }
    let text = value.text()?;
    let percent = text.strip_suffix('%').and_then(|text| text.trim().parse::<f64>().ok());
    let share = percent.map(|percent| percent / 100.0).filter(|share| (0.001..=0.5).contains(share));
    if share.is_none() {
        value.mistake(format!("'{text}' is not a share from 0.1% to 50%: write for example \"5%\""));
    }
    share
}
