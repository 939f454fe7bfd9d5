//! What is counted of one scenario, and what of its load was to be written.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use streamgauge_shared::ledger::{Ending, ScenarioLoad};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::without_session::WithoutSession;
use crate::schedule::UserTime;

/// The counts of one scenario; those of iterations and ticks are of the measured phase.
#[derive(Debug, Default)]
pub struct ScenarioCount {
    /// Users of an open loop that exist; users of a closed loop that are planned to iterate.
    pub users: AtomicU32,
    /// One more user is being made.
    pub growing: AtomicBool,
    /// A tick was dropped and no more users may be made.
    pub insufficient: AtomicBool,
    iterations: AtomicU64,
    failed: AtomicU64,
    interrupted: AtomicU64,
    written: AtomicU64,
    /// Ticks, or of a fixed count of iterations the count.
    due: AtomicU64,
    dropped: AtomicU64,
    dropped_by_writer: AtomicU64,
    dropped_in_warm_up: AtomicU64,
    active: AtomicU32,
    peak: AtomicU32,
    /// Users that wait for a session, an answer of PostgreSQL, an arrival, or the end of a pause.
    waiting: AtomicU32,
    skipped: AtomicU64,
    not_expected: AtomicU64,
    begins: OnceLock<UnixNanos>,
    ended: OnceLock<UnixNanos>,
    /// When the last iteration of the measured phase ended.
    last_ended: AtomicI64,
    planned: OnceLock<Planned>,
}

/// The time of users that an executor plans.
#[derive(Debug)]
struct Planned {
    /// The load's start, from which the plan counts.
    start: UnixNanos,
    time: Mutex<UserTime>,
    without: Mutex<WithoutSession>,
}

/// Somebody waits for as long as it is there.
#[derive(Debug)]
pub(super) struct Waiting<'a>(&'a AtomicU32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ScenarioCount {
    /// The counts as they are told at a moment.
    #[must_use]
    pub fn load(&self, now: UnixNanos) -> ScenarioLoad {
        let ended = self.ended.get().copied();
        let until = ended.unwrap_or(now).min(now);
        let load_began = self.begins.get().copied().filter(|begins| *begins <= until);
        let (user_time, user_time_without_session) = self.user_time(until);
        ScenarioLoad {
            iterations: self.iterations.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            interrupted: self.interrupted.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            dropped_by_writer: self.dropped_by_writer.load(Ordering::Relaxed),
            load_began,
            load_ended: load_began.and(ended),
            iterations_due: load_began.map_or(0, |_| self.due.load(Ordering::Relaxed)),
            iterations_written: self.written.load(Ordering::Relaxed),
            user_time,
            user_time_without_session,
            active_users: self.active.load(Ordering::Relaxed),
            users: self.users.load(Ordering::Relaxed),
            peak_users: self.peak.load(Ordering::Relaxed),
            skipped_steps: self.skipped.load(Ordering::Relaxed),
            not_expected: self.not_expected.load(Ordering::Relaxed),
        }
    }

    /// The planned time of users until a moment, and the part of it without a session.
    fn user_time(&self, until: UnixNanos) -> (Nanos, Nanos) {
        let Some(Planned { start, time, without }) = self.planned.get() else {
            return (Nanos::ZERO, Nanos::ZERO);
        };
        let planned = time.lock().until(until - *start);
        // The plan's steps reach the users a little late: no more can be missing than was planned.
        (planned, without.lock().until(until).min(planned))
    }

    /// Ticks of the warm-up that found no free user.
    #[must_use]
    pub fn dropped_in_warm_up(&self) -> u64 {
        self.dropped_in_warm_up.load(Ordering::Relaxed)
    }

    /// The measured load begins at a moment. Heard once.
    pub fn begins_at(&self, begins: UnixNanos) {
        self.begins.get_or_init(|| begins);
    }

    /// The time of users is planned; the plan counts from the load's start.
    pub fn plan_users(&self, start: UnixNanos, time: UserTime) {
        let begins = self.begins.get().copied().unwrap_or(start);
        let without = Mutex::new(WithoutSession::new(begins));
        self.planned.get_or_init(|| Planned { start, time: Mutex::new(time), without });
    }

    /// So many iterations of a fixed count are due from the beginning.
    pub fn plan_iterations(&self, count: u64) {
        self.due.fetch_add(count, Ordering::Relaxed);
    }

    /// So many iterations of a fixed count are not due any more: an order has ended the load before its time.
    pub fn call_off_iterations(&self, count: u64) {
        self.due.fetch_sub(count, Ordering::Relaxed);
    }

    /// The load is over at a moment: no iteration starts any more. Heard once.
    pub fn ends_at(&self, ended: UnixNanos) {
        self.plan_changed(0, ended);
        self.ended.get_or_init(|| ended);
    }

    /// Every user has done all its iterations: the load was over with the last of them.
    pub fn is_done(&self, now: UnixNanos) {
        let last = self.last_ended.load(Ordering::Relaxed);
        self.ends_at(if last == 0 { now } else { UnixNanos(last) });
    }

    /// Iterations of the measured phase for which a tick was due so far.
    #[must_use]
    pub fn due(&self) -> u64 {
        self.due.load(Ordering::Relaxed)
    }

    pub(super) fn tick_due(&self) {
        self.due.fetch_add(1, Ordering::Relaxed);
    }

    /// A tick found no free user. It is the writer's fault if no user was waiting for anything.
    pub(super) fn drop_tick(&self, measured: bool) {
        let count = if measured { &self.dropped } else { &self.dropped_in_warm_up };
        count.fetch_add(1, Ordering::Relaxed);
        if measured && self.waiting.load(Ordering::Relaxed) == 0 {
            self.dropped_by_writer.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Iterations of a fixed count that nobody started in time.
    pub(super) fn drop_rest(&self, iterations: u64) {
        self.dropped.fetch_add(iterations, Ordering::Relaxed);
    }

    /// Users with the numbers up to this are to iterate from a moment on.
    pub(super) fn plan_changed(&self, users: u32, at: UnixNanos) {
        if let Some(planned) = self.planned.get()
            && self.ended.get().is_none()
        {
            planned.without.lock().plan(users, at);
        }
    }

    /// A user that asked for a session at this moment got none.
    pub(super) fn session_missing(&self, user: u32, asked: UnixNanos) {
        if let Some(planned) = self.planned.get() {
            planned.without.lock().missing(user, asked);
        }
    }

    /// A user that was without a session has one.
    pub(super) fn session_found(&self, user: u32, now: UnixNanos) {
        if let Some(planned) = self.planned.get() {
            planned.without.lock().found(user, now);
        }
    }

    /// A user waits for something that is not the writer, until what is returned is dropped.
    pub(super) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(&self.waiting)
    }

    pub(super) fn skip_step(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn delete_unexpected(&self) {
        self.not_expected.fetch_add(1, Ordering::Relaxed);
    }

    /// The first operation of an iteration committed, or it completed without any.
    pub(super) fn wrote(&self) {
        self.written.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn enter(&self, measured: bool) {
        let active = self.active.fetch_add(1, Ordering::Relaxed) + 1;
        if measured {
            self.peak.fetch_max(active, Ordering::Relaxed);
        }
    }

    pub(super) fn leave(&self, measured: bool, ending: Ending, now: UnixNanos) {
        self.active.fetch_sub(1, Ordering::Relaxed);
        if measured {
            let count = match ending {
                Ending::Completed => &self.iterations,
                Ending::Failed => &self.failed,
                Ending::Interrupted => &self.interrupted,
            };
            count.fetch_add(1, Ordering::Relaxed);
            self.last_ended.fetch_max(now.0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::test_file::{ConstantVus, Executor};

    use super::*;
    use crate::schedule::Shard;
    use crate::test_source::tests::shop;

    fn at(millis: i64) -> UnixNanos {
        UnixNanos(0) + Nanos::from_millis(millis)
    }

    #[test]
    fn a_dropped_tick_is_the_writers_only_while_nobody_waits() {
        let count = ScenarioCount::default();
        let waits = [count.wait(), count.wait()];
        count.drop_tick(true);
        drop(waits);
        count.drop_tick(true);
        count.drop_tick(false);
        let load = count.load(at(0));
        assert_eq!((load.dropped, load.dropped_by_writer, count.dropped_in_warm_up()), (2, 1, 1));
    }

    #[test]
    fn a_load_that_was_ended_in_its_warm_up_never_began() {
        let count = ScenarioCount::default();
        count.begins_at(at(100));
        count.plan_iterations(7);
        assert_eq!((count.load(at(99)).load_began, count.load(at(99)).iterations_due), (None, 0));
        let load = count.load(at(100));
        assert_eq!((load.load_began, load.load_ended, load.iterations_due), (Some(at(100)), None, 7));
        count.ends_at(at(99));
        let load = count.load(at(200));
        assert_eq!((load.load_began, load.load_ended, load.iterations_due), (None, None, 0));
    }

    #[test]
    fn the_end_of_a_fixed_count_is_that_of_its_last_iteration() {
        let count = ScenarioCount::default();
        count.begins_at(at(0));
        for (ending, when) in [(Ending::Completed, 300), (Ending::Failed, 200)] {
            count.enter(true);
            count.leave(true, ending, at(when));
        }
        count.is_done(at(450));
        count.ends_at(at(900));
        let load = count.load(at(1_000));
        assert_eq!((load.load_ended, load.iterations, load.failed), (Some(at(300)), 1, 1));
    }

    #[test]
    fn the_time_without_a_session_is_part_of_the_planned_time() {
        let mut scenario = shop().scenarios[0].clone();
        scenario.executor =
            Executor::ConstantVus(ConstantVus { vus: 2, duration: Nanos::from_millis(1_000) });
        let warm_up = Nanos::from_millis(100);
        let time = UserTime::of(&scenario, Shard::WHOLE, warm_up).expect("users are planned");
        let count = ScenarioCount::default();
        count.begins_at(at(100));
        count.plan_users(at(0), time);
        count.plan_changed(2, at(0));
        // Since the warm-up, and again from the middle to the end.
        count.session_missing(1, at(50));
        count.session_found(1, at(300));
        count.session_missing(2, at(600));
        let told = |now| (count.load(at(now)).user_time, count.load(at(now)).user_time_without_session);
        let ms = Nanos::from_millis;
        assert_eq!(told(80), (ms(0), ms(0)));
        assert_eq!(told(700), (ms(1_200), ms(200 + 100)));
        count.ends_at(at(1_100));
        count.session_found(2, at(1_500));
        assert_eq!(told(2_000), (ms(2_000), ms(200 + 500)));
    }
}
