//! The service level: the objective, what is left of its error budget, and how fast it is spent.
//!
//! The shares are recorded by the rules in `compose/prometheus/rules`, which have the objective.

use crate::board::{Board, Choice, Mark, Row};
use crate::look::{Colour, MEASURED, MET, Unit, VALIDITY};
use crate::panel::{Leads, Panel, Scope};
use crate::query::{Histogram, Query, SCENARIO, Window};
use crate::shared::{self, VALIDITY_NOW};

/// Which rows are bad is for the rules to say.
const NOT_A_ROW: &str =
    "the time in which nothing was measured; which rows count as bad stands at the top of the rules";
const THREE_DAYS: Scope = Scope::Last(Window::ThreeDays);
const BUDGET: &str = "(1 - scalar(streamgauge:slo_objective:ratio))";

/// The recorded shares, and the colour of each: the longer the window, the darker.
const SHARES: [(&str, Colour); 5] = [
    ("5m", Colour::Over5m),
    ("30m", Colour::Over30m),
    ("1h", Colour::Over1h),
    ("6h", Colour::Over6h),
    ("3d", Colour::Over3d),
];
/// From which burn rate on an alert fires.
const BURNS: [(f64, Colour); 3] = [(1.0, Colour::Aside), (6.0, Colour::Warn), (14.4, Colour::Bad)];

/// The share of bad rows over a window, as recorded.
fn bad(over: &str) -> String {
    format!("streamgauge:slo_bad:ratio{over}{{{SCENARIO}}}")
}

/// The share of good ones.
fn good(over: &str) -> String {
    format!("1 - clamp_max({}, 1)", bad(over))
}

pub(crate) fn board() -> Board {
    Board {
        uid: "streamgauge-sla",
        title: "Streamgauge: the service level",
        description: "Is the objective met, how much of the error budget is left, and how fast is it spent? \
                      The rules in compose/prometheus/rules hold the objective.",
        from: "now-7d",
        refresh: "1m",
        choices: &[Choice::Scenario],
        marks: &[Mark::Runs, Mark::Alerts, Mark::NotValid],
        rows: vec![
            objective(),
            over_time(),
            believed(),
            shared::how_to_read(
                "**The service level**: is the objective met? For a figure that goes into a contract use \
                 `streamgauge-observer sla`, which knows each row's nanoseconds and the time that was not measured.",
            ),
        ],
    }
}

fn objective() -> Row {
    let rows = format!(
        "sum by (scenario) (increase(streamgauge_cdc_e2e_latency_seconds_count{{{SCENARIO}}}[{}]))",
        Window::ThreeDays.promql()
    );
    let measured = format!(
        "avg_over_time((max(streamgauge_writer_up) * on () (1 - max(streamgauge_validity{{state=\"invalid\"}})) \
         or on () vector(0))[{}:1m])",
        Window::ThreeDays.promql()
    );
    Row::new("The objective")
        .figures([
            Panel::state("Is the objective met", THREE_DAYS, MET)
                .asks("{{scenario}}", format!("{} <= bool {BUDGET}", bad("3d")))
                .says("Met where the share of bad rows is within the budget.", NOT_A_ROW),
            Panel::figure("How much budget is left", THREE_DAYS, Unit::Share)
                .decimals(1)
                .below(Colour::Bad)
                .from(0.0, Colour::Warn)
                .from(0.25, Colour::Good)
                .asks("{{scenario}}", format!("1 - clamp_max({}, 1) / {BUDGET}", bad("3d")))
                .says("Of what the objective allows in three days; below 0 it is missed. For its whole window, with the time that was \
                     not measured beside it: `streamgauge-observer sla`.",
                    NOT_A_ROW,),
            Panel::figure("How many were in time", THREE_DAYS, Unit::Share)
                .decimals(3)
                .asks("{{scenario}}", good("3d"))
                .says("The share of rows that were seen within the objective's time.", NOT_A_ROW),
            Panel::figure("Of how many rows is that", THREE_DAYS, Unit::Rows)
                .decimals(0)
                .asks("{{scenario}}", rows)
                .says("Rows that arrived; a share of few rows says little.", "rows that never arrived"),
        ])
        .figures([
            Panel::figure("What is the objective", Scope::Now, Unit::Share)
                .decimals(2)
                .asks("share", "streamgauge:slo_objective:ratio")
                .empty("no objective is recorded")
                .says("The share of rows that have to be in time.", "nothing else: it is a setting"),
            Panel::figure("Within which time", Scope::Now, Unit::Seconds)
                .asks("time", "streamgauge:slo_latency:seconds")
                .empty("no objective is recorded")
                .says("From sent until it can be seen in MongoDB.", "nothing else: it is a setting"),
            Panel::state("Can the figures be believed", Scope::WholeRun, VALIDITY)
                .asks("validity", VALIDITY_NOW)
                .says(
                    "What the instrument says of its own measurement in the run that goes on, or went on last.",
                    "earlier runs: see when the figures were VALID, below",
                ),
            Panel::figure("How much was measured", THREE_DAYS, Unit::Share)
                .decimals(1)
                .asks("measured", measured)
                .says(
                    "The share of all the time in which a writer was connected and the measurement was not INVALID: \
                     nobody knows how the rest was.",
                    "whether a run was due then",
                ),
        ])
}

fn over_time() -> Row {
    let burn = |(over, colour): &(&str, Colour)| {
        Query::new(format!("{{{{scenario}}}} {over}"), format!("{} / {BUDGET}", bad(over))).in_colour(*colour)
    };
    let in_time = |(over, colour): &(&str, Colour)| {
        Query::new(format!("{{{{scenario}}}} {over}"), good(over)).in_colour(*colour)
    };
    let shown = |over: &str| ["5m", "1h", "6h"].contains(&over);
    let burning = Panel::lines("How fast is the error budget spent", Scope::Windows, Unit::Times)
        .asks_all(SHARES.iter().map(burn))
        .leads(Leads::ToRun)
        .says(
            "Burn rates over each window: at 1 the budget lasts exactly for its period. Dashed: where the alerts fire (each \
             with its short window).",
            NOT_A_ROW,
        );
    let burning = BURNS.into_iter().fold(burning, |panel, (rate, colour)| panel.from(rate, colour));
    let e2e = Histogram::of("streamgauge_cdc_e2e_latency_seconds", SCENARIO);
    let missing =
        format!("sum by (scenario, outcome) (streamgauge_entries{{{SCENARIO}, outcome=~\"lost|unknown\"}})");
    Row::new("Over time")
        .charts([
            burning,
            Panel::lines("Which share of the rows was in time", Scope::Windows, Unit::Share)
                .decimals(2)
                .signed()
                .asks_all(SHARES.iter().filter(|(over, _)| shown(over)).map(in_time))
                .bounded_by(Query::new("objective", "streamgauge:slo_objective:ratio"))
                .leads(Leads::ToRun)
                .says("Of the rows of each window. Dashed: the objective.", NOT_A_ROW),
        ])
        .charts([
            Panel::lines("How long did changes take", Scope::Last(Window::Hour), Unit::Seconds)
                .asks_all(e2e.percentiles(&["scenario"], Window::Hour))
                .bounded_by(Query::new("objective", "streamgauge:slo_latency:seconds"))
                .leads(Leads::ToRun)
                .says(
                    "observed − sent. Read between bucket bounds; max is the upper edge of the highest bucket with a row. \
                     Dashed: the objective's time.",
                    shared::ARRIVED_ONLY,
                ),
            Panel::lines("How many rows never arrived", Scope::WholeRun, Unit::Rows)
                .asks("{{scenario}} {{outcome}}", missing)
                .leads(Leads::ToRun)
                .says(
                    "Lost, and those of which nobody knows whether they were committed.",
                    "rows on their way; earlier runs: the counts begin again with each",
                ),
        ])
}

fn believed() -> Row {
    Row::new("Can it be believed").states([Panel::states("When was nothing measured", MEASURED)
        .wide(24)
        .asks("observer answers", r#"max(up{job="streamgauge"})"#)
        .asks("a writer is connected", "max(streamgauge_writer_up)")
        .asks("figures are VALID", r#"max(streamgauge_validity{state="valid"})"#)
        .says(
            "While the observer does not answer, or no writer is connected, no row is counted, good or bad: the share is of \
             what was measured.",
            "whether a run was due then",
        )])
}
