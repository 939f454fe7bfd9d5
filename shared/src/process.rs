//! What this process has used so far, as the kernel counts it.

use std::fs;

use crate::clock;
use crate::ledger::Process;

/// CPU time of all threads, the resident size and the largest it has been. A figure that the kernel does not give is 0.
#[must_use]
pub fn usage() -> Process {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    Process {
        cpu_s: clock::process_cpu().as_secs_f64(),
        peak_rss_bytes: bytes(&status, "VmHWM:").unwrap_or(0),
        rss_bytes: bytes(&status, "VmRSS:").unwrap_or(0),
    }
}

/// A line such as `VmHWM:     1234 kB`.
fn bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_read() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!((bytes(status, "VmHWM:"), bytes(status, "VmRSS:")), (Some(2_097_152), Some(1_048_576)));
        let usage = usage();
        assert!(usage.rss_bytes > 100_000 && usage.peak_rss_bytes >= usage.rss_bytes, "{usage:?}");
    }
}
