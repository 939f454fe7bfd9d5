//! What a relay is to do to its rows: as options of a command line, and back to such options for its process.

use std::time::Duration;

use clap::ValueEnum;
use streamgauge_shared::time::{Nanos, parse_duration};

use super::decimal::Decimal;
use super::encoding::Encoding;
use super::gather::Gather;
use super::pace::{Pacer, Rate};
use super::row_faults::RowFaults;
use super::shape::Shape;
use super::timing::{Jitter, Stall, Timing};
use crate::wait::span;

/// The known behaviour of a relay. Without any of it, rows go through as fast as they can.
///
/// Rows are written in the order of their commits, unless [`RowFaults`] says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Faults {
    /// How long the relay holds each row from the moment it was read
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub delay_ms: u64,
    /// How much longer it holds rows with each second since the first row it read, in ms; may have a fraction
    #[arg(long, value_name = "X")]
    pub delay_growth_ms_per_s: Option<Decimal>,
    /// The most rows it writes in a second, evenly spaced and never in a burst; may have a fraction
    #[arg(long, value_name = "N")]
    pub rate_limit: Option<Rate>,
    /// When it stops writing, after the first row it read, as in 30s
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "stall_for")]
    pub stall_at: Option<Nanos>,
    /// For how long it then writes nothing; what waited goes out as fast as the rate limit allows
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "stall_at")]
    pub stall_for: Option<Nanos>,
    /// The distance of the moments at which it writes what waits, in ms since 1970: a pipeline that polls
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "batch_ms")]
    pub poll_ms: Option<u64>,
    /// How long the first row that waits waits for others, with which it is then written
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub batch_ms: Option<u64>,
    /// The most by which it holds a row longer than the rest, evenly drawn from `--seed` and the row's number;
    /// order stays
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub jitter_ms: u64,
    /// What jitter is drawn from
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// How rows lie in MongoDB
    #[arg(long, value_enum, default_value_t, value_name = "SHAPE")]
    pub shape: Shape,
    /// Leave the times of commit, reading and handing on in each document: __source_ts_us, __ts_us, kafka_ts
    #[arg(long)]
    pub marks: bool,
    /// Write decimals as the base64 of their digits without the point
    #[arg(long)]
    pub base64_decimals: bool,
    /// The column in whose place every update has a placeholder
    #[arg(long, value_name = "COLUMN")]
    pub leave_out: Option<String>,
    /// That placeholder; default __debezium_unavailable_value
    #[arg(long, value_name = "TEXT", requires = "leave_out")]
    pub placeholder: Option<String>,
    /// What is done to single rows
    #[command(flatten)]
    pub rows: RowFaults,
}

impl Faults {
    /// The options that say the same.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let nanos = |span: Nanos| format!("{}ns", span.0);
        let options = [
            ("--delay-ms", Some(self.delay_ms.to_string())),
            ("--delay-growth-ms-per-s", self.delay_growth_ms_per_s.map(|growth| growth.to_string())),
            ("--rate-limit", self.rate_limit.map(|rate| rate.to_string())),
            ("--stall-at", self.stall_at.map(nanos)),
            ("--stall-for", self.stall_for.map(nanos)),
            ("--poll-ms", self.poll_ms.map(|every| every.to_string())),
            ("--batch-ms", self.batch_ms.map(|length| length.to_string())),
            ("--jitter-ms", Some(self.jitter_ms.to_string())),
            ("--seed", Some(self.seed.to_string())),
            ("--shape", self.shape.to_possible_value().map(|value| value.get_name().to_owned())),
            ("--leave-out", self.leave_out.clone()),
            ("--placeholder", self.placeholder.clone()),
        ];
        let given = options.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?]));
        let flags = [("--marks", self.marks), ("--base64-decimals", self.base64_decimals)];
        let flags = flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| name.to_owned());
        given.flatten().chain(flags).chain(self.rows.arguments()).collect()
    }

    pub(super) fn encoding(&self) -> Encoding {
        Encoding {
            base64_decimals: self.base64_decimals,
            left_out: self.leave_out.clone(),
            placeholder: self.placeholder.clone(),
        }
    }

    pub(super) fn timing(&self) -> Timing {
        let stall = self.stall_at.zip(self.stall_for).map(|(at, length)| Stall { at, length });
        let delay = span(Duration::from_millis(self.delay_ms));
        let jitter = Jitter { most: span(Duration::from_millis(self.jitter_ms)), seed: self.seed };
        Timing::new(delay, self.delay_growth_ms_per_s.unwrap_or_default(), stall, jitter)
    }

    pub(super) fn gather(&self) -> Gather {
        let millis = |millis| span(Duration::from_millis(millis));
        match (self.poll_ms, self.batch_ms) {
            (Some(every), _) => Gather::Poll(millis(every)),
            (None, Some(length)) => Gather::Batch(millis(length), None),
            (None, None) => Gather::Each,
        }
    }

    pub(super) fn pacer(&self) -> Option<Pacer> {
        self.rate_limit.map(Pacer::new)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        faults: Faults,
    }

    fn parse(arguments: &[&str]) -> Result<Faults, String> {
        let program = Program::try_parse_from([&["program"], arguments].concat());
        program.map(|program| program.faults).map_err(|error| error.to_string())
    }

    #[test]
    fn every_fault_survives_its_options() {
        let all = [
            ["--delay-ms", "250"],
            ["--delay-growth-ms-per-s", "1.5"],
            ["--rate-limit", "0.3"],
            ["--stall-at", "1500000000ns"],
            ["--stall-for", "20s"],
            ["--jitter-ms", "20"],
            ["--seed", "7"],
            ["--shape", "soft-delete-update"],
            ["--drop-every", "9"],
            ["--duplicate-every", "8"],
            ["--reorder-every", "7"],
            ["--coalesce-every", "6"],
            ["--withhold-ms", "300"],
            ["--corrupt-every", "5"],
            ["--leave-out", "note"],
            ["--placeholder", "~gone~"],
        ];
        for arguments in [&[], &all[..1], &all[1..3], &all[3..], &all[5..8], &all[8..], &all[..]] {
            let faults = parse(&arguments.concat()).unwrap();
            let again = faults.arguments();
            assert_eq!(parse(&again.iter().map(String::as_str).collect::<Vec<_>>()), Ok(faults));
        }
        let marked = parse(&["--marks"]).unwrap();
        assert!(marked.marks && marked.arguments().contains(&"--marks".to_owned()));
        let encoded = parse(&["--base64-decimals"]).unwrap();
        assert!(encoded.base64_decimals && encoded.arguments().contains(&"--base64-decimals".to_owned()));
        for gathered in [["--poll-ms", "500"], ["--batch-ms", "100"]] {
            let faults = parse(&gathered).unwrap();
            let again = faults.arguments();
            assert!(again.windows(2).any(|pair| pair == gathered), "{again:?}");
            assert_ne!(faults.gather(), Gather::Each);
        }
        assert_eq!(parse(&[]), Ok(Faults::default()));
        assert_eq!(parse(&all[3..].concat()).unwrap().stall_for, Some(Nanos::from_secs(20)));
    }

    #[test]
    fn wrong_options_are_refused_with_the_way_out() {
        let cases: [(&[&str], &str); 8] = [
            (&["--poll-ms", "0"], "1.."),
            (&["--poll-ms", "5", "--batch-ms", "5"], "cannot be used with"),
            (&["--drop-every", "0"], "invalid value '0'"),
            (&["--shape", "round"], "unwrapped-replace"),
            (&["--rate-limit", "0"], "write more than 0 rows a second"),
            (&["--rate-limit=-5"], "write digits"),
            (&["--stall-at", "5", "--stall-for", "5s"], "'5' has no unit"),
            (&["--stall-at", "5s"], "--stall-for <DURATION>"),
        ];
        for (arguments, part) in cases {
            let error = parse(arguments).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
