//! The rows that period, batch and rate limit are read from: when each was written and when it arrived.

/// One row, in seconds since a moment that all of them share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::measure) struct Row {
    /// When it was sent.
    pub(in crate::measure) sent_s: f64,
    /// When PostgreSQL had committed it; when it was sent, where that is not known.
    pub(in crate::measure) written_s: f64,
    /// When it arrived.
    pub(in crate::measure) observed_s: f64,
}

impl Row {
    pub(super) fn wait_s(&self) -> f64 {
        self.observed_s - self.written_s
    }
}

/// Rows in the order of their arrival, with what is asked of all of them.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    /// At least one.
    pub(super) rows: Vec<Row>,
    /// Their waits, sorted.
    waits_s: Vec<f64>,
    /// The distance of the sent times, where it is the same for nearly all of them.
    pub(super) even_s: Option<f64>,
}

/// Rows that arrived together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bunch {
    /// When the first of them arrived …
    pub(super) at_s: f64,
    /// … and the last.
    pub(super) until_s: f64,
    /// How many they are.
    pub(super) rows: u64,
    /// When the first of them was written …
    pub(super) oldest_s: f64,
    /// … and the last.
    pub(super) newest_s: f64,
}

/// Distances of arrival up to which rows count as one bunch, seconds: a sink that writes one row after the other
/// takes its time for those that it got at once. Tried in this order.
pub(super) const APART_S: [f64; 7] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];

/// Rows are sent evenly where so many of their distances are the usual one, percent, …
const EVEN_PERCENT: usize = 85;
/// … within this share of it.
const EVEN_WITHIN: f64 = 0.05;

impl Arrivals {
    /// Nothing where there is no row.
    pub(super) fn of(rows: &[Row]) -> Option<Self> {
        if rows.is_empty() {
            return None;
        }
        let mut rows = rows.to_vec();
        rows.sort_unstable_by(|a, b| a.observed_s.total_cmp(&b.observed_s));
        let waits_s = sorted(rows.iter().map(Row::wait_s));
        let sent = sorted(rows.iter().map(|row| row.sent_s));
        let apart = sorted(sent.windows(2).map(|pair| pair[1] - pair[0]));
        let usual = at_percent(&apart, 50);
        let even = usual.filter(|usual| {
            let near = apart.iter().filter(|apart| (**apart - usual).abs() <= usual * EVEN_WITHIN).count();
            *usual > 0.0 && near * 100 >= apart.len() * EVEN_PERCENT
        });
        // Their mean is exact where the middle one has the noise of one statement.
        let even_s = even.map(|usual| {
            let near = || apart.iter().filter(|apart| (**apart - usual).abs() <= usual * EVEN_WITHIN);
            near().sum::<f64>() / near().map(|_| 1.0).sum::<f64>()
        });
        Some(Self { rows, waits_s, even_s })
    }

    /// The wait that so many percent of the rows do not exceed.
    pub(super) fn wait_at(&self, percent: usize) -> f64 {
        at_percent(&self.waits_s, percent).unwrap_or_default()
    }

    /// The waits without those of the most common one: of the rows that wait alike within `width_s`.
    pub(super) fn waits_but_the_most_common(&self, width_s: f64) -> Vec<f64> {
        let waits = &self.waits_s;
        let alike = |from: usize| waits.partition_point(|wait| *wait <= waits[from] + width_s);
        let most = (0..waits.len()).map(|from| (from, alike(from))).max_by_key(|(from, to)| to - from);
        most.map_or_else(Vec::new, |(from, to)| [&waits[..from], &waits[to..]].concat())
    }

    /// The share of the rows whose wait lies in here.
    pub(super) fn waiting(&self, from_s: f64, to_s: f64) -> f64 {
        share(&self.waits_s, |wait| (from_s..=to_s).contains(wait))
    }

    /// The rows that arrived together: at most `apart_s` after the one before.
    pub(super) fn bunches(&self, apart_s: f64) -> Vec<Bunch> {
        let together = |a: &Row, b: &Row| b.observed_s - a.observed_s <= apart_s;
        let bunch = |rows: &[Row]| Bunch {
            at_s: rows[0].observed_s,
            until_s: rows[rows.len() - 1].observed_s,
            rows: rows.len() as u64,
            oldest_s: rows.iter().map(|row| row.written_s).fold(f64::INFINITY, f64::min),
            newest_s: rows.iter().map(|row| row.written_s).fold(f64::NEG_INFINITY, f64::max),
        };
        self.rows.chunk_by(together).map(bunch).collect()
    }
}

impl Bunch {
    /// How long its oldest row waited.
    pub(super) fn waited_s(&self) -> f64 {
        self.at_s - self.oldest_s
    }
}

/// From each bunch to the next.
pub(super) fn gaps(bunches: &[Bunch]) -> Vec<f64> {
    bunches.windows(2).map(|pair| pair[1].at_s - pair[0].at_s).collect()
}

/// Values in their order.
pub(super) fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The value of sorted ones that so many percent of them do not exceed; nothing of none.
pub(super) fn at_percent(sorted: &[f64], percent: usize) -> Option<f64> {
    sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied()
}

/// The distance of the quarters of sorted values: how far they are from one another, whatever a few of them are.
pub(super) fn spread(sorted: &[f64]) -> f64 {
    at_percent(sorted, 75).zip(at_percent(sorted, 25)).map_or(0.0, |(high, low)| high - low)
}

/// The share of values that are so; 0 of none.
pub(super) fn share<T>(values: &[T], so: impl Fn(&T) -> bool) -> f64 {
    let (all, these) = values
        .iter()
        .fold((0.0, 0.0), |(all, these), value| (all + 1.0, these + f64::from(u8::from(so(value)))));
    if all > 0.0 { these / all } else { 0.0 }
}
