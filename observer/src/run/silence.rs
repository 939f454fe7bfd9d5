//! Entities of which rows were written and none has arrived: whether to look for them elsewhere, and what was found.
//!
//! A run asks MongoDB nothing besides its change stream. This is the one exception, and it is made only while nothing
//! of an entity has arrived for some seconds, a few times in a run at most: then there is nothing to disturb.

use streamgauge_shared::account::{Account, Operation, Outcome, Phase};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::core::{Core, Effect};
use crate::landing::{Landed, Search, difference};
use crate::matcher::{Found, Matcher};

/// After which times of silence is looked: a pipeline that has just been started may take some seconds, and one that
/// is slow some more.
const LOOKS: [Nanos; 3] = [Nanos::from_secs(5), Nanos::from_secs(20), Nanos::from_secs(60)];
/// How far before the first silent row is looked, for clocks that differ.
const MARGIN_S: u32 = 5;

/// What is known of entities that are silent.
#[derive(Clone, Debug)]
pub(super) struct Silence {
    /// By entity: since when rows of it were written and none has arrived.
    since: Vec<Option<UnixNanos>>,
    /// How often was looked.
    looks: usize,
    /// What was found, one for each entity at most.
    pub(super) landed: Vec<Landed>,
}

impl Silence {
    pub(super) fn new(entities: usize) -> Self {
        Self { since: vec![None; entities], looks: 0, landed: Vec::new() }
    }

    /// Sees which entities are silent as of now. Returns how many seconds back to look, where it is time to.
    fn see(&mut self, is_silent: impl Fn(usize) -> bool, now: UnixNanos) -> Option<u32> {
        let found = |entity: usize| self.landed.iter().any(|one| usize::from(one.entity) == entity);
        let unexplained: Vec<bool> =
            (0..self.since.len()).map(|entity| is_silent(entity) && !found(entity)).collect();
        for (since, is_silent) in self.since.iter_mut().zip(unexplained) {
            *since = is_silent.then(|| since.unwrap_or(now));
        }
        let longest = now - self.since.iter().flatten().min().copied()?;
        if longest < *LOOKS.get(self.looks)? {
            return None;
        }
        self.looks += 1;
        let seconds = u32::try_from(longest.0 / Nanos::from_secs(1).0).unwrap_or(u32::MAX);
        Some(seconds.saturating_add(MARGIN_S))
    }
}

/// Whether creates or updates of an entity were written and nothing of it has arrived, in any phase. Deletes are left
/// out: a model may say that they never arrive.
fn is_silent(matcher: &Matcher, entity: usize) -> bool {
    let phases = [Phase::Setup, Phase::WarmUp, Phase::Run];
    let parts = matcher.series().all().filter(|part| usize::from(part.entity) == entity);
    let accounts: Vec<&Account> = parts
        .filter(|part| part.operation != Operation::Delete)
        .flat_map(|part| phases.map(|phase| matcher.account(part, phase)))
        .collect();
    let written = |account: &&Account| account.entries() > account.count(Outcome::Rejected);
    accounts.iter().any(written) && accounts.iter().all(|account| account.arrived() == 0)
}

impl Core {
    /// Once a second: whether it is time to look for rows elsewhere.
    pub(super) fn look_for_rows(&mut self, now: UnixNanos) {
        let matcher = &self.matcher;
        if let Some(back_s) = self.silence.see(|entity| is_silent(matcher, entity), now) {
            self.effects.push(Effect::LookFor { run: self.brief.run, back_s });
        }
    }

    /// What a search found. A row is its entity's by the ledger; what arrives where the model says is no news.
    pub(super) fn looked(&mut self, search: &Search) {
        for seen in &search.seen {
            let Found::Entry(entry) = self.matcher.find(seen.stamp.writer, seen.stamp.sequence) else {
                continue;
            };
            let index = entry.series.entity;
            let entity = &self.brief.test.model.entities[usize::from(index)];
            let is_known = self.silence.landed.iter().any(|one| one.entity == index);
            if let Some(difference) = difference(entity, &search.watched, seen, &search.renames)
                && !is_known
                && is_silent(&self.matcher, usize::from(index))
            {
                self.silence.landed.push(Landed { entity: index, difference });
            }
        }
    }

    /// What was found of entities of which still nothing has arrived.
    pub(super) fn landed_elsewhere(&self) -> Vec<Landed> {
        let landed = self.silence.landed.iter();
        landed.filter(|one| is_silent(&self.matcher, usize::from(one.entity))).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::ledger::Record;
    use streamgauge_shared::report::ValidityState;
    use streamgauge_shared::stamp::{RunId, Stamp};

    use super::*;
    use crate::landing::{Namespace, Seen};
    use crate::run::Input;
    use crate::run::fixture::{Conducted, RUN, brief, committed, opened};
    use crate::stream::{Change, Content, Decoded, Event};

    fn at(seconds: i64) -> UnixNanos {
        UnixNanos(Nanos::from_secs(seconds).0)
    }

    #[test]
    fn it_is_looked_three_times_while_nothing_arrives_and_never_once_something_has() {
        let mut silence = Silence::new(2);
        let looks: Vec<(i64, u32)> =
            (0..600).filter_map(|second| Some((second, silence.see(|_| true, at(second))?))).collect();
        assert_eq!(looks, [(5, 10), (20, 25), (60, 65)]);

        let mut silence = Silence::new(2);
        let looks = (0..600).filter_map(|second| silence.see(|_| second < 4, at(second))).count();
        assert_eq!(looks, 0, "the first row took four seconds");
    }

    #[test]
    fn an_entity_that_is_written_later_is_silent_from_then_on() {
        let mut silence = Silence::new(2);
        let looks: Vec<i64> = (0..60)
            .filter(|second| silence.see(|entity| entity == 1 && *second >= 30, at(*second)).is_some())
            .collect();
        assert_eq!(looks, [35, 50]);
    }

    #[test]
    fn one_that_was_found_is_not_looked_for_again() {
        let mut silence = Silence::new(1);
        assert!(silence.see(|_| true, at(0)).is_none() && silence.see(|_| true, at(5)).is_some());
        let difference = crate::landing::Difference { seen: String::new(), next: String::new() };
        silence.landed.push(Landed { entity: 0, difference });
        assert_eq!((6..600).filter_map(|second| silence.see(|_| true, at(second))).count(), 0);
    }

    fn stamp(run: RunId) -> Stamp {
        Stamp { run, writer: 0, sequence: 0, sent: UnixNanos::from_millis(1_000) }
    }

    /// A run whose only row was committed, after so many seconds in which nothing arrived.
    fn silent_for(seconds: i64) -> Conducted {
        let mut run = Conducted::new(brief(1, |_| {}));
        run.attach(0);
        let sent = run.now;
        run.says(0, [Record::Prepared, opened(0, sent), committed(0, sent)]);
        run.pass(Nanos::from_secs(seconds));
        run
    }

    fn search(collection: &str, run: RunId) -> Input {
        let seen = Seen {
            namespace: Namespace { database: "shop".into(), collection: collection.into() },
            path: vec!["cdc_stamp".into()],
            stamp: stamp(run),
            fields: Vec::new(),
            document_key: None,
            is_marked: false,
            in_time_series: false,
            arrived: true,
        };
        Input::Looked(Box::new(Search { watched: "shop".into(), seen: vec![seen], ..Search::default() }))
    }

    fn reasons(run: &Conducted) -> Vec<(String, ValidityState)> {
        let validity = run.core.snapshot(&run.reading(), false).report.validity;
        validity.reasons.into_iter().map(|reason| (reason.code, reason.grade)).collect()
    }

    #[test]
    fn rows_that_are_found_elsewhere_make_the_run_invalid_until_one_arrives() {
        let mut run = silent_for(8);
        assert_eq!(run.searches.len(), 1, "{:?}", run.searches);
        run.take(search("customers", RUN));
        assert_eq!(reasons(&run), [], "where the model says: it is only slow");
        run.take(search("shop.public.customers", RUN));
        let expected = [("landed_elsewhere".to_owned(), ValidityState::Invalid)];
        assert_eq!(reasons(&run), expected);

        let change =
            Change::Stamped { entity: 0, stamp: stamp(RUN), content: Content::default(), document: None };
        let event = Event { observed: run.now, measured: true, wall: None, marks: None, change };
        let (decoded, reading) = (Decoded { events: vec![event], ..Decoded::default() }, run.reading());
        drop(run.core.read(decoded, run.now, Nanos::ZERO, &reading));
        assert_eq!(reasons(&run), [], "it has arrived after all");
    }

    #[test]
    fn nothing_is_looked_for_before_a_row_was_written() {
        let mut run = Conducted::new(brief(1, |_| {}));
        run.attach(0);
        run.says(0, [Record::Prepared]);
        run.pass(Nanos::from_secs(100));
        assert_eq!(run.searches, []);
        assert!(silent_for(4).searches.is_empty(), "and not before it is silent for long enough");
    }
}
