//! Rows that wait for their moment, in the order they came.

use std::collections::VecDeque;

use streamgauge_shared::time::UnixNanos;

/// A queue in which each item has a moment before which it must not leave. Order is never changed.
#[derive(Debug)]
pub(super) struct DelayQueue<T> {
    items: VecDeque<(UnixNanos, T)>,
}

impl<T> DelayQueue<T> {
    pub(super) fn new() -> Self {
        Self { items: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Adds an item behind all others; it waits for those before it even when it is due sooner.
    pub(super) fn push(&mut self, due: UnixNanos, item: T) {
        self.items.push_back((due, item));
    }

    /// The first item, and when it is due.
    pub(super) fn front(&self) -> Option<(UnixNanos, &T)> {
        self.items.front().map(|(due, item)| (*due, item))
    }

    /// The items at the front that are due at `now` and that `gate` lets through: at most `count`, and after
    /// the first one no more than `bytes` together. `gate` is asked once for each item that leaves, with
    /// its due moment, and last for the one that it keeps back.
    pub(super) fn take_due(
        &mut self,
        now: UnixNanos,
        (count, bytes): (usize, usize),
        size: impl Fn(&T) -> usize,
        mut gate: impl FnMut(UnixNanos, &T) -> bool,
    ) -> Vec<T> {
        let mut taken = Vec::new();
        let mut total = 0;
        while taken.len() < count
            && let Some((due, item)) = self.items.front()
        {
            total += size(item);
            if *due > now || (total > bytes && !taken.is_empty()) || !gate(*due, item) {
                break;
            }
            taken.extend(self.items.pop_front().map(|(_, item)| item));
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(items: &[(i64, usize)]) -> DelayQueue<usize> {
        let mut queue = DelayQueue::new();
        for (due, item) in items {
            queue.push(UnixNanos(*due), *item);
        }
        queue
    }

    #[test]
    fn items_leave_in_order_and_never_early() {
        let mut queue = queue(&[(10, 1), (20, 2), (15, 3), (30, 4)]);
        let mut take = |now| queue.take_due(UnixNanos(now), (10, 100), |_| 0, |_, _| true);
        assert_eq!(take(9), [0_usize; 0]);
        assert_eq!(take(10), [1]);
        assert_eq!(take(19), [0_usize; 0], "3 is due, but waits behind 2");
        assert_eq!(take(20), [2, 3]);
        assert_eq!(queue.front(), Some((UnixNanos(30), &4)));
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn a_batch_ends_at_its_count_and_its_bytes_but_holds_at_least_one() {
        let mut queue = queue(&[(0, 3), (0, 3), (0, 9), (0, 1), (0, 1)]);
        let mut take = |count, bytes| queue.take_due(UnixNanos(0), (count, bytes), |size| *size, |_, _| true);
        assert_eq!(take(10, 6), [3, 3]);
        assert_eq!(take(10, 6), [9], "too large for any batch, so alone in one");
        assert_eq!(take(1, 6), [1]);
        assert_eq!(take(1, 6), [1]);
    }

    #[test]
    fn what_the_gate_keeps_back_stays_in_front() {
        let mut queue = queue(&[(0, 1), (0, 2), (0, 3)]);
        assert_eq!(queue.take_due(UnixNanos(5), (10, 10), |_| 0, |_, item| *item < 2), [1]);
        assert_eq!(queue.front(), Some((UnixNanos(0), &2)));
    }
}
