//! The highest rate that holds, as a search found it.

use crate::capacity::Capacity;

/// The result of a search, and each of its probes.
pub(super) fn lines(capacity: &Capacity) -> Vec<String> {
    let mut lines = vec![format!("capacity: {capacity}")];
    lines.extend((1..).zip(&capacity.probes).map(|(number, probe): (u32, _)| {
        let fate = probe.reason.as_ref().map_or("holds".to_owned(), |reason| format!("fails: {reason}"));
        format!(
            "  probe {number:>2}: {:>8.2} iterations/s, {:.1} rows/s sent, {:.1} arrived: {fate}",
            probe.rate_per_s, probe.sent_per_s, probe.arrived_per_s
        )
    }));
    lines
}
