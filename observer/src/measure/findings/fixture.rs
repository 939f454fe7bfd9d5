//! Series for the tests: a pipeline with a service rate, a delay and stalls, simulated row by row.

#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small whole numbers above 0")]

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use streamgauge_shared::report::Second;
use streamgauge_shared::test_file::RampStage;

use super::{Course, nanos};

/// Stages from a start load and (length, target) pairs, as a test file writes them.
pub(super) fn stages(start: f64, targets: &[(f64, f64)]) -> Vec<RampStage> {
    let (mut at_s, mut load) = (0.0, start);
    let mut stages = Vec::new();
    for (number, (length_s, target)) in (1..).zip(targets) {
        stages.push(RampStage {
            name: number,
            from: nanos(at_s),
            to: nanos(at_s + length_s),
            load_from: load,
            load_to: *target,
        });
        (at_s, load) = (at_s + length_s, *target);
    }
    stages
}

pub(super) fn stress_stages() -> Vec<RampStage> {
    stages(
        0.0,
        &[
            (120.0, 50.0),
            (120.0, 50.0),
            (120.0, 100.0),
            (120.0, 100.0),
            (120.0, 150.0),
            (180.0, 150.0),
            (120.0, 0.0),
        ],
    )
}

pub(super) fn spike_stages() -> Vec<RampStage> {
    stages(10.0, &[(60.0, 10.0), (0.0, 500.0), (120.0, 500.0), (0.0, 10.0), (120.0, 10.0)])
}

/// By number, as [`stages`] numbers them.
static STAGE_NAMES: std::sync::LazyLock<Vec<String>> =
    std::sync::LazyLock::new(|| (0..20).map(|number: u32| number.to_string()).collect());

pub(super) fn course<'a>(points: &'a [Second], stages: &'a [RampStage]) -> Course<'a> {
    Course { points, stages, stage_names: &STAGE_NAMES, crossings: &[], load_end_s: None, closed: false }
}

/// A pipeline, and the load on it.
pub(super) struct Pipeline {
    /// Delay of each row, seconds.
    pub(super) delay_s: f64,
    /// By how much the delay grows, seconds per second.
    pub(super) growth: f64,
    /// Rows per second at most.
    pub(super) limit_per_s: f64,
    /// Start and end of times in which it delivers nothing.
    pub(super) stalls: Vec<(f64, f64)>,
    /// Spread of the delay: each row's is multiplied with 1 ± this.
    pub(super) jitter: f64,
    pub(super) seed: u64,
}

impl Default for Pipeline {
    fn default() -> Self {
        Self {
            delay_s: 0.03,
            growth: 0.0,
            limit_per_s: f64::INFINITY,
            stalls: Vec::new(),
            jitter: 0.2,
            seed: 1,
        }
    }
}

impl Pipeline {
    /// When a row sent at a time arrives, if the one before it arrived at `before_s`.
    fn arrival_s(&self, random: &mut StdRng, sent_s: f64, before_s: f64) -> f64 {
        let spread = 1.0 + self.jitter * random.random_range(-1.0..1.0);
        let delay_s = (self.delay_s + self.growth * sent_s) * spread;
        let mut at_s = (sent_s + delay_s).max(before_s + 1.0 / self.limit_per_s);
        for (from_s, to_s) in &self.stalls {
            if (*from_s..*to_s).contains(&at_s) {
                at_s = *to_s + 0.001;
            }
        }
        at_s
    }

    /// Users that each send a row, await it, pause and begin anew: the closed loop of the scenarios.
    pub(super) fn users(&self, stages: &[RampStage], pause_s: f64, drain_s: f64) -> Vec<Second> {
        let mut random = StdRng::seed_from_u64(self.seed);
        let load = |at_s: f64| {
            let at = nanos(at_s);
            RampStage::at(stages, at).map_or(0.0, |stage| stage.load_at(at))
        };
        let end_s = stages.last().unwrap().to.as_secs_f64();
        let peak = stages.iter().map(|stage| stage.load_from.max(stage.load_to)).fold(0.0, f64::max);
        let mut ready: Vec<f64> = vec![0.0; peak as usize];
        let mut rows = Vec::new();
        let mut before_s = 0.0;
        // Each step the user that is ready first and is active at that time sends.
        let mut at_s = 0.0;
        while at_s < end_s {
            let active = (load(at_s).round() as usize).min(ready.len());
            for user in &mut ready[..active] {
                if *user <= at_s {
                    before_s = self.arrival_s(&mut random, at_s, before_s);
                    rows.push((at_s, before_s));
                    *user = before_s + pause_s * random.random_range(0.5..1.5);
                }
            }
            at_s += 0.01;
        }
        points(&rows, end_s + drain_s, load)
    }

    /// Rows at a constant rate: the open loop.
    pub(super) fn rate(&self, rate_per_s: f64, end_s: f64) -> Vec<Second> {
        let mut random = StdRng::seed_from_u64(self.seed);
        let (mut rows, mut before_s) = (Vec::new(), 0.0);
        for number in 0..(rate_per_s * end_s) as u32 {
            let sent_s = f64::from(number) / rate_per_s;
            before_s = self.arrival_s(&mut random, sent_s, before_s);
            rows.push((sent_s, before_s));
        }
        points(&rows, end_s, |_| 10.0)
    }
}

/// One point a second from rows of (sent, arrived), as of `end_s`.
pub(super) fn points(rows: &[(f64, f64)], end_s: f64, load: impl Fn(f64) -> f64) -> Vec<Second> {
    let seconds = end_s.ceil() as usize;
    let mut points: Vec<Second> = (0..seconds)
        .map(|second| Second {
            at_s: second as u64,
            width_s: 1,
            active_users: Some(load(second as f64).round() as u32),
            ..Second::default()
        })
        .collect();
    let mut latencies: Vec<Vec<f64>> = vec![Vec::new(); seconds];
    let mut waiting = vec![0_i64; seconds + 1];
    for (sent_s, arrived_s) in rows.iter().filter(|(sent_s, _)| *sent_s < end_s) {
        let (sent, arrived) = (*sent_s as usize, *arrived_s as usize);
        points[sent].sent += 1;
        waiting[sent] += 1;
        waiting[arrived.min(seconds)] -= 1;
        if arrived < seconds {
            points[sent].arrived_of_sent += 1;
            let last = points[sent].last_of_sent_s.unwrap_or(0.0);
            points[sent].last_of_sent_s = Some(last.max(*arrived_s));
            points[arrived].arrived += 1;
            latencies[arrived].push((arrived_s - sent_s) * 1_000.0);
        }
    }
    let mut pending = 0;
    for ((point, latencies), change) in points.iter_mut().zip(&mut latencies).zip(waiting) {
        pending += change;
        point.pending = Some(pending as u64);
        latencies.sort_by(f64::total_cmp);
        let quantile = |q: f64| {
            latencies
                .get(((latencies.len() as f64 * q) as usize).min(latencies.len().wrapping_sub(1)))
                .copied()
        };
        (point.e2e_p50, point.e2e_p95, point.e2e_p99) = (quantile(0.5), quantile(0.95), quantile(0.99));
    }
    points
}
