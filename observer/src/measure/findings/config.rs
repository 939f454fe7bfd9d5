//! The constants of the findings, with their reasons.

/// What the findings go by. [`Config::default`] is for a run at its real length; [`Config::scaled`] adapts it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// How long a threshold has to stay crossed to be broken. 10 s: a checkpoint of PostgreSQL or an election of
    /// MongoDB passes in less, a saturated pipeline does not. Scaled with the load, at least 3 s.
    pub hold_s: f64,
    /// How far to each side of the breaking point rates are averaged while it is saturated. 10 s: what arrives in
    /// bursts of a second is off by 5 % at most over the 20. Not scaled: the pipeline runs no faster.
    pub rate_window_s: f64,
    /// How long the latency has to stay in its band to be back. Scaled with the load, at least 3 s.
    pub settle_s: f64,
    /// The shortest stall. 5 s: shorter gaps are latency, which the percentiles show. Not scaled.
    pub stall_min_s: f64,
    /// How long after the load's end a spike's rows are counted. Not scaled.
    pub catch_up_window_s: f64,
    /// The time between checkpoints. Scaled with the load, at least 1 s.
    pub checkpoint_every_s: f64,
    /// For latencies and the iteration time.
    pub latency_trend: TrendRule,
    /// For resident memory.
    pub memory_trend: TrendRule,
}

/// When a series has a trend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrendRule {
    /// Real time below which there is not enough data, after what is left out.
    pub span_min_s: f64,
    /// The part of the run at its start that is left out, 0 to 1.
    pub left_out: f64,
    /// A change matters if it is above this share of the level …
    pub relative_min: f64,
    /// … and above this, in units of the series.
    pub absolute_min: f64,
    /// A growth counts only if the second half of the time grows at this share of the whole's pace or more:
    /// 0 switches that off.
    pub goes_on: f64,
}

/// Three points: a single second is chance, two can be one event cut in half.
const LEAST_S: f64 = 3.0;

impl Default for Config {
    fn default() -> Self {
        Self {
            hold_s: 10.0,
            rate_window_s: 10.0,
            settle_s: 10.0,
            stall_min_s: 5.0,
            catch_up_window_s: 30.0,
            checkpoint_every_s: 300.0,
            // A minute: 30 blocks of two seconds. 10 %: two soaks of the same pipeline differ by about as much.
            // 2 ms: below it the scheduler of a shared machine decides.
            latency_trend: TrendRule {
                span_min_s: 60.0,
                left_out: 0.0,
                relative_min: 0.1,
                absolute_min: 2.0,
                goes_on: 0.0,
            },
            // Ten minutes: until then buffers, pools and the rows kept for late arrivals still fill. A fifth is
            // left out for the same reason. 8 MiB: allocators take and give back memory in such steps.
            memory_trend: TrendRule {
                span_min_s: 600.0,
                left_out: 0.2,
                relative_min: 0.1,
                absolute_min: 8.0 * 1_048_576.0,
                goes_on: 0.5,
            },
        }
    }
}

impl Config {
    /// For a run whose lengths were multiplied with `time_scale`: what belongs to the load shrinks with it, what
    /// belongs to the pipeline or to statistics does not.
    #[must_use]
    pub fn scaled(self, time_scale: f64) -> Self {
        Self {
            hold_s: (self.hold_s * time_scale).max(LEAST_S),
            settle_s: (self.settle_s * time_scale).max(LEAST_S),
            checkpoint_every_s: (self.checkpoint_every_s * time_scale).max(1.0),
            ..self
        }
    }
}
