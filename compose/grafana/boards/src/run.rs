//! One run of any scenario, while it goes on and afterwards.

use crate::board::{Board, Choice, Mark, Row};
use crate::look::{Colour, HOLDS, OUTCOMES, Unit};
use crate::panel::{Leads, Panel, Scope};
use crate::query::{Histogram, OPERATIONS, P50, P95, Query, SCENARIO, Window, bounds_of, per_second};
use crate::shared::{self, ARRIVED_ONLY, E2E, FLOOR, PHASES, VISIBILITY, WRITE, read_from_buckets};

const INTENDED: Histogram = Histogram::of("streamgauge_cdc_e2e_latency_intended_seconds", OPERATIONS);
const PROPAGATION: Histogram = Histogram {
    early: Some("streamgauge_cdc_early_seconds"),
    ..Histogram::of("streamgauge_cdc_propagation_seconds", OPERATIONS)
};
const SCHEDULE_LAG: Histogram = Histogram::of("streamgauge_schedule_lag_seconds", OPERATIONS);

pub(crate) fn board() -> Board {
    Board {
        uid: "streamgauge-run",
        title: "Streamgauge: a run",
        description: "One run of any scenario: how long changes take, where the time goes, and whether every row is \
                      accounted for.",
        from: "now-15m",
        refresh: "10s",
        choices: &[Choice::Scenario, Choice::Entity, Choice::Operation],
        marks: &[Mark::Stages, Mark::Runs, Mark::Alerts, Mark::NotValid],
        rows: vec![
            verdict(),
            how_long(),
            where_the_time_goes(),
            load(),
            instrument(),
            shared::how_to_read(
                "**One run**: is it good, how long do changes take, and where does the time go?",
            ),
        ],
    }
}

fn verdict() -> Row {
    let users = "streamgauge_breaking_point_users";
    let rows = "streamgauge_breaking_point_arrived_rows_per_second";
    shared::verdict()
        .figures([
            Panel::figure("How many rows are not accounted for", Scope::Now, Unit::Rows)
                .asks("pending", format!("sum(streamgauge_pending_entries{{{SCENARIO}}})"))
                .says(
                    "Sent and neither arrived, replaced, lost, refused nor unknown: on their way. 0 at the end.",
                    PHASES,
                ),
            Panel::figure("How far can a latency be off", Scope::WholeRun, Unit::Seconds)
                .asks("bound", "max(streamgauge_clock_error_bound_seconds)")
                .empty("no run, or not known")
                .says(
                    "The error bound between the clocks of writer and observer; 0 on one machine.",
                    "the floor: what MongoDB and the observer take by themselves",
                ),
            Panel::named_figures("At which load did it break", Scope::WholeRun, Unit::None)
                .wide(12)
                .decimals(1)
                .asks("users", users)
                .asks("rows/s", rows)
                .empty("nothing broke, or no scenario asks for a breaking point")
                .says(
                    "Users when the first threshold was crossed and stayed crossed, and the rows that arrived each \
                     second then.",
                    "thresholds that recovered",
                ),
        ])
        .charts([
            Panel::states("Which thresholds hold", HOLDS)
                .asks("{{metric}} {{expression}}", "streamgauge_threshold_ok")
                .empty("no run, or no thresholds")
                .says(
                    "While a run goes on a threshold is crossed only if it certainly fails, or has no data yet.",
                    "how near it is: see beside it",
                ),
            Panel::lines("How near is each threshold to its bound", Scope::WholeRun, Unit::Share)
                .asks(
                    "{{metric}} {{expression}}",
                    "streamgauge_threshold_value / (streamgauge_threshold_bound > 0)",
                )
                .from(1.0, Colour::Bound)
                .empty("no run, or no thresholds")
                .says(
                    "What is compared, exact and with the rows still on their way, as a share of the bound. Dashed: the \
                     bound; `p(95)<2000` has to stay below it, `rate>0.99` above.",
                    "thresholds whose bound is 0, and those of which only bounds are known",
                ),
        ])
        .charts([Panel::parts("What became of the rows", Scope::WholeRun, Unit::Rows)
            .wide(24)
            .asks("{{outcome}}", format!("sum by (outcome) (streamgauge_entries{{{SCENARIO}}})"))
            .named_colours(OUTCOMES)
            .leads(Leads::ToLivePage)
            .says("Every entry of the ledger has exactly one outcome; the sum is what was sent.", PHASES)])
}

fn how_long() -> Row {
    let spread =
        format!("sum by (le) (increase({}_bucket{{{OPERATIONS}}}[{}]))", E2E.name, Window::Zoom.promql());
    let by_operation = E2E.percentile(P95, &["scenario", "operation"], Window::Minute);
    let by_operation = Query {
        legend: format!("{{{{scenario}}}} {{{{operation}}}} {}", P95.name),
        colour: None,
        ..by_operation
    };
    Row::new("How long")
        .charts([
            shared::latency("How long does a change take", E2E, Window::Zoom, "cdc_e2e_latency")
                .says(read_from_buckets("observed − sent"), ARRIVED_ONLY),
            Panel::lines(
                "Do creates, updates and deletes differ",
                Scope::Last(Window::Minute),
                Unit::Seconds,
            )
            .asks_all([by_operation])
            .leads(Leads::ToLivePage)
            .says("The 95th percentile of each kind of operation.", ARRIVED_ONLY),
        ])
        .charts([
            Panel::spread("How are the latencies spread", Scope::Last(Window::Zoom)).asks("{{le}}", spread).says(
                "Rows by end-to-end latency: two ways of being slow show as two bands, which no percentile does.",
                ARRIVED_ONLY,
            ),
            shared::latency(
                "How long from when it was meant to be written",
                INTENDED,
                Window::Zoom,
                "cdc_e2e_latency_intended",
            )
            .says(
                read_from_buckets("observed − intended: what the writer itself could not keep up with is in it"),
                ARRIVED_ONLY,
            ),
        ])
}

fn where_the_time_goes() -> Row {
    let w = Window::Zoom;
    let named = |name: &str, query: Query| Query { legend: format!("{name} {}", query.legend), ..query };
    Row::new("Where the time goes")
        .charts([
            shared::latency("How long does PostgreSQL take to commit", WRITE, w, "pg_write_duration").says(
                read_from_buckets("committed − sent"),
                "rows that PostgreSQL refused, and the wait for a connection",
            ),
            shared::latency("How long from the commit until it can be seen", PROPAGATION, w, "cdc_propagation")
                .says(
                    read_from_buckets(
                        "observed − committed, with the events that beat the acknowledgement in its ranks: a percentile \
                         among those is shown in the lowest bucket",
                    ),
                    ARRIVED_ONLY,
                ),
        ])
        .charts([
            Panel::lines("How much of it is MongoDB and the observer", Scope::Last(w), Unit::Seconds)
                .asks_all([
                    named("visibility", VISIBILITY.percentile(P95, &[], w)),
                    named("floor", FLOOR.percentile(P50, &[], w)).dotted(),
                    named("floor", FLOOR.percentile(P95, &[], w)).dotted(),
                ])
                .bounded_by(bounds_of("mongo_visibility"))
                .leads(Leads::ToLivePage)
                .says(
                    "observed − wallTime of the event (1 ms), and dotted the floor: a document that the observer writes \
                     straight into MongoDB once a second. Dashed: the thresholds of the test.",
                    "rows on their way: this latency begins in MongoDB",
                ),
            shared::stages("Where did the time go", w),
        ])
}

fn load() -> Row {
    let success = format!(
        "sum(streamgauge_entries{{{SCENARIO}, outcome=~\"delivered|superseded\"}}) \
         / (sum(streamgauge_entries{{{SCENARIO}, outcome!=\"pending\"}}) > 0)"
    );
    let failed = format!(
        "sum(streamgauge_entries{{{SCENARIO}, outcome=~\"rejected|unknown\"}}) \
         / (sum(streamgauge_entries{{{SCENARIO}}}) > 0)"
    );
    let by_scenario = |gauge: &str| format!("sum by (scenario) ({gauge}{{{SCENARIO}}})");
    Row::new("Load and backlog")
        .charts([
            shared::throughput("How much load is there", Window::Zoom)
                .says("Rows sent, and rows that arrived, each second.", PHASES),
            Panel::lines("How many users are at work", Scope::EachMoment, Unit::Users)
                .asks("{{scenario}}", by_scenario("streamgauge_active_users"))
                .says("Virtual users in an iteration.", "users that wait for their next iteration"),
        ])
        .charts([
            shared::backlog("Does the pipeline keep up", Scope::EachMoment, by_scenario)
                .says("Rows on their way, and those of them past their deadline.", PHASES),
            shared::oldest(
                "How long has the oldest row been waiting",
                Scope::EachMoment,
                format!("streamgauge_oldest_pending_age_seconds{{{SCENARIO}}}"),
            ),
        ])
        .charts([
            Panel::lines("Which share of the rows arrives", Scope::WholeRun, Unit::Share)
                .asks_all([
                    Query::new("cdc_success_rate", success).in_colour(Colour::Seen),
                    Query::new("pg_write_failed", failed).in_colour(Colour::Refused),
                ])
                .bounded_by(bounds_of("cdc_success_rate"))
                .bounded_by(bounds_of("pg_write_failed"))
                .says(
                    "(delivered + superseded) / (entries − pending), and (rejected + unknown) / entries. Dashed: the \
                     thresholds of the test.",
                    "in the first, rows still on their way",
                ),
            Panel::lines("What came that was not awaited", Scope::WholeRun, Unit::Events)
                .asks("{{kind}}", r#"streamgauge_events{kind!="first"}"#)
                .says(
                    "Events of the change stream other than the first of a row. Foreign ones are of other programs, deletes \
                     that the clean-up makes among them.",
                    "the canary's own events",
                ),
        ])
}

fn instrument() -> Row {
    let w = Window::Zoom;
    Row::new("The instrument").charts([
        Panel::lines("Does the writer keep to its schedule", Scope::Last(w), Unit::Seconds)
            .asks_all(SCHEDULE_LAG.percentiles(&[], w))
            .leads(Leads::ToLivePage)
            .says(
                "sent − intended: what is in here the writer could not do in time. Read between bucket bounds a factor of \
                 three apart; max is the upper edge of the highest bucket with a row.",
                "ticks that were dropped: see beside it",
            ),
        Panel::lines("Was load left out", Scope::Last(w), Unit::PerSecond)
            .asks(
                "{{scenario}}",
                per_second("streamgauge_dropped_iterations_total", SCENARIO, Some("scenario"), w),
            )
            .says(
                "Ticks for which no virtual user was free: the load was lower than planned.",
                "iterations that ended because an operation did not commit",
            ),
    ])
}
