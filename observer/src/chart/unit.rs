//! What an axis counts, and how its labels are written.

use streamgauge_shared::time::Nanos;

use super::markup::whole;

/// What an axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Milliseconds.
    Time,
    /// Things.
    Count,
    /// Things per second.
    PerSecond,
    /// A share of 1, written in percent.
    Share,
    /// A ratio of two values, written as a change in percent: 1.1 is `+10%`; from 10 on it is `×10`.
    Change,
    /// Bytes.
    Bytes,
}

/// Milliseconds in each unit of time, largest first.
const TIMES: [(f64, &str); 6] =
    [(3_600_000.0, "h"), (60_000.0, "min"), (1_000.0, "s"), (1.0, "ms"), (1e-3, "µs"), (1e-6, "ns")];
/// Bytes in each unit, largest first.
const SIZES: [(f64, &str); 4] =
    [(1_073_741_824.0, "GiB"), (1_048_576.0, "MiB"), (1_024.0, "KiB"), (1.0, "B")];

/// The unit that all labels of one axis have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    /// In the quantity's own numbers.
    pub(super) size: f64,
    name: &'static str,
    quantity: Quantity,
}

impl Quantity {
    /// The unit for an axis that ends at this value.
    pub(super) fn unit(self, end: f64) -> Unit {
        let end = end.abs();
        let of = |units: &[(f64, &'static str)], least: f64| {
            let last = units[units.len() - 1];
            let (size, name) = units.iter().copied().find(|(size, _)| end >= size * least).unwrap_or(last);
            Unit { size, name, quantity: self }
        };
        match self {
            // 90 s reads better than 1.5 min, and a whole minute is one.
            Self::Time if end > 60_000.0 && end < 120_000.0 => {
                Unit { size: 1_000.0, name: "s", quantity: self }
            }
            Self::Time => of(&TIMES, 1.0),
            Self::Bytes => of(&SIZES, 1.0),
            Self::Share => Unit { size: 0.01, name: "%", quantity: self },
            Self::Change => Unit { size: 0.01, name: "%", quantity: self },
            Self::PerSecond => of(&[(1e6, "M/s"), (1e3, "k/s"), (1.0, "/s")], 10.0),
            Self::Count => of(&[(1e6, "M"), (1e3, "k"), (1.0, "")], 10.0),
        }
    }

    /// A value by itself, in the unit that fits it, as the summary writes it.
    #[must_use]
    pub fn words(self, value: f64) -> String {
        match self {
            Self::Time => Nanos::from_millis_f64(value).to_string(),
            Self::PerSecond => format!("{}/s", plain(value)),
            Self::Count => plain(value),
            Self::Share => format!("{}%", plain(value * 100.0)),
            Self::Change => change(value),
            Self::Bytes => {
                let unit = self.unit(value);
                format!("{} {}", plain(value / unit.size), unit.name)
            }
        }
    }
}

impl Unit {
    /// The label of a tick.
    pub(super) fn label(self, value: f64) -> String {
        match self.quantity {
            Quantity::Change => change(value),
            // So many zeros have no room.
            Quantity::Share if value != 0.0 && value.abs() < 9e-7 => format!("{value:.0e}"),
            _ if whole(value / self.size * 1e6) == 0 => "0".to_owned(),
            _ => format!("{}{}", plain(value / self.size), self.name),
        }
    }
}

fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    if whole(percent * 1e6) == 0 {
        return "0%".to_owned();
    }
    if ratio >= 10.0 {
        return format!("×{}", plain(ratio));
    }
    let sign = if percent > 0.0 { "+" } else { "" };
    format!("{sign}{}%", plain(percent))
}

/// At most four significant digits after rounding away what floating point adds, without trailing zeros.
pub(super) fn plain(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let magnitude = value.abs();
    let decimals = if magnitude >= 1_000.0 || magnitude == 0.0 {
        0
    } else {
        usize::try_from(whole(3.0 - magnitude.log10().floor())).unwrap_or(0).min(9)
    };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_one_unit() {
        let label = |quantity: Quantity, end: f64, value: f64| quantity.unit(end).label(value);
        assert_eq!(label(Quantity::Time, 8.0, 2.0), "2ms");
        assert_eq!(label(Quantity::Time, 8_000.0, 500.0), "0.5s");
        assert_eq!(label(Quantity::Time, 0.4, 0.1), "100µs");
        assert_eq!(label(Quantity::Time, 90_000.0, 30_000.0), "30s");
        assert_eq!(label(Quantity::Time, 600_000.0, 120_000.0), "2min");
        assert_eq!(label(Quantity::Time, 8.0, 0.0), "0");
        assert_eq!(label(Quantity::PerSecond, 25_000.0, 5_000.0), "5k/s");
        assert_eq!(label(Quantity::Count, 900.0, 300.0), "300");
        assert_eq!(label(Quantity::Share, 1.0, 0.999), "99.9%");
        assert_eq!(label(Quantity::Share, 1.0, 1e-7), "1e-7");
        assert_eq!(label(Quantity::Change, 1.2, 1.1), "+10%");
        assert_eq!(label(Quantity::Bytes, 3e6, 1_048_576.0), "1MiB");
        assert_eq!(label(Quantity::Change, 30.0, 21.0), "×21");
    }

    #[test]
    fn a_value_by_itself_reads_as_in_the_summary() {
        assert_eq!(Quantity::Time.words(148.219), "148.21ms");
        assert_eq!(Quantity::Share.words(0.000_1), "0.01%");
        assert_eq!(Quantity::PerSecond.words(12.5), "12.5/s");
        assert_eq!(plain(-0.000_000_000_1), "0");
    }
}
