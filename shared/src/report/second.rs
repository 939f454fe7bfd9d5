//! One step of the course of a run: what the report shows of it, and what the findings are read from.

use serde::{Deserialize, Serialize};

use crate::account::as_f64;

/// One step of time of the measured phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Seconds since the phase began, at the start of the step.
    pub at_s: u64,
    /// How long the step is: 1 until the run is longer than the points kept.
    pub width_s: u64,
    /// Operations whose intended time is in the step, those among them that were never sent included; iterations that were
    /// dropped never became operations. Absent in reports of before it was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intended: Option<u64>,
    /// Operations sent.
    pub sent: u64,
    /// Operations that arrived.
    pub arrived: u64,
    /// The headline's mean over those that arrived; absent where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2e_mean: Option<f64>,
    /// The headline's largest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2e_max: Option<f64>,
    /// The headline's median over all that arrived in the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2e_p50: Option<f64>,
    /// Its 95th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2e_p95: Option<f64>,
    /// Its 99th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2e_p99: Option<f64>,
    /// Of the operations sent in the step, how many have arrived by now.
    #[serde(default)]
    pub arrived_of_sent: u64,
    /// When the last of those arrived, seconds since the phase began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_of_sent_s: Option<f64>,
    /// Iterations that ran to their end.
    #[serde(default)]
    pub iterations: u64,
    /// The mean of their durations; absent where none ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iteration_mean: Option<f64>,
    /// Entries pending at its end; like the following absent where nobody looked in the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<u64>,
    /// Users in an iteration at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_users: Option<u32>,
    /// Failed attempts to write and errors of the change stream since the run began, at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<u64>,
    /// Resident memory of all writers at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer_rss_bytes: Option<u64>,
    /// Resident memory of the observer at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observer_rss_bytes: Option<u64>,
}

impl Second {
    /// Its start, seconds since the phase began.
    #[must_use]
    pub fn start_s(&self) -> f64 {
        as_f64(self.at_s)
    }

    /// Its length in seconds.
    #[must_use]
    pub fn length_s(&self) -> f64 {
        as_f64(self.width_s)
    }

    /// Its end.
    #[must_use]
    pub fn end_s(&self) -> f64 {
        as_f64(self.at_s + self.width_s)
    }

    /// Its middle.
    #[must_use]
    pub fn middle_s(&self) -> f64 {
        self.start_s() + self.length_s() / 2.0
    }

    /// Entries pending at its end; none where nobody looked.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.pending.unwrap_or(0)
    }

    /// Users in an iteration at its end; none where nobody looked.
    #[must_use]
    pub fn users(&self) -> f64 {
        self.active_users.map_or(0.0, f64::from)
    }
}
