//! The first screen: what was asked, the answer, and how sure it is.

use streamgauge_shared::report::{Report, ValidityState, VerdictState, millis, verdict_words};
use streamgauge_shared::timeline::Latency;

use super::tables::plural;
use crate::html::figure;

/// Letters of the question at most.
const QUESTION_LETTERS: usize = 400;
/// A percentile that rests on fewer rows than this is said to rest on few.
const FEW_ROWS: u64 = 10;

/// The first screen.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) question: Option<String>,
    pub(super) tone: &'static str,
    pub(super) word: &'static str,
    pub(super) sentence: String,
    pub(super) cause: Option<String>,
    /// The line of the summary.
    pub(super) verdict: String,
    pub(super) validity: &'static str,
    pub(super) validity_tone: &'static str,
    pub(super) how_sure: Vec<String>,
    pub(super) glance: Vec<Glance>,
}

/// One figure at a glance; `value` is markup.
#[derive(Debug)]
pub(super) struct Glance {
    pub(super) value: String,
    pub(super) name: &'static str,
}

impl Answer {
    pub(super) fn of(report: &Report, test: Option<&str>) -> Self {
        let (word, rest) = verdict_words(report);
        let validity = report.validity.state;
        let (tone, sentence) = sentence(report);
        Self {
            question: test.and_then(question),
            tone,
            word,
            sentence,
            cause: report.verdict.cause.clone(),
            verdict: format!("{word}{rest}"),
            validity: validity.name(),
            validity_tone: match validity {
                ValidityState::Valid => "good",
                ValidityState::Degraded => "warn",
                ValidityState::Invalid => "bad",
            },
            how_sure: how_sure(report),
            glance: glance(report),
        }
    }
}

/// What the test says of itself: the comment that its file begins with.
fn question(test: &str) -> Option<String> {
    let lines = test.lines().skip_while(|line| line.trim().is_empty());
    let comment =
        lines.take_while(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let text = comment.collect::<Vec<_>>().join(" ");
    let text = text.trim();
    let kept: String = text.chars().take(QUESTION_LETTERS).collect();
    let more = if kept.len() < text.len() { "…" } else { "" };
    (!text.is_empty()).then(|| format!("{kept}{more}"))
}

/// Whether the target was met, for a reader who does not know this program.
fn sentence(report: &Report) -> (&'static str, String) {
    let all = report.thresholds.len();
    let missed = report.thresholds.iter().filter(|result| !result.passed).count();
    let targets = plural(all, "target");
    if !report.run.complete {
        return (
            "warn",
            "Not known: the run did not end. What follows is what was known when it was last written."
                .to_owned(),
        );
    }
    match report.verdict.state {
        VerdictState::Passed if all == 0 => (
            "good",
            "The run ended as planned. The test sets no target, so there is none to meet or to miss."
                .to_owned(),
        ),
        VerdictState::Passed if report.validity.state == ValidityState::Degraded => {
            ("warn", format!("Yes, as far as this measurement can tell: the pipeline met {}.", met(all)))
        }
        VerdictState::Passed => ("good", format!("Yes: the pipeline met {}.", met(all))),
        VerdictState::Failed => ("bad", format!("No: of {targets} the pipeline missed {missed}.")),
        VerdictState::Aborted => (
            "bad",
            format!(
                "No: of {targets} the pipeline missed {missed}, and the run was ended early because of it."
            ),
        ),
        VerdictState::Interrupted => (
            "warn",
            "Not known: the run was interrupted, so its figures cover less than the test asks for."
                .to_owned(),
        ),
        VerdictState::Invalid => (
            "bad",
            "Not known: the measurement cannot be believed, and the figures below must not be used."
                .to_owned(),
        ),
        VerdictState::Error => ("bad", "Not known: the run could not be carried through.".to_owned()),
    }
}

fn met(all: usize) -> String {
    if all == 1 { "its one target".to_owned() } else { format!("all {all} targets") }
}

/// What the answer rests on, one sentence each.
fn how_sure(report: &Report) -> Vec<String> {
    let mut said = Vec::new();
    let codes: Vec<&str> = report.validity.reasons.iter().map(|reason| reason.code.as_str()).collect();
    said.push(match report.validity.state {
        ValidityState::Valid => {
            "The measurement is valid: nothing that was watched beside it speaks against its figures."
                .to_owned()
        }
        ValidityState::Degraded => {
            format!(
                "The measurement is degraded: some figures are weaker than they look ({}).",
                codes.join(", ")
            )
        }
        ValidityState::Invalid => format!("The measurement is invalid ({}).", codes.join(", ")),
    });
    let headline = report.latency.get(Latency::CdcE2eLatency.name()).map(|latency| &latency.all);
    if let Some(stats) = headline.filter(|stats| stats.count + stats.censored + stats.unmeasured > 0) {
        let all = stats.count + stats.censored + stats.unmeasured;
        let beyond = all / 100;
        let few = if beyond < FEW_ROWS { ": few, so another run may well differ there" } else { "" };
        said.push(format!(
            "{} of {all} rows have a measured time. The slowest hundredth, on which p(99) rests, {} {}{few}.",
            stats.count,
            if beyond == 1 { "is" } else { "are" },
            plural(usize::try_from(beyond).unwrap_or(usize::MAX), "row"),
        ));
    }
    said.extend(report.clock.lines().into_iter().take(1).map(|line| format!("Clocks: {line}.")));
    let floor = report.floor.as_ref().map(|floor| floor.p50.quantile());
    said.push(match (floor, &report.no_floor) {
        (Some(_), _) => {
            let p50 = report.floor.as_ref().map_or(String::new(), |floor| streamgauge_shared::report::figure_words(floor.p50));
            format!("MongoDB and the observer by themselves take {p50} (median): nothing below that is the pipeline's.")
        }
        (None, Some(reason)) => format!("The measurement floor is not known: {reason}."),
        (None, None) => "The measurement floor is not known: nothing was written to MongoDB directly.".to_owned(),
    });
    said
}

fn glance(report: &Report) -> Vec<Glance> {
    let mut shown = Vec::new();
    let name = Latency::CdcE2eLatency.name();
    if let Some(stats) = report.latency.get(name).map(|latency| &latency.all) {
        let at = |field: &str| format!("/latency/{name}/all/{field}");
        shown.push(Glance {
            value: figure::figure(&at("p50"), stats.p50),
            name: "median, written to visible",
        });
        shown.push(Glance {
            value: figure::figure(&at("p95"), stats.p95),
            name: "p(95): 1 row in 20 is slower",
        });
        shown.push(Glance {
            value: figure::figure(&at("p99"), stats.p99),
            name: "p(99): 1 row in 100 is slower",
        });
        shown.push(Glance { value: figure::figure(&at("max"), stats.max), name: "the slowest row" });
    }
    shown.push(Glance {
        value: figure::count("/account/entries", report.account.entries),
        name: "rows written",
    });
    shown.push(Glance {
        value: figure::count("/account/delivered", report.account.delivered),
        name: "arrived in time",
    });
    shown.push(Glance { value: figure::count("/account/lost", report.account.lost), name: "lost" });
    shown.push(Glance {
        value: figure::lasted("/run/duration_s", report.run.duration_s),
        name: "measured time",
    });
    shown
}

/// The method in three sentences.
pub(super) fn method(report: &Report) -> String {
    let bound = match report.clock.error_bound_ms {
        Some(0.0) => "Both times are read from one clock.".to_owned(),
        Some(bound) => format!(
            "The times are read on two clocks that are compared all the while; they are right within {}.",
            millis(bound)
        ),
        None => {
            "The times are read on two clocks of which it is not known how far they are apart.".to_owned()
        }
    };
    format!(
        "Every row carries a stamp. Its latency runs from the moment before its statement was handed to PostgreSQL's \
         driver to the moment at which MongoDB's change stream told of it. {bound} Rows that have not arrived count in \
         the percentiles with their age, so that a percentile may be “at least” so much; a lost row is never left out. \
         Percentiles are read from histograms of all rows with three significant digits, and none is an average of \
         others."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_what_the_test_begins_with() {
        let test =
            "\n# How long does one row take,\n# and where does the time go?\nmodel = \"m\"\n# not this\n";
        assert_eq!(
            question(test).as_deref(),
            Some("How long does one row take, and where does the time go?")
        );
        assert_eq!(question("model = \"m\"\n# not this\n"), None);
        let long = format!("# {}\n", "a".repeat(1_000));
        assert_eq!(question(&long).map(|text| text.chars().count()), Some(QUESTION_LETTERS + 1));
    }
}
