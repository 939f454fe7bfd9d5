//! How long the planned users of a scenario were without a session with PostgreSQL. Pure.

use std::collections::BTreeMap;

use streamgauge_shared::time::{Nanos, UnixNanos};

/// The users of a scenario that have no session, and how long planned users had none.
///
/// A user is without one from the moment at which it asked for a session that it did not get, until it has one.
/// Only the time counts for which the user is planned, from the beginning of the measured load.
#[derive(Debug)]
pub(super) struct WithoutSession {
    begins: UnixNanos,
    /// Users with the numbers up to this are planned.
    planned: u32,
    /// Since when, by the user's number; nothing for one that is not planned now.
    users: BTreeMap<u32, Option<UnixNanos>>,
    /// What is over.
    sum: Nanos,
}

impl WithoutSession {
    pub(super) fn new(begins: UnixNanos) -> Self {
        Self { begins, planned: 0, users: BTreeMap::new(), sum: Nanos::ZERO }
    }

    /// The plan changes to so many users at a moment.
    pub(super) fn plan(&mut self, users: u32, at: UnixNanos) {
        let (fewer, more) = (self.planned.min(users), self.planned.max(users));
        let is_planned = users > self.planned;
        let changed = self.users.range_mut(fewer + 1..more.saturating_add(1));
        for (_, since) in changed {
            if let Some(since) = since.take() {
                self.sum = self.sum + (at - since).max(Nanos::ZERO);
            }
            *since = is_planned.then(|| at.max(self.begins));
        }
        self.planned = users;
    }

    /// A user asked for a session and got none.
    pub(super) fn missing(&mut self, user: u32, asked: UnixNanos) {
        let since = (user <= self.planned).then(|| asked.max(self.begins));
        self.users.entry(user).or_insert(since);
    }

    /// A user has a session.
    pub(super) fn found(&mut self, user: u32, now: UnixNanos) {
        if let Some(Some(since)) = self.users.remove(&user) {
            self.sum = self.sum + (now - since).max(Nanos::ZERO);
        }
    }

    /// All of it until a moment.
    pub(super) fn until(&self, now: UnixNanos) -> Nanos {
        let open = self.users.values().flatten().map(|since| (now - *since).max(Nanos::ZERO));
        open.fold(self.sum, |sum, span| sum + span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> UnixNanos {
        UnixNanos(0) + Nanos::from_millis(millis)
    }

    #[test]
    fn only_the_time_counts_for_which_a_user_is_planned() {
        let mut without = WithoutSession::new(at(100));
        without.plan(3, at(0));
        for user in 1..=3 {
            without.missing(user, at(40));
        }
        assert_eq!(without.until(at(90)), Nanos::ZERO, "the load has not begun");
        assert_eq!(without.until(at(150)), Nanos::from_millis(150));
        // Two are not planned for a while; asking in vain again changes nothing.
        without.plan(1, at(200));
        without.missing(3, at(250));
        assert_eq!(without.until(at(300)), Nanos::from_millis(300 + 100));
        without.plan(3, at(300));
        without.found(2, at(350));
        without.found(1, at(400));
        without.found(1, at(500));
        assert_eq!(without.until(at(500)), Nanos::from_millis(200 + 200 + 50 + 100 + 200));
        without.plan(0, at(600));
        assert_eq!(without.until(at(9_000)), without.until(at(600)));
    }
}
