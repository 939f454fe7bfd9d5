//! Hours or days of the same load: does the pipeline stay as it is?

use crate::board::{Board, Choice, Mark, Row};
use crate::look::{CONNECTED, Colour, OUTCOMES, Unit, VALIDITY};
use crate::panel::{Leads, Panel, Scope};
use crate::query::{P50, P95, Query, SCENARIO, Window, bounds_of, per_second};
use crate::shared::{
    self, ARRIVED_ONLY, E2E, FLOOR, PHASES, VALIDITY_NOW, VISIBILITY, WRITE, read_from_buckets,
};

const WINDOW: Window = Window::FiveMinutes;
const LAST: Scope = Scope::Last(WINDOW);

pub(crate) fn board() -> Board {
    Board {
        uid: "streamgauge-soak",
        title: "Streamgauge: a soak",
        description: "Hours or days of the same load: does the pipeline stay as it is?",
        from: "now-6h",
        refresh: "1m",
        choices: &[Choice::Scenario, Choice::Entity, Choice::Operation],
        marks: &[Mark::Stages, Mark::Runs, Mark::Alerts, Mark::NotValid],
        rows: vec![
            shared::verdict(),
            drift(),
            rows(),
            where_it_grows(),
            instrument(),
            shared::how_to_read("**A soak**: does anything drift, grow or stall over hours?"),
        ],
    }
}

fn drift() -> Row {
    // The slope of a percentile, and the only thing that any board does to one.
    let median = E2E.percentile(P50, &["scenario", "operation"], Window::Minute).promql;
    let slope = format!("3600 * deriv(({median})[30m:15s])");
    let most = |over: &'static str| {
        move |gauge: &str| format!("max by (scenario) (max_over_time({gauge}{{{SCENARIO}}}[{over}]))")
    };
    Row::new("Does it drift")
        .charts([shared::latency("Does the latency drift", E2E, WINDOW, "cdc_e2e_latency")
            .wide(24)
            .leads(Leads::ToRun)
            .says(read_from_buckets("observed − sent"), ARRIVED_ONLY)])
        .charts([
            Panel::lines(
                "How much does the median grow in an hour",
                Scope::Last(Window::HalfHour),
                Unit::Seconds,
            )
            .asks("{{scenario}} {{operation}}", slope)
            .signed()
            .leads(Leads::ToRun)
            .says(
                "The slope of the median of each minute, as seconds in an hour; around 0 if nothing drifts.",
                ARRIVED_ONLY,
            ),
            shared::oldest(
                "When did it stall",
                Scope::Last(Window::Minute),
                most("1m")("streamgauge_oldest_pending_age_seconds"),
            )
            .leads(Leads::ToRun),
        ])
        .charts([
            shared::backlog("Does the backlog grow", LAST, most("5m")).leads(Leads::ToRun).says(
                "Rows on their way, and those of them past their deadline: the most in each window.",
                PHASES,
            ),
            shared::throughput("Does the throughput stay", WINDOW).leads(Leads::ToRun).says(
                "Rows sent, and rows that arrived, each second. A closed loop slows down with the pipeline.",
                PHASES,
            ),
        ])
}

fn rows() -> Row {
    let outcomes =
        format!("sum by (outcome) (streamgauge_entries{{{SCENARIO}, outcome!~\"delivered|pending\"}})");
    Row::new("What becomes of the rows").charts([
        Panel::lines("Do rows get lost, late or replaced", Scope::WholeRun, Unit::Rows)
            .asks("{{outcome}}", outcomes)
            .named_colours(OUTCOMES)
            .leads(Leads::ToRun)
            .says("Rows by outcome.", "rows that were delivered in time, and those on their way"),
        Panel::lines("Do events come twice or in the wrong order", Scope::WholeRun, Unit::Events)
            .asks("{{kind}}", r#"streamgauge_events{kind=~"duplicate|out_of_order|undecodable"}"#)
            .leads(Leads::ToRun)
            .says(
                "Events of the change stream by kind; replays after a restart are duplicates.",
                "first arrivals, and events of other programs",
            ),
    ])
}

fn where_it_grows() -> Row {
    // One percentile of several parts: here the colours are those of the parts.
    let part = |name: &str, of: crate::query::Histogram, colour| {
        let query = of.percentile(P95, &[], WINDOW);
        Query { legend: format!("{name} {}", query.legend), ..query }.in_colour(colour)
    };
    Row::new("Where it grows").charts([
        Panel::lines("Is it PostgreSQL or MongoDB that gets slower", LAST, Unit::Seconds)
            .asks_all([
                part("commit", WRITE, Colour::Sent),
                part("visibility", VISIBILITY, Colour::Seen),
                part("floor", FLOOR, Colour::Aside).dotted(),
            ])
            .bounded_by(bounds_of("pg_write_duration|mongo_visibility"))
            .leads(Leads::ToRun)
            .says(
                "The 95th percentiles of the two ends of the way, and dotted the floor. Dashed: the thresholds of the test.",
                "what lies between the two ends: see the stages",
            ),
        shared::stages("Which stage grows", WINDOW).leads(Leads::ToRun),
    ])
}

fn instrument() -> Row {
    Row::new("The instrument")
        .charts([
            Panel::lines("Do the users keep their pace", LAST, Unit::PerSecond)
                .asks(
                    "{{scenario}}",
                    per_second("streamgauge_iterations_total", SCENARIO, Some("scenario"), WINDOW),
                )
                .says(
                    "Iterations that ran to their end, each second.",
                    "iterations that ended because an operation did not commit",
                ),
            Panel::lines("Do the clocks stay together", Scope::EachMoment, Unit::Seconds)
                .asks_all([Query::new("bound", "max(streamgauge_clock_error_bound_seconds)")
                    .in_colour(Colour::Waiting)])
                .empty("no run, or not known")
                .says(
                    "The error bound between the clocks of writer and observer; 0 on one machine.",
                    "the floor: what MongoDB and the observer take by themselves",
                ),
        ])
        .states([
            Panel::states("When could the figures be believed", VALIDITY).asks("validity", VALIDITY_NOW).says(
                "What the instrument said of its own measurement; the reasons are on the live page and in the report.",
                "how good the pipeline is: that is for the thresholds",
            ),
            Panel::states("Were the writers connected", CONNECTED)
                .asks("writer {{writer}}", "streamgauge_writer_up")
                .says("A writer that is gone sends nothing.", "what it sent before: that is awaited all the same"),
        ])
}
