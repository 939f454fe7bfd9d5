//! How uncertain the mean of an autocorrelated series is, without the bias of a block bootstrap.

use super::block_length::{as_f64, autocovariance};

/// Orders of the autoregression that are tried.
const ORDER_MAX: usize = 8;
/// The sum of its coefficients is kept below this: a run in which more than that carries over is not long enough.
const PERSISTENCE_MAX: f64 = 0.985;

/// The long-run variance of a series: that of its mean, times its length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongRun {
    /// n · variance of the mean.
    pub variance: f64,
    /// How many independent seconds would tell as much: at most the length of the series.
    pub effective: f64,
}

/// From an autoregression of the order that the corrected Akaike criterion takes (Burg's method), with the bias of its
/// persistence undone: −(1 + 3φ)/n for each φ, as Kendall (1954) found for the first order.
///
/// A block of b seconds cannot see a correlation longer than b, and the mean that it is measured against is that of the
/// same few seconds: both make a block bootstrap too sure of itself, by a third of the variance and more at a
/// correlation of 0.9 from second to second.
#[must_use]
pub fn long_run(series: &[f64]) -> LongRun {
    let n = series.len();
    let variance = autocovariance(series, 0)[0];
    if n < 8 || variance <= 0.0 {
        return LongRun { variance: variance.max(0.0), effective: as_f64(n) };
    }
    let (coefficients, innovation) = autoregression(series, ORDER_MAX.min(n / 20).max(1));
    let persistence: f64 = coefficients.iter().sum();
    let corrected =
        if coefficients.is_empty() { 0.0 } else { persistence + (1.0 + 3.0 * persistence) / as_f64(n) };
    let corrected = corrected.clamp(-1.0, PERSISTENCE_MAX);
    let variance_of_mean = innovation / (1.0 - corrected).powi(2);
    LongRun {
        variance: variance_of_mean,
        effective: (as_f64(n) * variance / variance_of_mean).min(as_f64(n)),
    }
}

/// Coefficients and variance of the innovations, by Burg's recursion; the order with the least corrected criterion of
/// Akaike. No coefficients: the seconds are independent.
fn autoregression(series: &[f64], order_max: usize) -> (Vec<f64>, f64) {
    let n = series.len();
    let mean = series.iter().sum::<f64>() / as_f64(n);
    let mut forward: Vec<f64> = series.iter().map(|value| value - mean).collect();
    let mut backward = forward.clone();
    let mut error = forward.iter().map(|value| value * value).sum::<f64>() / as_f64(n);
    let mut coefficients: Vec<f64> = Vec::new();
    let criterion = |error: f64, order: usize| {
        let (count, order) = (as_f64(n), as_f64(order + 1));
        count * error.max(f64::MIN_POSITIVE).ln() + 2.0 * order * count / (count - order - 1.0).max(1.0)
    };
    let mut best = (criterion(error, 0), Vec::new(), error);
    for order in 1..=order_max.min(n.saturating_sub(2)) {
        let (mut product, mut power) = (0.0, 0.0);
        for at in order..n {
            product += forward[at] * backward[at - 1];
            power += forward[at].powi(2) + backward[at - 1].powi(2);
        }
        if power <= 0.0 {
            break;
        }
        let reflection = 2.0 * product / power;
        let previous = coefficients.clone();
        for (at, coefficient) in coefficients.iter_mut().enumerate() {
            *coefficient -= reflection * previous[order - 2 - at];
        }
        coefficients.push(reflection);
        for at in (order..n).rev() {
            let (ahead, behind) = (forward[at], backward[at - 1]);
            forward[at] = ahead - reflection * behind;
            backward[at] = behind - reflection * ahead;
        }
        error *= 1.0 - reflection * reflection;
        let score = criterion(error, order);
        if score < best.0 {
            best = (score, coefficients.clone(), error);
        }
    }
    (best.1, best.2)
}
