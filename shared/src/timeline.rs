//! The points in time of one operation, and the latencies between them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::time::{Nanos, UnixNanos};

/// What is known of one operation's way, all on the observer's time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// Its tick in an open loop; otherwise the moment its step became runnable, before a connection was asked for.
    pub intended: UnixNanos,
    /// How long it waited for a connection; part of `sent − intended`.
    pub connection_wait: Nanos,
    /// With a connection in hand, immediately before the statement was handed to the PostgreSQL client.
    pub sent: UnixNanos,
    /// The commit acknowledgement arrived; absent until then.
    pub committed: Option<UnixNanos>,
    /// The server reply that holds the change event arrived; absent until then.
    pub observed: Option<UnixNanos>,
    /// `wallTime` of the change event (1 ms, mongod's clock); absent before MongoDB 6.0.
    pub wall: Option<UnixNanos>,
}

/// The latencies by the names that thresholds and reports use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Latency {
    /// observed − sent: the headline.
    CdcE2eLatency,
    /// observed − intended: free of coordinated omission.
    CdcE2eLatencyIntended,
    /// observed − committed, signed: the event may beat the acknowledgement.
    CdcPropagation,
    /// committed − sent.
    PgWriteDuration,
    /// observed − `wallTime`.
    MongoVisibility,
    /// sent − intended.
    ScheduleLag,
    /// The part of the schedule lag spent waiting for a connection.
    ConnectionWait,
    /// From the start of an iteration to its end; has no entity and no operation.
    IterationDuration,
}

impl Latency {
    /// All of them, in the order reports print them.
    pub const ALL: [Self; 8] = [
        Self::CdcE2eLatency,
        Self::CdcE2eLatencyIntended,
        Self::CdcPropagation,
        Self::PgWriteDuration,
        Self::MongoVisibility,
        Self::ScheduleLag,
        Self::ConnectionWait,
        Self::IterationDuration,
    ];

    /// The name in thresholds, JSON and (with its prefix and unit) in Prometheus.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CdcE2eLatency => "cdc_e2e_latency",
            Self::CdcE2eLatencyIntended => "cdc_e2e_latency_intended",
            Self::CdcPropagation => "cdc_propagation",
            Self::PgWriteDuration => "pg_write_duration",
            Self::MongoVisibility => "mongo_visibility",
            Self::ScheduleLag => "schedule_lag",
            Self::ConnectionWait => "connection_wait",
            Self::IterationDuration => "iteration_duration",
        }
    }

    /// How it is computed, in words; the help text of its family in Prometheus.
    #[must_use]
    pub const fn formula(self) -> &'static str {
        match self {
            Self::CdcE2eLatency => "observed minus sent",
            Self::CdcE2eLatencyIntended => "observed minus intended: free of coordinated omission",
            Self::CdcPropagation => {
                "observed minus committed, where the event came after the acknowledgement"
            }
            Self::PgWriteDuration => "committed minus sent",
            Self::MongoVisibility => "observed minus the event's wallTime",
            Self::ScheduleLag => "sent minus intended",
            Self::ConnectionWait => "The part of sent minus intended spent waiting for a connection",
            Self::IterationDuration => "From the start of an iteration to its end, where it ran to its end",
        }
    }

    /// Whether it ends at the arrival in MongoDB: then operations that have not arrived count in its percentiles.
    #[must_use]
    pub const fn ends_at_arrival(self) -> bool {
        matches!(
            self,
            Self::CdcE2eLatency | Self::CdcE2eLatencyIntended | Self::CdcPropagation | Self::MongoVisibility
        )
    }

    /// What values it can have at all: a threshold whose bound lies outside means nothing.
    #[must_use]
    pub const fn range(self) -> LatencyRange {
        match self {
            // An event may beat the acknowledgement, and `wallTime` is on mongod's clock.
            Self::CdcPropagation | Self::MongoVisibility => LatencyRange::Signed,
            Self::ScheduleLag | Self::ConnectionWait | Self::IterationDuration => LatencyRange::FromZero,
            Self::CdcE2eLatency | Self::CdcE2eLatencyIntended | Self::PgWriteDuration => {
                LatencyRange::AboveZero
            }
        }
    }

    /// Whether it spans writer and observer, so that the bound on their clocks' offset is an error of it.
    #[must_use]
    pub const fn is_between_programs(self) -> bool {
        matches!(self, Self::CdcE2eLatency | Self::CdcE2eLatencyIntended | Self::CdcPropagation)
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Latency {
    type Err = ();
    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|latency| latency.name() == name).ok_or(())
    }
}

/// What values a latency can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatencyRange {
    /// Any number: its two ends are events of which either may come first.
    Signed,
    /// 0 or more.
    FromZero,
    /// More than 0: something is sent over a network in between.
    AboveZero,
}

/// What is known of one latency of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The value.
    Measured(Nanos),
    /// The time of its end cannot be believed: the value lies between two bounds.
    Between {
        /// The least it can be.
        at_least: Nanos,
        /// The most it can be; absent where nothing is known of its end.
        at_most: Option<Nanos>,
    },
}

impl Reading {
    /// The value, where it is known.
    #[must_use]
    pub const fn measured(self) -> Option<Nanos> {
        match self {
            Self::Measured(value) => Some(value),
            Self::Between { .. } => None,
        }
    }
}

impl Timeline {
    /// What is known of a latency of an operation that has all of its points, `observed` perhaps at a time that cannot
    /// be believed. Then the arrival came at the latest when it was read, and not before the row was sent.
    #[must_use]
    pub fn reading(&self, latency: Latency, measured: bool) -> Reading {
        let value = self.latency(latency);
        match value.filter(|_| measured || !latency.ends_at_arrival()) {
            Some(value) => Reading::Measured(value),
            None => {
                let earliest = Self { observed: Some(self.sent), ..*self };
                Reading::Between { at_least: earliest.latency(latency).unwrap_or_default(), at_most: value }
            }
        }
    }

    /// The value of one latency, or nothing while one of its ends is unknown.
    /// [`Latency::IterationDuration`] is not a property of one operation: always nothing.
    #[must_use]
    pub fn latency(&self, latency: Latency) -> Option<Nanos> {
        match latency {
            Latency::CdcE2eLatency => Some(self.observed? - self.sent),
            Latency::CdcE2eLatencyIntended => Some(self.observed? - self.intended),
            Latency::CdcPropagation => Some(self.observed? - self.committed?),
            Latency::PgWriteDuration => Some(self.committed? - self.sent),
            Latency::MongoVisibility => Some(self.observed? - self.wall?),
            Latency::ScheduleLag => Some(self.sent - self.intended),
            Latency::ConnectionWait => Some(self.connection_wait),
            Latency::IterationDuration => None,
        }
    }

    /// How old the latency is at `now` if the operation has not arrived: the least it can become.
    /// Nothing where it has not begun: before the commit, or before the write to MongoDB.
    #[must_use]
    pub fn age(&self, latency: Latency, now: UnixNanos) -> Option<Nanos> {
        latency.ends_at_arrival().then(|| Self { observed: Some(now), ..*self }.latency(latency))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_latency_is_the_difference_its_formula_says() {
        let row = Timeline {
            intended: UnixNanos(100),
            connection_wait: Nanos(7),
            sent: UnixNanos(110),
            committed: Some(UnixNanos(150)),
            observed: Some(UnixNanos(140)),
            wall: Some(UnixNanos(135)),
        };
        let values = Latency::ALL.map(|latency| row.latency(latency).map(|value| value.0));
        // Propagation is negative: the event beat the acknowledgement.
        assert_eq!(values, [Some(30), Some(40), Some(-10), Some(40), Some(5), Some(10), Some(7), None]);
        let waiting = Timeline { observed: None, wall: None, ..row };
        assert_eq!(waiting.latency(Latency::CdcE2eLatency), None);
        assert_eq!(waiting.age(Latency::CdcE2eLatency, UnixNanos(1_110)), Some(Nanos(1_000)));
        assert_eq!(waiting.age(Latency::PgWriteDuration, UnixNanos(1_110)), None);
        assert_eq!(waiting.age(Latency::MongoVisibility, UnixNanos(1_110)), None);
    }

    #[test]
    fn an_unmeasured_arrival_came_after_its_row_was_sent_and_at_the_latest_when_it_was_read() {
        let row = Timeline {
            intended: UnixNanos(100),
            connection_wait: Nanos(7),
            sent: UnixNanos(110),
            committed: Some(UnixNanos(150)),
            observed: Some(UnixNanos(640)),
            wall: None,
        };
        let between =
            |at_least, at_most| Reading::Between { at_least: Nanos(at_least), at_most: Some(Nanos(at_most)) };
        assert_eq!(row.reading(Latency::CdcE2eLatency, false), between(0, 530));
        assert_eq!(row.reading(Latency::CdcE2eLatencyIntended, false), between(10, 540));
        assert_eq!(
            row.reading(Latency::CdcPropagation, false),
            between(-40, 490),
            "the event may beat the answer"
        );
        assert_eq!(row.reading(Latency::CdcE2eLatency, true), Reading::Measured(Nanos(530)));
        assert_eq!(
            row.reading(Latency::PgWriteDuration, false),
            Reading::Measured(Nanos(40)),
            "it does not end there"
        );
    }

    #[test]
    fn names_are_read_back() {
        for latency in Latency::ALL {
            assert_eq!(latency.name().parse(), Ok(latency));
        }
        assert_eq!("cdc_e2e".parse::<Latency>(), Err(()));
    }
}
