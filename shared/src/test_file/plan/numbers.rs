//! Whether the numbers of a key's type are enough for the rows that a test makes.

use super::super::Test;
use super::{Operations, Plan, ScenarioPlan};
use crate::account::Operation;

impl Plan {
    /// What is too small for the test, one sentence for each entity whose key's numbers do not reach; `first` is the
    /// number that an entity starts with, by its index. A load of which nobody knows how many rows it makes is not
    /// judged.
    #[must_use]
    pub fn numbers_short(&self, test: &Test, first: impl Fn(usize) -> i64) -> Vec<String> {
        let short = |(index, entity): (usize, &crate::test_file::Entity)| {
            let (column, _, sequence) = entity.sequence()?;
            let column = &entity.columns[column];
            let (first, greatest) = (first(index), sequence.greatest(column.kind));
            let room =
                greatest.checked_sub(first).map_or(0, |room| room.saturating_add(1).max(0).unsigned_abs());
            let rows = self.rows_made(test, index);
            (rows > room).then(|| {
                format!(
                    "the key '{}' of entity '{}' is of type {}, which has numbers up to {greatest}: from {first} on that is {room}, and the test makes about {rows} rows; use bigint, let fewer rows be made, or start below",
                    column.name,
                    entity.name,
                    column.kind.declared()
                )
            })
        };
        test.model.entities.iter().enumerate().filter_map(short).collect()
    }

    /// Rows of an entity that a run makes, as far as it is known: setup, warm-up, load and teardown.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    fn rows_made(&self, test: &Test, entity: usize) -> u64 {
        let creates = |one: &&Operations| one.entity == entity && one.operation == Operation::Create;
        let once = self.setup.iter().chain(&self.teardown).filter(creates).map(|one| one.total.as_f64());
        let warm_up = test.warm_up.as_secs_f64();
        let of_load = |scenario: &ScenarioPlan| -> f64 {
            // The warm-up is the same load for another time, never faster than at its peak.
            let before = match (scenario.peak_rate_per_s, scenario.load.as_secs_f64()) {
                (Some(rate), _) => rate * warm_up,
                (None, load) if load > 0.0 => scenario.iterations.as_f64() * warm_up / load,
                (None, _) => 0.0,
            };
            let of_one = |one: &Operations| one.total.as_f64() + before * one.each;
            scenario.operations.iter().filter(creates).map(of_one).sum()
        };
        (once.sum::<f64>() + self.scenarios.iter().map(of_load).sum::<f64>()).ceil() as u64
    }
}
