//! What this process has used so far, as the kernel counts it.

use std::fs;

use crate::clock;
use crate::ledger::Process;

/// CPU time of all threads and the largest resident size. A figure that the kernel does not give is 0.
#[must_use]
pub fn usage() -> Process {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    Process {
        cpu_s: clock::process_cpu().as_secs_f64(),
        peak_rss_bytes: peak_rss_bytes(&status).unwrap_or(0),
    }
}

/// The line `VmHWM:     1234 kB`.
fn peak_rss_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_read() {
        assert_eq!(peak_rss_bytes("Name:\tx\nVmHWM:\t    2048 kB\n"), Some(2_097_152));
        let usage = usage();
        assert!(usage.peak_rss_bytes > 100_000, "{usage:?}");
    }
}
