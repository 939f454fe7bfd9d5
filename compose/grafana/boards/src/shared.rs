//! What several boards show, said once.

use crate::board::Row;
use crate::look::{ALL_HOLD, Colour, RUNNING, Unit, VALIDITY};
use crate::panel::{Leads, Panel, Scope};
use crate::query::{self, Histogram, OPERATIONS, SCENARIO, Window, per_second};

/// What no percentile of arrivals holds.
pub(crate) const ARRIVED_ONLY: &str = "rows still on their way, lost ones, and those that PostgreSQL refused; the exact \
     percentiles, with the rows on their way in them, are on the live page and in the report";
/// Of series that hold the measured part of a run only.
pub(crate) const PHASES: &str = "rows of set-up, warm-up and clean-up";
/// For panels of marks.
pub(crate) const NO_MARKS: &str = "no run, or its model names no marks";
/// After how long StreamgaugeOldestPendingTooOld fires.
const OLDEST_MAX_S: f64 = 60.0;

/// The headline: observed − sent.
pub(crate) const E2E: Histogram = Histogram::of("streamgauge_cdc_e2e_latency_seconds", OPERATIONS);
pub(crate) const WRITE: Histogram = Histogram::of("streamgauge_pg_write_duration_seconds", OPERATIONS);
pub(crate) const VISIBILITY: Histogram = Histogram::of("streamgauge_mongo_visibility_seconds", OPERATIONS);
pub(crate) const FLOOR: Histogram = Histogram::of("streamgauge_measurement_floor_seconds", query::EVERYTHING);

/// The row at the top of a run's board and a soak's.
pub(crate) fn verdict() -> Row {
    Row::new("The verdict so far").figures([
        Panel::name("Which run is this", Scope::Now).wide(5).asks("{{test}} {{run}}", "streamgauge_run_info").says(
            "Test and identifier of the run that all figures belong to; they stay until the next run starts.",
            "earlier runs: choose their time at the top",
        ),
        Panel::state("Is it under way", Scope::Now, RUNNING)
            .wide(4)
            .asks("writers", "max(streamgauge_writer_up)")
            .says(
                "Running while a writer is connected to the observer, through set-up, load and drain.",
                "why it ended: the report has that",
            ),
        Panel::figure("Do the thresholds hold", Scope::WholeRun, Unit::Crossed)
            .wide(5)
            .asks("crossed", "count(streamgauge_threshold_ok == 0) or count(streamgauge_threshold_ok) * 0")
            .words(ALL_HOLD)
            .from(1.0, Colour::Bad)
            .empty("no run, or no thresholds")
            .says(
                "How many thresholds of the test are crossed now, or have no data yet.",
                "the objective of the service level, which has a board of its own",
            ),
        Panel::state("Can the figures be believed", Scope::WholeRun, VALIDITY)
            .wide(6)
            .asks("validity", VALIDITY_NOW)
            .says(
                "What the instrument says of its own measurement; the reasons are on the live page and in the report.",
                "how good the pipeline is: that is for the thresholds",
            ),
        Panel::figure("Are rows lost", Scope::WholeRun, Unit::Rows)
            .wide(4)
            .asks("lost", format!(r#"sum(streamgauge_entries{{{SCENARIO}, outcome="lost"}})"#))
            .below(Colour::Good)
            .from(1.0, Colour::Bad)
            .says(
                "Committed, and nothing came for `lost_after`, or by the end of the drain.",
                "rows of which nobody knows whether they were committed",
            ),
    ])
}

/// 0 is VALID, 1 DEGRADED, 2 INVALID.
pub(crate) const VALIDITY_NOW: &str =
    r#"max(streamgauge_validity{state="degraded"}) + 2 * max(streamgauge_validity{state="invalid"})"#;

/// A latency's percentiles, with the thresholds that the test has on it.
pub(crate) fn latency(question: &'static str, of: Histogram, window: Window, metric: &str) -> Panel {
    Panel::lines(question, Scope::Last(window), Unit::Seconds)
        .asks_all(of.percentiles(&[], window))
        .bounded_by(query::bounds_of(metric))
        .leads(Leads::ToLivePage)
}

/// How the percentiles of a chart are read, behind the formula.
pub(crate) fn read_from_buckets(formula: &str) -> String {
    format!(
        "{formula}. Read between bucket bounds; max is the upper edge of the highest bucket with a row. \
         Dashed: the thresholds of the test."
    )
}

/// The mean of each stage: sums and counts of both signs.
pub(crate) fn stages(question: &'static str, window: Window) -> Panel {
    let late = Histogram::of("streamgauge_stage_latency_seconds", OPERATIONS);
    let early = Histogram::of("streamgauge_stage_early_seconds", OPERATIONS);
    let of = |histogram: Histogram, part| histogram.sum_of(part, "stage", window);
    let mean = format!(
        "({} - {}) / ({} + {} > 0)",
        of(late, "sum"),
        of(early, "sum"),
        of(late, "count"),
        of(early, "count")
    );
    Panel::parts(question, Scope::Last(window), Unit::Seconds)
        .asks("{{stage}}", mean)
        .signed()
        .empty(NO_MARKS)
        .says(
            "The mean of each stage between the marks that the pipeline leaves; the stages add up to the mean of the same \
             rows' latency.",
            "rows without a mark, and the spread: a mean hides both",
        )
}

/// Rows sent and arrived each second.
pub(crate) fn throughput(question: &'static str, window: Window) -> Panel {
    let of = |counter| per_second(counter, OPERATIONS, None, window);
    Panel::lines(question, Scope::Last(window), Unit::RowsPerSecond)
        .asks_all([
            query::Query::new("sent", of("streamgauge_operations_total")).in_colour(Colour::Sent),
            query::Query::new("arrived", of("streamgauge_arrivals_total")).in_colour(Colour::Seen),
        ])
        .leads(Leads::ToLivePage)
}

/// Rows on their way: `of` makes a query of a gauge.
pub(crate) fn backlog(question: &'static str, scope: Scope, of: impl Fn(&str) -> String) -> Panel {
    Panel::lines(question, scope, Unit::Rows)
        .asks_all([
            query::Query::new("{{scenario}} pending", of("streamgauge_pending_entries"))
                .in_colour(Colour::Waiting),
            query::Query::new("{{scenario}} overdue", of("streamgauge_overdue_entries"))
                .in_colour(Colour::Warn),
        ])
        .leads(Leads::ToLivePage)
}

/// The age of the oldest row, with the alert's bound.
pub(crate) fn oldest(question: &'static str, scope: Scope, promql: String) -> Panel {
    Panel::lines(question, scope, Unit::Seconds)
        .asks("{{scenario}}", promql)
        .from(OLDEST_MAX_S, Colour::Bound)
        .empty("no row is on its way")
        .says(
            "The age of the row that has been on its way longest. Dashed: StreamgaugeOldestPendingTooOld.",
            "rows that were given up as lost",
        )
}

/// The last row of every board.
pub(crate) fn how_to_read(of_this_board: &str) -> Row {
    let text = format!(
        "{of_this_board}\n\n\
         - Behind each question stands what its answer is of: *now*, *whole run*, or the *last* minutes before each point.\n\
         - The **i** of a panel says what is shown and what is not counted.\n\
         - Percentiles have the same colours on all boards; they are Prometheus' reading between bucket bounds. The exact \
         ones are on the live page and in the report.\n\
         - Dashed red is what must not be crossed: a threshold of the test, the objective, or where an alert fires.\n\
         - A finished run is shown until the next one starts; before the first, panels say *no run*.\n\n\
         More: `docs/dashboards.md` (boards and alerts), `docs/metrics.md` (every series), `docs/measurement.md` (what is \
         measured, and how far it can be off)."
    );
    Row::new("How to read this board").states([Panel::prose("How to read this board", text)])
}
