//! The machine that a program runs on, as far as it can spoil a measurement.

use std::fs;
use std::thread::available_parallelism;

use super::{Finding, Severity};

/// Clock sources that are read without a system call or an exit to the hypervisor.
const FAST_SOURCES: [&str; 4] = ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter"];
/// Below this, threads that must not wait for each other share a core.
const CPUS_MIN: usize = 2;

/// What is known of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The kernel's clock source; absent where it cannot be read.
    pub clock_source: Option<String>,
    /// Cores that this process may use: affinity and cgroup limits count.
    pub cpus: Option<usize>,
    /// Periods in which the cgroup was throttled since it was made; absent without a limit.
    pub throttled: Option<u64>,
}

impl Host {
    /// Reads the machine that we run on.
    #[must_use]
    pub fn read() -> Self {
        let source = fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource");
        let statistics = fs::read_to_string("/sys/fs/cgroup/cpu.stat").unwrap_or_default();
        let throttled = statistics.lines().find_map(|line| line.strip_prefix("nr_throttled "));
        Self {
            clock_source: source.ok().map(|source| source.trim().to_owned()),
            cpus: available_parallelism().ok().map(usize::from),
            throttled: throttled.and_then(|count| count.trim().parse().ok()),
        }
    }

    /// What of it matters. Pure.
    #[must_use]
    pub fn judge(&self) -> Vec<Finding> {
        let clock = match self.clock_source.as_deref() {
            Some(source) if FAST_SOURCES.contains(&source) => Finding::fine("clock_source", source),
            Some(source) => Finding::new(
                "clock_source",
                Severity::Warning,
                format!("the kernel reads its time from '{source}'"),
                "each reading is a slow system call, of microseconds to tens of them, and is part of every latency",
                "on bare metal boot with clocksource=tsc if the CPU's counter is stable; in a virtual machine use kvm-clock or tsc",
            ),
            None => Finding::unknown("clock_source", "the kernel does not tell its clock source", ""),
        };
        let cpus = match self.cpus {
            Some(cpus) if cpus >= CPUS_MIN => Finding::fine("cpu", format!("{cpus} cores")),
            Some(cpus) => Finding::new(
                "cpu",
                Severity::Warning,
                format!("{cpus} core for this process (affinity and cgroup limit count)"),
                "threads that must wait for nothing wait for each other, and rows are stamped late",
                "give it two cores or more",
            ),
            None => Finding::unknown("cpu", "the number of cores cannot be read", ""),
        };
        let throttled = self.throttled.filter(|count| *count > 0).map(|count| {
            Finding::new(
                "cpu_throttled",
                Severity::Info,
                format!(
                    "the cgroup was stopped in {count} periods since it was made, for using up its CPU limit"
                ),
                "a program that is stopped for the rest of a period stamps its rows late",
                "raise the CPU limit, or remove it and set a request instead",
            )
        });
        [clock, cpus].into_iter().chain(throttled).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn severities(
        source: Option<&str>,
        cpus: Option<usize>,
        throttled: Option<u64>,
    ) -> Vec<(&'static str, Severity)> {
        let host = Host { clock_source: source.map(str::to_owned), cpus, throttled };
        host.judge().into_iter().map(|finding| (&*finding.code.leak(), finding.grade)).collect()
    }

    #[test]
    fn each_fact_of_a_machine_has_its_finding() {
        use Severity::{Fine, Info, Warning};
        let cases = [
            ((Some("tsc"), Some(4), None), vec![("clock_source", Fine), ("cpu", Fine)]),
            ((Some("kvm-clock"), Some(2), Some(0)), vec![("clock_source", Fine), ("cpu", Fine)]),
            ((Some("hpet"), Some(1), None), vec![("clock_source", Warning), ("cpu", Warning)]),
            ((None, None, Some(7)), vec![("clock_source", Info), ("cpu", Info), ("cpu_throttled", Info)]),
        ];
        for ((source, cpus, throttled), expected) in cases {
            assert_eq!(severities(source, cpus, throttled), expected);
        }
    }
}
