//! One writer's part of a run that several writers share.
//!
//! Everything that is counted is dealt out in turn, like cards: the n-th tick, and the n-th user, belong to
//! the writer with the index `n mod count`, n from 0. So the parts together are exactly the load that one
//! writer would produce, at exactly its moments (k6's striped execution segments), and two parts differ by
//! one at most.

/// Which part of the load is this writer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u16,
    count: u16,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// The part with an index, from 0, of so many.
    #[must_use]
    pub fn new(index: u16, count: u16) -> Option<Self> {
        (index < count).then_some(Self { index, count })
    }

    /// From 0.
    #[must_use]
    pub fn index(self) -> u16 {
        self.index
    }

    /// How many writers share the run.
    #[must_use]
    pub fn count(self) -> u16 {
        self.count
    }

    /// Whether the n-th of something is this writer's, n from 0.
    #[must_use]
    pub fn has(self, n: u64) -> bool {
        n % u64::from(self.count) == u64::from(self.index)
    }

    /// How many of so many are this writer's.
    #[must_use]
    pub fn part(self, of: u64) -> u64 {
        of.saturating_sub(u64::from(self.index)).div_ceil(u64::from(self.count))
    }

    /// How many of so many users are this writer's.
    ///
    /// # Panics
    /// Never: a part is not more than the whole.
    #[must_use]
    pub fn users(self, of: u32) -> u32 {
        u32::try_from(self.part(u64::from(of))).expect("a part is not more than the whole")
    }

    /// The number of one of its users among the users of all writers, both from 1.
    #[must_use]
    pub fn number(self, of_its_own: u32) -> u32 {
        (of_its_own - 1) * u32::from(self.count) + u32::from(self.index) + 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_parts_are_the_whole_and_nobody_has_anything_twice(count in 1..20_u16, of in 0..200_u32) {
            let shards: Vec<Shard> = (0..count).map(|index| Shard::new(index, count).expect("below")).collect();
            for n in 0..u64::from(of) {
                prop_assert_eq!(shards.iter().filter(|shard| shard.has(n)).count(), 1);
            }
            let users: Vec<u32> = shards.iter().map(|shard| shard.users(of)).collect();
            prop_assert_eq!(users.iter().sum::<u32>(), of);
            prop_assert!(users.iter().max().expect("one") - users.iter().min().expect("one") <= 1);
            let mut numbers: Vec<u32> = shards
                .iter()
                .flat_map(|shard| (1..=shard.users(of)).map(|user| shard.number(user)))
                .collect();
            numbers.sort_unstable();
            prop_assert_eq!(numbers, (1..=of).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_index_is_below_the_count() {
        assert_eq!(Shard::new(0, 1), Some(Shard::WHOLE));
        assert_eq!((Shard::new(2, 2), Shard::new(0, 0)), (None, None));
    }
}
