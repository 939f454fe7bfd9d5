//! k6's algorithms in words of their own: what the schedules are compared with.
//!
//! Worked out from k6 v2's `constant_arrival_rate`, `ramping_arrival_rate` (its `cal`) and `ramping_vus`. Each
//! exact function uses another arithmetic than the schedule it judges; the others repeat k6's rounding.

/// A stage: its length in ns and its target.
pub(super) type Corner = (i64, u64);

/// Starts of a constant rate with an untruncated period: a remainder is carried from tick to tick.
pub(super) fn constant(rate: u64, unit: i64, duration: i64) -> Vec<i64> {
    let (rate, mut at, mut rest, mut starts) = (i64::try_from(rate).expect("small"), 0, 0, Vec::new());
    while at < duration {
        starts.push(at);
        at += unit / rate;
        rest += unit % rate;
        if rest >= rate {
            rest -= rate;
            at += 1;
        }
    }
    starts
}

/// Starts of a constant rate as k6 has them, its period cut to whole nanoseconds.
pub(super) fn constant_truncated(rate: u64, unit: i64, duration: i64) -> Vec<i64> {
    let period = unit / i64::try_from(rate).expect("small");
    (0..).map(|n| n * period).take_while(|at| *at < duration).collect()
}

/// Starts on a ramp: k6's solution of the quadratic, with whole numbers and an integer square root.
///
/// In a stage of length d from rate a to rate b, with r the area still missing (times twice the unit):
/// `x = (√(a²d² + r·d·(b − a)) − a·d) / (b − a)`.
pub(super) fn ramping(start: u64, unit: i64, corners: &[Corner]) -> Vec<i64> {
    let (unit, mut from, mut begins, mut done, mut k) = (i128::from(unit), i128::from(start), 0, 0, 1);
    let mut starts = Vec::new();
    for (length, to) in corners {
        let (length, to) = (i128::from(*length), i128::from(*to));
        let until = done + length * (from + to);
        while 2 * unit * k <= until {
            let missing = 2 * unit * k - done;
            let x = if from == to {
                missing / (2 * to)
            } else {
                let square = (from * length).pow(2) + missing * length * (to - from);
                let root = square.isqrt();
                let rounded_up = root + i128::from(root * root < square);
                if to > from {
                    (root - from * length) / (to - from)
                } else {
                    (from * length - rounded_up) / (from - to)
                }
            };
            starts.push(i64::try_from(begins + x).expect("within the load"));
            k += 1;
        }
        (from, begins, done) = (to, begins + length, until);
    }
    starts
}

/// The same in double precision, as k6 computes it.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "k6's own arithmetic")]
pub(super) fn ramping_floating(start: u64, unit: i64, corners: &[Corner]) -> Vec<i64> {
    let unit = unit as f64;
    let (mut from, mut begins, mut done, mut until, mut k) = (start as f64 / unit, 0, 0.0, 0.0, 1.0);
    let mut starts = Vec::new();
    for (length, to) in corners {
        let (length_ns, length, to) = (*length, *length as f64, *to as f64 / unit);
        #[expect(clippy::float_cmp, reason = "k6 tells a ramp from a level so")]
        let level = from == to;
        until += if level { length * to } else { length * ((to - from) / 2.0 + from) };
        while k <= until {
            let x = if level {
                (k - done) / to
            } else {
                let square = length * (from * from * length + 2.0 * (k - done) * (to - from));
                (from * length - square.max(0.0).sqrt()) / (from - to)
            };
            starts.push(x as i64 + begins);
            k += 1.0;
        }
        (done, from) = (until, to);
        begins += length_ns;
    }
    starts
}

/// The plan of users: each step at the first nanosecond at which the straight line has reached the number.
pub(super) fn plan(start: u32, corners: &[Corner]) -> Vec<(i64, u32)> {
    let (mut steps, mut begins, mut from) = (vec![(0, start)], 0, start);
    for (length, to) in corners {
        let to = u32::try_from(*to).expect("few");
        let numbers: Vec<u32> = if *length == 0 && from != to {
            vec![to]
        } else if to > from {
            (from + 1..=to).collect()
        } else {
            (to..from).rev().collect()
        };
        for number in numbers {
            let gone = i128::from(*length) * i128::from(number.abs_diff(from));
            let all = i128::from(to.abs_diff(from));
            steps.push((begins + i64::try_from((gone + all - 1) / all).expect("within the stage"), number));
        }
        begins += length;
        from = to;
    }
    steps
}

/// How many users k6 keeps for a plan: one that falls stays for the graceful ramp-down, unless within that
/// time the plan is again where it fell from. In k6's order, which need not be that of time.
pub(super) fn kept(plan: &[(i64, u32)], graceful: i64, end: i64) -> Vec<(i64, u32)> {
    if graceful == 0 {
        return plan.to_vec();
    }
    let (mut kept, mut level, mut next) = (vec![plan[0]], plan[0].1, 1);
    while let Some((at, number)) = plan.get(next).copied() {
        let regained = |later: &usize| plan[*later].1 >= level;
        let within = |later: &usize| plan[*later].0 <= at + graceful;
        if number > level {
            kept.push((at, number));
            level = number;
        } else if number < level {
            if let Some(later) = (next + 1..plan.len()).take_while(within).find(regained) {
                next = later;
                continue;
            }
            if at + graceful >= end {
                break;
            }
            kept.push((at + graceful, number));
            level = number;
        }
        next += 1;
    }
    kept
}

/// Whom k6 cuts, and when, before the end of the graceful stop.
pub(super) fn cuts(kept: &[(i64, u32)]) -> Vec<(i64, u32)> {
    let falls = kept.windows(2).flat_map(|pair| {
        let ((_, before), (at, after)) = (pair[0], pair[1]);
        (after + 1..=before).rev().map(move |user| (at, user))
    });
    falls.collect()
}
