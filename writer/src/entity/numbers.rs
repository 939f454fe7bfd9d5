//! The numbers that a writer gives the keys of its rows; see [`streamgauge_shared::test_file::Sequence`] for how the writers of a run share them.

use std::sync::atomic::{AtomicU64, Ordering};

use streamgauge_shared::test_file::Model;

use crate::schedule::Shard;

/// The numbers of a writer, for all users at once.
#[derive(Debug)]
pub struct Numbers {
    shard: Shard,
    /// One for each of the model's entities; nothing where its key is no sequence.
    entities: Vec<Option<Counter>>,
}

#[derive(Debug)]
struct Counter {
    first: i64,
    greatest: i64,
    taken: AtomicU64,
}

/// A number for a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// At most the greatest that the column can take.
    pub value: i64,
    /// All numbers up to the greatest are used up: this one may have been given before.
    pub used_up: bool,
}

impl Numbers {
    /// The numbers of a writer of a run whose entities start with these; what is missing starts as the model says.
    #[must_use]
    pub fn new(model: &Model, first: &[i64], shard: Shard) -> Self {
        let counter = |(index, entity): (usize, &streamgauge_shared::test_file::Entity)| {
            let (column, _, sequence) = entity.sequence()?;
            Some(Counter {
                first: first.get(index).copied().unwrap_or_default().max(sequence.start),
                greatest: sequence.greatest(entity.columns[column].kind),
                taken: AtomicU64::new(0),
            })
        };
        Self { shard, entities: model.entities.iter().enumerate().map(counter).collect() }
    }

    /// The number of an entity's next row; nothing where its key is no sequence.
    pub fn next(&self, entity: usize) -> Option<Number> {
        let Counter { first, greatest, taken } = self.entities[entity].as_ref()?;
        let n = taken.fetch_add(1, Ordering::Relaxed);
        let number = i128::from(*first)
            + i128::from(n) * i128::from(self.shard.count())
            + i128::from(self.shard.index());
        let value = i64::try_from(number).ok().filter(|number| number <= greatest);
        Some(Number { value: value.unwrap_or(*greatest), used_up: value.is_none() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use streamgauge_shared::test_file::{ColumnType, Generator, Model, Sequence};

    use super::*;
    use crate::entity::tests::{column, entity};

    fn model(kind: ColumnType) -> Model {
        let numbered = Generator::Sequence(Sequence { start: 5, text: None });
        let plain = vec![column("id", ColumnType::Uuid, Generator::Uuid)];
        let by_number = vec![column("id", kind, numbered)];
        Model { entities: vec![entity("plain", &[0], plain), entity("numbered", &[0], by_number)] }
    }

    #[test]
    fn the_writers_of_a_run_give_each_number_once() {
        let (model, mut seen) = (model(ColumnType::Bigint), BTreeSet::new());
        for index in 0..3 {
            let numbers = Numbers::new(&model, &[0, 40], Shard::new(index, 3).expect("below"));
            assert_eq!(numbers.next(0), None);
            for _ in 0..10 {
                let number = numbers.next(1).expect("a sequence");
                assert!(!number.used_up && seen.insert(number.value), "{number:?} twice");
            }
        }
        assert_eq!(seen, (40..70).collect());
    }

    #[test]
    fn a_number_never_leaves_the_columns_range() {
        let last = i64::from(i32::MAX);
        let numbers = Numbers::new(&model(ColumnType::Integer), &[0, last - 1], Shard::WHOLE);
        let taken: Vec<(i64, bool)> =
            (0..3).filter_map(|_| numbers.next(1)).map(|number| (number.value, number.used_up)).collect();
        assert_eq!(taken, [(last - 1, false), (last, false), (last, true)]);
        let numbers =
            Numbers::new(&model(ColumnType::Bigint), &[0, i64::MAX], Shard::new(1, 2).expect("below"));
        assert_eq!(numbers.next(1), Some(Number { value: i64::MAX, used_up: true }));
        let numbers = Numbers::new(&model(ColumnType::Bigint), &[], Shard::WHOLE);
        assert_eq!(numbers.next(1).map(|number| number.value), Some(5), "as the model says");
    }
}
