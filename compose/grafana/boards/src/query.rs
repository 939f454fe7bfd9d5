//! PromQL, in the few forms that boards ask in. `docs/metrics.md` says what the series mean.

use crate::look::Colour;

/// Over which time a rate or an increase is taken: the same words stand in the panel's title.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Window {
    /// Grafana's own: four scrapes, or a step of the chart where that is longer.
    Zoom,
    /// One minute.
    Minute,
    /// Five minutes: for runs of hours.
    FiveMinutes,
    /// Half an hour: for slopes.
    HalfHour,
    /// One hour: for days.
    Hour,
    /// Three days: the objective's.
    ThreeDays,
}

impl Window {
    /// As PromQL writes it.
    pub(crate) const fn promql(self) -> &'static str {
        match self {
            Self::Zoom => "$__rate_interval",
            Self::Minute => "1m",
            Self::FiveMinutes => "5m",
            Self::HalfHour => "30m",
            Self::Hour => "1h",
            Self::ThreeDays => "3d",
        }
    }

    /// As a title says it. The interval between scrapes is 5 s in the files beside this one.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Zoom => "last 20 s or more",
            Self::Minute => "last minute",
            Self::FiveMinutes => "last 5 min",
            Self::HalfHour => "last 30 min",
            Self::Hour => "last hour",
            Self::ThreeDays => "last 3 days",
        }
    }
}

/// What the reader chose at the top of the board, for series that have these labels.
pub(crate) const OPERATIONS: &str = r#"scenario=~"$scenario", entity=~"$entity", operation=~"$operation""#;
/// For series of a scenario as a whole.
pub(crate) const SCENARIO: &str = r#"scenario=~"$scenario""#;
/// For series of the whole run.
pub(crate) const EVERYTHING: &str = "";

/// One query of a panel, with what its series are called and how they are drawn.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) promql: String,
    /// Grafana's `{{label}}` in it.
    pub(crate) legend: String,
    pub(crate) colour: Option<Colour>,
    pub(crate) dotted: bool,
}

impl Query {
    pub(crate) fn new(legend: impl Into<String>, promql: impl Into<String>) -> Self {
        Self { promql: promql.into(), legend: legend.into(), colour: None, dotted: false }
    }

    /// One colour; its shades where a query finds several series.
    pub(crate) fn in_colour(mut self, colour: Colour) -> Self {
        self.colour = Some(colour);
        self
    }

    /// For what is drawn to be compared with, and is no row of the test.
    pub(crate) fn dotted(mut self) -> Self {
        self.dotted = true;
        self
    }
}

/// A percentile that boards show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Percentile {
    pub(crate) name: &'static str,
    quantile: &'static str,
    colour: Colour,
}

pub(crate) const P50: Percentile = Percentile { name: "p50", quantile: "0.5", colour: Colour::P50 };
pub(crate) const P95: Percentile = Percentile { name: "p95", quantile: "0.95", colour: Colour::P95 };
const P99: Percentile = Percentile { name: "p99", quantile: "0.99", colour: Colour::P99 };
/// Prometheus shows the upper edge of the highest bucket that holds a row.
const MAX: Percentile = Percentile { name: "max", quantile: "1", colour: Colour::Max };

/// The percentiles of every chart of a latency.
pub(crate) const PERCENTILES: [Percentile; 4] = [P50, P95, P99, MAX];

/// A histogram of `/metrics`, narrowed to what the reader chose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Histogram {
    /// Without `_bucket`.
    pub(crate) name: &'static str,
    pub(crate) chosen: &'static str,
    /// A family beside it with the magnitudes of values below zero: they take the lowest ranks.
    pub(crate) early: Option<&'static str>,
}

impl Histogram {
    pub(crate) const fn of(name: &'static str, chosen: &'static str) -> Self {
        Self { name, chosen, early: None }
    }

    /// A percentile for each combination of labels. Prometheus interpolates between bucket bounds. Where no row arrived in the
    /// window it finds no number, which `>= 0` turns into nothing: the panel says so in words.
    pub(crate) fn percentile(self, percentile: Percentile, by: &[&str], window: Window) -> Query {
        let Self { name, chosen, early } = self;
        let window = window.promql();
        let by = [by, &["le"]].concat().join(", ");
        let mut rows = format!("sum by ({by}) (rate({name}_bucket{{{chosen}}}[{window}]))");
        if let Some(early) = early {
            rows += &format!(" + on () group_left () sum(rate({early}_count{{{chosen}}}[{window}]))");
        }
        let promql = format!("histogram_quantile({}, {rows}) >= 0", percentile.quantile);
        Query::new(percentile.name, promql).in_colour(percentile.colour)
    }

    /// All of [`PERCENTILES`].
    pub(crate) fn percentiles(self, by: &[&str], window: Window) -> Vec<Query> {
        let prefix: String = by.iter().map(|label| format!("{{{{{label}}}}} ")).collect();
        let named = |percentile: Percentile| {
            let query = self.percentile(percentile, by, window);
            Query { legend: format!("{prefix}{}", query.legend), ..query }
        };
        PERCENTILES.into_iter().map(named).collect()
    }

    /// How many values each second.
    pub(crate) fn sum_of(self, part: &str, by: &str, window: Window) -> String {
        format!("sum by ({by}) (rate({}_{part}{{{}}}[{}]))", self.name, self.chosen, window.promql())
    }
}

/// How much a counter grows each second.
pub(crate) fn per_second(counter: &str, chosen: &str, by: Option<&str>, window: Window) -> String {
    let by = by.map(|label| format!(" by ({label}) ")).unwrap_or_default();
    format!("sum{by}(rate({counter}{{{chosen}}}[{}]))", window.promql())
}

/// The thresholds that the test has on these metrics, with a tag or without: `{{metric}} {{expression}}` in the legend.
pub(crate) fn bounds_of(metrics: &str) -> Query {
    let metric = if metrics.contains('|') { format!("({metrics})") } else { metrics.to_owned() };
    let promql = format!(r#"streamgauge_threshold_bound{{metric=~"{metric}([{{].*)?"}}"#);
    Query::new("{{metric}} {{expression}}", promql)
}
