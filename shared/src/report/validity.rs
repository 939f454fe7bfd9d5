//! Whether a run is to be believed, as the report says it.

use serde::{Deserialize, Serialize};

use crate::finding::Finding;

/// Whether a run is to be believed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validity {
    /// The worst of the reasons' grades.
    pub state: ValidityState,
    /// Why it is not [`ValidityState::Valid`]; empty otherwise.
    pub reasons: Vec<Reason>,
}

/// One reason against believing the figures.
pub type Reason = Finding<ValidityState>;

/// The grades of trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValidityState {
    /// Nothing speaks against the figures.
    Valid,
    /// Some figures are weaker than they look; the reasons say which.
    Degraded,
    /// The figures must not be believed.
    Invalid,
}

impl ValidityState {
    /// The three, in the order of their gravity.
    pub const ALL: [Self; 3] = [Self::Valid, Self::Degraded, Self::Invalid];

    /// The word in labels and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Degraded => "degraded",
            Self::Invalid => "invalid",
        }
    }
}
