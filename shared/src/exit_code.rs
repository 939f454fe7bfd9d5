//! What a process tells its caller, in k6's numbers where k6 has one.

use serde::{Deserialize, Serialize};

/// The exit codes of both programs. Declared in the order of precedence: of several reasons the first applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ExitCode {
    /// 104: the configuration is wrong; nothing was started.
    InvalidConfiguration,
    /// 107: the run failed, or could not start.
    RunFailed,
    /// 105: a signal ended the run.
    Interrupted,
    /// 111: the measurement itself must not be believed. k6 has no such code.
    MeasurementInvalid,
    /// 99: a threshold was crossed, also when it aborted the run.
    ThresholdCrossed,
    /// 0: every threshold held.
    Passed,
}

impl ExitCode {
    /// The number for the operating system.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::InvalidConfiguration => 104,
            Self::RunFailed => 107,
            Self::Interrupted => 105,
            Self::MeasurementInvalid => 111,
            Self::ThresholdCrossed => 99,
            Self::Passed => 0,
        }
    }
}

/// Why a program, or a run, cannot go on: one sentence for a person and one number for a script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{sentence}")]
pub struct Failure {
    /// What the process ends with.
    pub exit_code: ExitCode,
    /// Names the setting, the value found, what is allowed and the way out. Never holds a password.
    pub sentence: String,
}

impl Failure {
    /// The configuration is wrong (104).
    pub fn configuration(sentence: impl Into<String>) -> Self {
        Self { exit_code: ExitCode::InvalidConfiguration, sentence: sentence.into() }
    }

    /// The run failed, or cannot start (107).
    pub fn run(sentence: impl Into<String>) -> Self {
        Self { exit_code: ExitCode::RunFailed, sentence: sentence.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::ExitCode::{self, *};

    #[test]
    fn the_first_that_applies_wins() {
        let mut shuffled =
            [Passed, ThresholdCrossed, RunFailed, MeasurementInvalid, InvalidConfiguration, Interrupted];
        shuffled.sort();
        assert_eq!(shuffled.map(ExitCode::number), [104, 107, 105, 111, 99, 0]);
    }
}
