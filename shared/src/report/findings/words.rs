//! Times and sizes as the findings' sentences write them.

use crate::report::text::as_share;
use crate::time::Nanos;

const BYTES_PER_MIB: f64 = 1_048_576.0;

pub(super) fn seconds(seconds: f64) -> String {
    millis(seconds * 1_000.0)
}

pub(super) fn millis(millis: f64) -> String {
    Nanos::from_millis_f64(millis).to_string()
}

pub(super) fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / BYTES_PER_MIB)
}

/// A share in percent, as every rendering writes it.
pub(super) fn share(rate: f64) -> String {
    as_share(rate)
}
