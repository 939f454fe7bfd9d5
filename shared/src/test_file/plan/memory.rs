//! What the two programs are estimated to take, part by part.
//!
//! The parts are of a run at its peak rate in which every row takes as long as it may, one in a hundred never
//! arrives, and the link between the programs is away once for as long as the observer waits for it.

use super::super::{Entity, Test};
use super::{Plan, ScenarioPlan, expected};

/// Resident memory of an idle writer: code, runtime, the ledger's queue.
const WRITER_BYTES: u64 = 24 << 20;
/// Of one user: its task, its statement's values, its place in the queues.
const USER_BYTES: u64 = 16 << 10;
/// Of one session: the driver's buffers and its prepared statements.
const CONNECTION_BYTES: u64 = 128 << 10;
/// Of one live row in a pool: its values, its holder, its place among its siblings.
const POOLED_BYTES: u64 = 512;
/// Of one record of the ledger that the observer has not acknowledged, its key included.
const RECORD_BYTES: u64 = 256;
/// Records of one operation: it was sent, and what PostgreSQL answered.
const RECORDS_PER_OPERATION: f64 = 2.0;
/// Records that a writer keeps at most.
const RECORDS_MAX: f64 = 1e6;
/// How long the observer waits for a writer whose link is away, seconds.
const LINK_AWAY_S: f64 = 40.0;

/// Resident memory of an idle observer: code, runtime, driver.
const OBSERVER_BYTES: u64 = 48 << 20;
/// Of one operation that has not arrived, pending or lost, with a key of 36 characters: entry and place in the store
/// about 260, its key and a few verified columns on the heap 64, the row 64 to 128, two places in heaps 32 to 64, its
/// sequence 4 to 32. A row that arrived and was answered takes nothing. The matcher's tests hold what it keeps to it.
pub const ENTRY_BYTES: u64 = 544;
/// Of one event that waits for the record of its operation.
const EARLY_BYTES: u64 = 256;
/// Lost rows that the observer remembers at most.
const LOST_KEPT: f64 = 1e5;
/// Of one document whose key the sink chose, with the row that it is.
const DOCUMENT_BYTES: u64 = 136;
/// Such documents that the observer remembers at most.
const DOCUMENTS_KEPT: f64 = 1e6;
/// Of one histogram of one latency, with its buckets in use.
const HISTOGRAM_BYTES: u64 = 64 << 10;
/// Latencies that an operation has.
const LATENCIES: u64 = 7;
/// Of one row kept for `rows.jsonl`.
const ROW_BYTES: u64 = 256;
/// Delivered rows kept at most.
const ROWS_KEPT: f64 = 1e4;
/// The share of rows that is taken to be lost.
const LOST_SHARE: f64 = 0.01;

/// An estimate of resident memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Of the writer.
    pub writer: Vec<MemoryPart>,
    /// Of the observer.
    pub observer: Vec<MemoryPart>,
}

/// One part of an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryPart {
    /// In a few words.
    pub what: &'static str,
    /// How much.
    pub bytes: u64,
}

impl Memory {
    pub(super) fn of(test: &Test, plan: &Plan) -> Self {
        let per_s: f64 = plan.scenarios.iter().map(operations_per_s).sum();
        let total: f64 =
            plan.scenarios.iter().map(|scenario| scenario.iterations.as_f64() * each(scenario)).sum();
        let pooled = expected::pooled(&test.setup)
            + test
                .scenarios
                .iter()
                .zip(&plan.scenarios)
                .map(|(scenario, plan)| expected::pooled(&scenario.flow) * plan.iterations.as_f64())
                .sum::<f64>();
        // A closed loop without a pause says no rate: each user has one iteration on its way.
        let on_their_way = within(per_s * test.arrival_timeout.as_secs_f64(), total);
        let on_their_way =
            on_their_way.max(plan.scenarios.iter().map(|one| f64::from(one.peak_users) * each(one)).sum());
        let lost = LOST_SHARE * within(per_s * test.lost_after.as_secs_f64(), total)
            + (LOST_SHARE * total).min(LOST_KEPT);
        let away = within(per_s * LINK_AWAY_S, total);
        let series: usize = plan.scenarios.iter().map(|scenario| scenario.operations.len()).sum();
        let series = u64::try_from(series).unwrap_or(u64::MAX);
        let part = |what, bytes| MemoryPart { what, bytes };
        let has_learned = test.model.entities.iter().any(Entity::has_learned_documents);
        let documents =
            part("documents whose keys the sink chooses", bytes(total.min(DOCUMENTS_KEPT), DOCUMENT_BYTES));
        Self {
            writer: vec![
                part("at rest", WRITER_BYTES),
                part("users", u64::from(plan.peak_users) * USER_BYTES),
                part("sessions", u64::from(plan.connections) * CONNECTION_BYTES),
                part("rows in pools", bytes(pooled, POOLED_BYTES)),
                part(
                    "records while the link is away for 40 s",
                    bytes((away * RECORDS_PER_OPERATION).min(RECORDS_MAX), RECORD_BYTES),
                ),
            ],
            observer: vec![
                part("at rest", OBSERVER_BYTES),
                part("histograms", series * LATENCIES * HISTOGRAM_BYTES),
                part("rows on their way, each up to its deadline", bytes(on_their_way, ENTRY_BYTES)),
                part("lost rows, if 1 % are", bytes(lost, ENTRY_BYTES)),
                part(
                    "rows kept for rows.jsonl",
                    bytes(total.min(ROWS_KEPT) + (LOST_SHARE * total).min(LOST_KEPT), ROW_BYTES),
                ),
                part("events while the link is away for 40 s", bytes(away, EARLY_BYTES)),
            ]
            .into_iter()
            .chain(has_learned.then_some(documents))
            .collect(),
        }
    }

    /// All parts of the writer, bytes.
    #[must_use]
    pub fn writer_bytes(&self) -> u64 {
        self.writer.iter().map(|part| part.bytes).sum()
    }

    /// All parts of the observer, bytes.
    #[must_use]
    pub fn observer_bytes(&self) -> u64 {
        self.observer.iter().map(|part| part.bytes).sum()
    }
}

/// Operations of one iteration.
fn each(scenario: &ScenarioPlan) -> f64 {
    scenario.operations.iter().map(|operations| operations.each).sum()
}

/// Operations a second at most, as far as the schedule says it.
fn operations_per_s(scenario: &ScenarioPlan) -> f64 {
    let closed = || match scenario.load.as_secs_f64() {
        load if load > 0.0 => scenario.iterations.as_f64() / load,
        _ => 0.0,
    };
    scenario.peak_rate_per_s.unwrap_or_else(closed) * each(scenario)
}

/// A number, but no more than there is of all; 0 where that is not known.
fn within(number: f64, all: f64) -> f64 {
    if all > 0.0 { number.min(all) } else { number }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate; saturates")]
fn bytes(count: f64, each: u64) -> u64 {
    (count.max(0.0) as u64).saturating_mul(each)
}
