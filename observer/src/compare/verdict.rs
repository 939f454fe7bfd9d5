//! What a comparison comes to, in words.

/// Of one figure, or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Less than before: better.
    Improved,
    /// More than before: worse.
    Regressed,
    /// No difference that matters and could be shown.
    Unchanged(Unchanged),
    /// Some figures improved and some regressed.
    Mixed,
    /// The runs do not say.
    CannotBeTold,
}

/// In what way nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unchanged {
    /// The whole interval lies within what does not matter.
    Same,
    /// There is a difference, and it is smaller than what matters.
    Small,
    /// No difference that these runs could show.
    NotShown,
}

impl Verdict {
    /// The word for scripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Improved => "improved",
            Self::Regressed => "regressed",
            Self::Unchanged(_) => "unchanged",
            Self::Mixed => "mixed",
            Self::CannotBeTold => "cannot_be_told",
        }
    }

    /// The words for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::CannotBeTold => "cannot be told",
            other => other.name(),
        }
    }
}

/// The verdict of all figures together: what some of them say holds, unless others say the opposite.
#[must_use]
pub fn overall(verdicts: &[Verdict]) -> Verdict {
    let any = |wanted: Verdict| verdicts.contains(&wanted);
    match (any(Verdict::Improved), any(Verdict::Regressed)) {
        (true, true) => Verdict::Mixed,
        (true, false) => Verdict::Improved,
        (false, true) => Verdict::Regressed,
        (false, false) => {
            let unchanged = |wanted| any(Verdict::Unchanged(wanted)).then_some(Verdict::Unchanged(wanted));
            // The least that is known of any of them.
            unchanged(Unchanged::NotShown)
                .or_else(|| unchanged(Unchanged::Small))
                .or_else(|| unchanged(Unchanged::Same))
                .unwrap_or(Verdict::CannotBeTold)
        }
    }
}

/// Why a gate that fails on a regression of at least `limit` (0.1 is 10 %) is not passed; nothing where it is.
/// `worst` is the largest change that is sure, by the end of its interval that is nearer to none.
#[must_use]
pub fn gate(verdict: Verdict, worst: Option<f64>, limit: f64) -> Option<String> {
    let limit_words = percent(limit);
    match verdict {
        Verdict::Mixed => {
            Some("some figures improved and some regressed: which of them matters is yours to say".to_owned())
        }
        Verdict::CannotBeTold => Some("the runs do not say whether anything regressed".to_owned()),
        Verdict::Regressed => {
            let worst = worst.filter(|worst| *worst >= limit)?;
            Some(format!("a figure is at least {} worse, and {limit_words} is the limit", percent(worst)))
        }
        Verdict::Improved | Verdict::Unchanged(_) => None,
    }
}

/// A share as a number of percent with one decimal: `10.0%`.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// A ratio as a change with its sign: 1.1 is `+10.0%`.
#[must_use]
pub fn change(ratio: f64) -> String {
    let change = (ratio - 1.0) * 100.0;
    // No "-0.0%".
    format!("{:+.1}%", if change.abs() < 0.05 { 0.0 } else { change })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_some_figures_say_holds_unless_others_say_the_opposite() {
        use Unchanged::{NotShown, Same};
        use Verdict::{CannotBeTold, Improved, Mixed, Regressed};
        assert_eq!(overall(&[Verdict::Unchanged(Same), Regressed, CannotBeTold]), Regressed);
        assert_eq!(overall(&[Improved, Verdict::Unchanged(Same)]), Improved);
        assert_eq!(overall(&[Improved, Regressed]), Mixed);
        assert_eq!(
            overall(&[Verdict::Unchanged(Same), Verdict::Unchanged(NotShown)]),
            Verdict::Unchanged(NotShown)
        );
        assert_eq!(overall(&[Verdict::Unchanged(Same), CannotBeTold]), Verdict::Unchanged(Same));
        assert_eq!(overall(&[CannotBeTold]), CannotBeTold);
        assert_eq!(overall(&[]), CannotBeTold);
    }

    #[test]
    fn the_gate_goes_by_what_is_sure_and_no_data_is_no_pass() {
        assert!(gate(Verdict::Regressed, Some(0.08), 0.1).is_none());
        assert_eq!(
            gate(Verdict::Regressed, Some(0.12), 0.1).as_deref(),
            Some("a figure is at least 12.0% worse, and 10.0% is the limit")
        );
        assert!(
            gate(Verdict::Mixed, None, 0.1).is_some() && gate(Verdict::CannotBeTold, None, 0.1).is_some()
        );
        assert!(gate(Verdict::Improved, None, 0.1).is_none());
        assert_eq!(
            (change(0.9999), change(1.1), change(0.5)),
            ("+0.0%".into(), "+10.0%".into(), "-50.0%".into())
        );
    }
}
