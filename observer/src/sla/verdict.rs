//! Whether an objective is met, and whether a burn rate counts, in one word.

use serde::Serialize;
use streamgauge_shared::exit_code::ExitCode;

/// Whether an objective is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is.
    Met,
    /// It is not.
    Missed,
    /// It is missed only if rows of which it cannot be told were beyond the bound.
    CannotBeTold,
    /// There are no rows, or too little of the time was measured.
    NoData,
}

impl Verdict {
    /// The word in text.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "MISSED",
            Self::CannotBeTold => "cannot be told",
            Self::NoData => "no data",
        }
    }

    /// What the process ends with.
    #[must_use]
    pub const fn exit_code(self) -> ExitCode {
        match self {
            Self::Met => ExitCode::Passed,
            Self::Missed | Self::CannotBeTold => ExitCode::ThresholdCrossed,
            Self::NoData => ExitCode::MeasurementInvalid,
        }
    }

    /// The verdict over several: a miss is one whatever else is, then what cannot be told, then no data.
    pub(super) fn of_all(verdicts: impl IntoIterator<Item = Self>) -> Self {
        let gravity = |verdict: Self| match verdict {
            Self::Met => 0,
            Self::NoData => 1,
            Self::CannotBeTold => 2,
            Self::Missed => 3,
        };
        verdicts.into_iter().max_by_key(|verdict| gravity(*verdict)).unwrap_or(Self::NoData)
    }
}

/// What a pair of burn rates says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BurnState {
    /// Both are at the threshold or above.
    Burning,
    /// They are not.
    Fine,
    /// Too few rows to say.
    TooFewRows,
    /// Too little of the time was measured.
    NoData,
    /// Not even with every row bad is the threshold reached.
    OutOfReach,
}

impl BurnState {
    /// The words in text.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Burning => "BURNING",
            Self::Fine => "fine",
            Self::TooFewRows => "too few rows",
            Self::NoData => "no data",
            Self::OutOfReach => "out of reach",
        }
    }
}
