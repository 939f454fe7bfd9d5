//! The second way: nothing of the product's arithmetic but its types of result. Rows are looked at one by one, time second
//! by second, percentiles by sorting, and the only time zone is Berlin's of late 2026, by its rule.

use streamgauge_shared::report::Figure;
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::synthetic::{Fate, Row, Run};
use crate::sla::result::{Account, BurnState, Figures, ObjectiveAccount, PeriodAccount, Verdict};

/// What is asked, as the oracle sees it.
pub(super) struct Asked {
    pub(super) operation: Option<streamgauge_shared::account::Operation>,
    pub(super) bound_ms: i64,
    /// The bad share that is allowed.
    pub(super) budget: f64,
    /// Seconds since 1970.
    pub(super) maintenance: Vec<(i64, i64)>,
    pub(super) always: bool,
    pub(super) from: i64,
    pub(super) until: i64,
}

/// One second of the account.
#[derive(Clone, Copy, Default)]
struct Second {
    measured: bool,
    going: bool,
    maintenance: bool,
}

/// Everything, naively.
pub(super) struct Oracle<'a> {
    asked: &'a Asked,
    /// Rows that are in the account, with when their run ended.
    rows: Vec<(Row, i64)>,
    /// Seconds at which one operation was never sent.
    never_sent: Vec<i64>,
    /// From the beginning of the account on.
    seconds: Vec<Second>,
    left_out: (u64, u64),
    /// From the first run's beginning to the last one's end, whether or not they are in the window.
    runs: (i64, i64),
}

/// Hours of offset in Berlin: 2 until 2026-10-25 01:00 UTC, then 1.
fn offset(at: i64) -> i64 {
    if at < 1_792_890_000 { 7_200 } else { 3_600 }
}

impl<'a> Oracle<'a> {
    pub(super) fn new(asked: &'a Asked, runs: &[Run]) -> Self {
        let runs_from = runs.iter().map(|run| run.from).min().unwrap_or(asked.until);
        let runs_until = runs.iter().map(|run| run.until).max().unwrap_or(asked.from);
        let mut oracle = Self {
            asked,
            rows: Vec::new(),
            never_sent: Vec::new(),
            seconds: Vec::new(),
            left_out: (0, 0),
            runs: (runs_from, runs_until),
        };
        let in_maintenance =
            |at: i64| asked.maintenance.iter().any(|(from, until)| *from <= at && at < *until);
        for at in asked.from..asked.until {
            oracle.seconds.push(Second { maintenance: in_maintenance(at), ..Second::default() });
        }
        for run in runs {
            let is_void = |at: i64| {
                let minute = at.div_euclid(60);
                run.invalid.iter().any(|spans| {
                    spans.is_empty()
                        || spans.iter().any(|(from, until)| {
                            let last = (run.from + until - 1).max(run.from + from);
                            (run.from + from).div_euclid(60) <= minute && minute <= last.div_euclid(60)
                        })
                })
            };
            for at in run.from..run.until {
                let index = usize::try_from(at - asked.from).unwrap_or(usize::MAX);
                if let Some(second) = oracle.seconds.get_mut(index) {
                    second.going = true;
                    second.measured |= !is_void(at);
                }
            }
            for row in &run.rows {
                if asked.operation.is_some_and(|operation| operation != row.operation) {
                    continue;
                }
                let counts = row.fate != Fate::Superseded;
                if in_maintenance(row.sent) {
                    oracle.left_out.1 += u64::from(counts);
                } else if is_void(row.sent) {
                    oracle.left_out.0 += u64::from(counts);
                } else {
                    oracle.rows.push((*row, run.until));
                }
            }
            // As many as minutes: one in each, somewhere in it.
            for minute in run.from / 60..run.until / 60 {
                if run.dropped > 0 && in_maintenance(minute * 60) {
                    oracle.left_out.1 += 1;
                } else if run.dropped > 0 {
                    oracle.never_sent.push(minute * 60);
                }
            }
        }
        oracle
    }

    /// Compares an account with what it has to be.
    pub(super) fn check(&self, account: &Account, objective: &ObjectiveAccount) {
        assert_eq!((secs(account.from), secs(account.until)), (self.asked.from, self.asked.until));
        assert_eq!((objective.rows_not_measured, objective.rows_in_maintenance), self.left_out);
        for period in objective.windows.iter().chain(&objective.days) {
            self.check_period(period, true);
        }
        self.check_days(objective);
        self.check_hours(objective);
        self.check_burn(objective);
        self.check_gaps(account);
    }

    fn check_period(&self, period: &PeriodAccount, has_percentiles: bool) {
        let (from, until) = (secs(period.from), secs(period.until));
        let figures = &period.figures;
        let told = self.figures(from, until);
        let plain = Figures { percentiles: Default::default(), ..figures.clone() };
        let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-9 * (1.0 + b.abs()),
            (a, b) => a == b,
        };
        assert_eq!((plain.rows, plain.good, plain.bad), (told.rows, told.good, told.bad), "{}", period.label);
        assert_eq!(plain.bad_by, told.bad_by, "{}", period.label);
        assert_eq!(
            (plain.late, plain.unmeasured_within),
            (told.late, told.unmeasured_within),
            "{}",
            period.label
        );
        for (name, ours, truth) in [
            ("share", plain.share, told.share),
            ("coverage", plain.coverage, told.coverage),
            ("of the period", plain.measured_of_period, told.measured_of_period),
            ("budget", plain.budget_left, told.budget_left),
            ("burn", plain.burn, told.burn),
            ("1 s", plain.within.map(|within| within.s1), told.within.map(|within| within.s1)),
            ("5 s", plain.within.map(|within| within.s5), told.within.map(|within| within.s5)),
            ("30 s", plain.within.map(|within| within.s30), told.within.map(|within| within.s30)),
            ("measured", Some(plain.measured_s), Some(told.measured_s)),
            ("expected", Some(plain.expected_s), Some(told.expected_s)),
            ("maintenance", Some(plain.maintenance_s), Some(told.maintenance_s)),
        ] {
            assert!(close(ours, truth), "{}: {name} {ours:?}, and not {truth:?}", period.label);
        }
        assert_eq!(period.verdict, self.verdict(&told), "{}", period.label);
        if has_percentiles {
            for (q, figure) in [
                (0.5, figures.percentiles.p50),
                (0.95, figures.percentiles.p95),
                (0.99, figures.percentiles.p99),
                (0.999, figures.percentiles.p99_9),
            ] {
                self.check_percentile(from, until, q, figure);
            }
        }
    }

    /// The figures of the rows and seconds from one to before another.
    fn figures(&self, from: i64, until: i64) -> Figures {
        let bound = self.asked.bound_ms;
        let mut told = Figures::default();
        let mut within = [0_u64; 3];
        let mut count_within = |most: i64| {
            [1_000, 5_000, 30_000]
                .into_iter()
                .zip(&mut within)
                .for_each(|(bound, within)| *within += u64::from(most * 1_000_000 <= held_at(bound)));
        };
        for (row, _) in self.rows.iter().filter(|(row, _)| (from..until).contains(&row.sent)) {
            let bad = &mut told.bad_by;
            match row.fate {
                Fate::Known(millis) | Fate::Late(millis) => {
                    told.late += u64::from(matches!(row.fate, Fate::Late(_)));
                    count_within(millis);
                    if millis <= bound { told.good += 1 } else { bad.slower += 1 }
                }
                Fate::Lost => bad.lost += 1,
                Fate::Unknown => bad.unknown += 1,
                Fate::Rejected => bad.rejected += 1,
                Fate::Superseded => {}
                Fate::Unmeasured(most) => {
                    count_within(most);
                    if most <= bound {
                        told.good += 1;
                        told.unmeasured_within += 1;
                    } else {
                        bad.cannot_be_told += 1;
                    }
                }
            }
        }
        told.bad_by.never_sent =
            self.never_sent.iter().filter(|at| (from..until).contains(*at)).count() as u64;
        let bad = told.bad_by;
        told.bad = bad.slower + bad.lost + bad.unknown + bad.rejected + bad.never_sent + bad.cannot_be_told;
        told.rows = told.good + told.bad;
        if told.rows > 0 {
            let all = told.rows as f64;
            told.share = Some(told.good as f64 / all);
            let [s1, s5, s30] = within.map(|count| count as f64 / all);
            told.within = Some(crate::sla::result::Within { s1, s5, s30 });
            told.budget_left = Some(1.0 - told.bad as f64 / all / self.asked.budget);
            told.burn = Some(told.bad as f64 / all / self.asked.budget);
        }
        let index = |at: i64| usize::try_from(at - self.asked.from).unwrap_or(0).min(self.seconds.len());
        for second in &self.seconds[index(from)..index(until).max(index(from))] {
            let counts = !second.maintenance;
            told.measured_s += f64::from(u8::from(second.measured && counts));
            told.expected_s += f64::from(u8::from((second.going || self.asked.always) && counts));
            told.maintenance_s += f64::from(u8::from(second.maintenance));
        }
        let length = (until - from) as f64 - told.maintenance_s;
        told.measured_of_period = (length > 0.0).then(|| told.measured_s / length);
        told.coverage = (told.expected_s > 0.0).then(|| told.measured_s / told.expected_s);
        told
    }

    fn verdict(&self, told: &Figures) -> Verdict {
        if told.rows == 0 || told.coverage.unwrap_or(0.0) < 0.9 {
            return Verdict::NoData;
        }
        // A little room: the budget is a decimal fraction, and counts are whole.
        let allowed = self.asked.budget * told.rows as f64 + 1e-6;
        if told.bad as f64 <= allowed {
            Verdict::Met
        } else if (told.bad - told.bad_by.cannot_be_told) as f64 <= allowed {
            Verdict::CannotBeTold
        } else {
            Verdict::Missed
        }
    }

    /// The percentile with each open row at the least and at the most that it can be.
    fn check_percentile(&self, from: i64, until: i64, q: f64, figure: Figure) {
        let (mut least, mut most) = (Vec::new(), Vec::new());
        for (row, end) in self.rows.iter().filter(|(row, _)| (from..until).contains(&row.sent)) {
            let (low, high) = match row.fate {
                Fate::Known(millis) | Fate::Late(millis) => (millis, millis),
                Fate::Lost | Fate::Unknown => ((end - row.sent) * 1_000, i64::MAX),
                Fate::Unmeasured(millis) => (0, millis),
                Fate::Rejected | Fate::Superseded => continue,
            };
            least.push(low);
            most.push(high);
        }
        if least.is_empty() {
            assert_eq!(figure, Figure::Absent);
            return;
        }
        least.sort_unstable();
        most.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and the count"
        )]
        let rank = ((q * least.len() as f64 - 1e-9).ceil() as usize).clamp(1, least.len()) - 1;
        let (low, high) = (least[rank] as f64, most[rank]);
        let near = |ours: f64, truth: f64| (ours - truth).abs() <= truth.abs() * 0.0021 + 0.001;
        let said = match figure {
            Figure::Absent => false,
            Figure::Value(value) => near(value, low) && high < i64::MAX && near(value, high as f64),
            Figure::AtLeast(value) => near(value, low) && high == i64::MAX,
            Figure::Between(a, b) => near(a, low) && near(b, high as f64),
        };
        assert!(said, "p({q}) is {figure:?}, and not {low} to {high}");
    }

    /// The days are those of Berlin, and none is missing.
    fn check_days(&self, objective: &ObjectiveAccount) {
        let mut truth: Vec<(i64, i64)> = Vec::new();
        for at in self.asked.from..self.asked.until {
            let local = (at + offset(at)).div_euclid(86_400);
            match truth.last_mut() {
                Some((day, length)) if *day == local => *length += 1,
                _ => truth.push((local, 1)),
            }
        }
        let ours: Vec<i64> = objective.days.iter().map(|day| secs(day.until) - secs(day.from)).collect();
        assert_eq!(ours, truth.iter().map(|(_, length)| *length).collect::<Vec<_>>());
    }

    fn check_hours(&self, objective: &ObjectiveAccount) {
        let hour = |at: i64| (at + offset(at)).div_euclid(3_600) * 3_600 - offset(at);
        let mut hours: Vec<i64> = (self.asked.from..self.asked.until).map(hour).collect();
        hours.dedup();
        let mut bad: Vec<(u64, i64)> = hours
            .into_iter()
            .map(|start| {
                (self.figures(start.max(self.asked.from), (start + 3_600).min(self.asked.until)).bad, start)
            })
            .filter(|(bad, _)| *bad > 0)
            .collect();
        bad.sort_by_key(|(bad, start)| (u64::MAX - bad, *start));
        bad.truncate(10);
        let ours: Vec<(u64, i64)> = objective
            .worst_hours
            .iter()
            .map(|hour| (hour.figures.bad, secs(hour.from).min(secs(hour.until) - 1)))
            .collect();
        assert_eq!(ours.len(), bad.len());
        for ((our_bad, from), (bad, start)) in ours.into_iter().zip(bad) {
            assert_eq!((our_bad, from), (bad, start.max(self.asked.from)));
        }
        objective.worst_hours.iter().for_each(|hour| self.check_period(hour, false));
    }

    fn check_burn(&self, objective: &ObjectiveAccount) {
        for rate in &objective.burn {
            #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
            let [long, short] = [rate.long_s, rate.short_s]
                .map(|length| self.figures(self.asked.until - length as i64, self.asked.until));
            assert_eq!(rate.rows, long.rows);
            let close = |a: Option<f64>, b: Option<f64>| {
                a.is_some() == b.is_some() && a.zip(b).is_none_or(|(a, b)| (a - b).abs() < 1e-9 * (1.0 + b))
            };
            assert!(close(rate.long_burn, long.burn) && close(rate.short_burn, short.burn), "{rate:?}");
            let burns = |figures: &Figures| figures.burn.is_some_and(|burn| burn >= rate.threshold);
            let truth = if rate.threshold * self.asked.budget > 1.0 {
                BurnState::OutOfReach
            } else if long.rows == 0 || long.coverage.unwrap_or(0.0) < 0.9 {
                BurnState::NoData
            } else if long.rows < rate.rows_min {
                BurnState::TooFewRows
            } else if burns(&long) && burns(&short) {
                BurnState::Burning
            } else {
                BurnState::Fine
            };
            assert_eq!(rate.state, truth, "{rate:?}");
        }
    }

    /// Gaps are the seconds between the first and the last run in which none went on, or all of the window's.
    fn check_gaps(&self, account: &Account) {
        let (first, last) = self.runs;
        let truth = (self.asked.from..).zip(&self.seconds).filter(|(at, second)| {
            let inside = self.asked.always || (first..last).contains(at);
            inside && !second.going && !second.maintenance
        });
        let ours: i64 =
            account.gaps.iter().map(|(from, until)| (*until - *from).0 / Nanos::from_secs(1).0).sum();
        assert_eq!(ours, truth.count() as i64);
    }
}

fn secs(at: UnixNanos) -> i64 {
    at.0.div_euclid(Nanos::from_secs(1).0)
}

/// Where a bound of so many milliseconds is held, nanoseconds: at the end of its bucket, of which there are 1,024 in each
/// doubling.
fn held_at(bound_ms: i64) -> i64 {
    let nanos = bound_ms * 1_000_000;
    let shift = (i64::BITS - nanos.leading_zeros()).saturating_sub(11);
    (((nanos >> shift) + 1) << shift) - 1
}
