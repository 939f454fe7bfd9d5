//! The sentences that all renderings share.

use streamgauge_shared::report::millis;

use super::super::bootstrap::RESAMPLES;
use super::super::comparison::{Compared, Comparison};
use super::super::effect::{CONFIDENCE, Interval, Told};
use super::super::verdict::{Unchanged, Verdict, change, percent};

/// Milliseconds with their sign.
pub(super) fn signed(value: f64) -> String {
    let words = millis(value.abs());
    if value < 0.0 { format!("-{words}") } else { format!("+{words}") }
}

/// The bounds of a change: `+8.1% to +11.9%`.
pub(super) fn bounds(ratio: Interval) -> String {
    format!("{} to {}", change(ratio.low), change(ratio.high))
}

/// What a figure's verdict means, where its numbers alone do not say it.
pub(super) fn explained(told: &Told) -> Option<String> {
    match told {
        Told::Nothing(reason) => Some(reason.clone()),
        Told::ByBounds(by, verdict) => {
            let word = if *verdict == Verdict::Improved { "lower" } else { "higher" };
            Some(format!("at least {} {word}, by the bounds alone", millis(*by)))
        }
        Told::Measured(measured, Verdict::Unchanged(how)) => Some(match how {
            Unchanged::Same => format!("the same to within {}", millis(measured.matters)),
            Unchanged::Small => {
                format!(
                    "there is a difference, and it is less than the {} that matter",
                    millis(measured.matters)
                )
            }
            Unchanged::NotShown => format!(
                "no difference that these runs could show: they could have shown one from {} on",
                millis(measured.shown_from)
            ),
        }),
        Told::Measured(..) => None,
    }
}

/// The verdict in one sentence.
pub(super) fn verdict(comparison: &Comparison) -> String {
    let figures =
        || comparison.groups.iter().flat_map(|group| group.figures.iter().map(move |figure| (group, figure)));
    let names = |wanted: Verdict| {
        let named = figures().filter(|(_, figure)| figure.told.verdict() == wanted).map(|(group, figure)| {
            let by = match &figure.told {
                Told::Measured(measured, _) => {
                    format!(" by {}", change(measured.ratio.point).trim_start_matches('+'))
                }
                _ => String::new(),
            };
            let beside =
                group.name.split_once('{').map_or(String::new(), |(_, tags)| format!(" of {{{tags}"));
            format!("{}{beside}{by}", figure.name)
        });
        named.collect::<Vec<_>>().join(", ")
    };
    let rest = match comparison.verdict {
        Verdict::Improved => format!("{} in B", names(Verdict::Improved)),
        Verdict::Regressed => format!("{} in B", names(Verdict::Regressed)),
        Verdict::Mixed => {
            format!("regressed {}; improved {}", names(Verdict::Regressed), names(Verdict::Improved))
        }
        Verdict::Unchanged(Unchanged::Same) => "both sides are the same, as far as it matters".to_owned(),
        Verdict::Unchanged(Unchanged::Small) => "the differences are smaller than what matters".to_owned(),
        Verdict::Unchanged(Unchanged::NotShown) => "no difference that these runs could show".to_owned(),
        Verdict::CannotBeTold => "see the reasons above".to_owned(),
    };
    let count = figures().filter(|(_, figure)| figure.told.verdict() == Verdict::CannotBeTold).count();
    let untold = match (count, comparison.verdict) {
        (0, _) | (_, Verdict::CannotBeTold) => String::new(),
        (1 | 2, _) => format!("; {} cannot be told", names(Verdict::CannotBeTold)),
        _ => format!("; {count} of {} figures cannot be told", figures().count()),
    };
    format!("{}: {rest}{untold}", comparison.verdict.words().to_uppercase())
}

/// How it was done and what it does not say.
pub(super) fn notes(comparison: &Comparison) -> Vec<String> {
    let figures: usize = comparison.groups.iter().map(|group| group.figures.len()).sum();
    let smallest = comparison.smallest;
    let mut notes = vec![format!(
        "each interval holds with {}, so that all {figures} hold together with {}; what matters is {} and {} at least",
        percent(comparison.level),
        percent(CONFIDENCE),
        percent(smallest.share),
        millis(smallest.millis)
    )];
    notes.push(if comparison.single_runs() {
        "one run a side: how much two runs of the same pipeline differ is not known, so a difference may be that of these two runs; give several a side, as in compare A1 A2 A3 -- B1 B2 B3".to_owned()
    } else {
        "several runs a side: the intervals hold for another set of runs, for they have the noise between runs in them".to_owned()
    });
    notes.push(format!("{RESAMPLES} resamples of blocks of seconds, seed {}", comparison.seed));
    notes
}

/// What the columns of [`cells`] are called, after the name of the latency.
pub(super) const HEAD: [&str; 6] = ["A", "B", "difference", "change", "interval", "verdict"];

/// The cells of a figure: both sides, difference, change, interval, verdict.
pub(super) fn cells(figure: &Compared) -> [String; 6] {
    use streamgauge_shared::report::figure_words;
    let [difference, by, interval] = match &figure.told {
        Told::Measured(measured, _) => {
            [signed(measured.difference.point), change(measured.ratio.point), bounds(measured.ratio)]
        }
        _ => ["-", "-", "-"].map(str::to_owned),
    };
    let verdict = figure.told.verdict().words().to_owned();
    [figure_words(figure.first.figure), figure_words(figure.second.figure), difference, by, interval, verdict]
}
