//! How many consecutive seconds belong together: the block length of the bootstrap, from the data.

/// Lags in a row that must be insignificant before the correlogram counts as ended.
const QUIET_LAGS_MIN: usize = 5;
/// A correlation below this multiple of √(log₁₀ n / n) is insignificant.
const INSIGNIFICANT: f64 = 2.0;

/// The automatic block length of a circular block bootstrap of the mean of `series`, at least 1 and at most a quarter of
/// its length.
///
/// Politis and White (2004), "Automatic block-length selection for the dependent bootstrap", Econometric Reviews 23(1),
/// with the corrected constants of Patton, Politis and White (2009), Econometric Reviews 28(4). The correlogram is cut
/// by a flat-top window of twice the lag `m` after which `K = max(5, √log₁₀ n)` correlations in a row are insignificant:
/// `b = (2 G² / D)^(1/3) · n^(1/3)` with `G = Σ λ(k/2m) |k| R(k)` and `D = 4/3 · (Σ λ(k/2m) R(k))²`.
#[must_use]
pub fn block_length(series: &[f64]) -> usize {
    let n = series.len();
    let longest = (n / 4).max(1);
    if n < 8 {
        return 1;
    }
    let quiet = QUIET_LAGS_MIN.max(ceil(as_f64(n).log10().sqrt()));
    let lags_max = (ceil(as_f64(n).sqrt()) + quiet).min(n - 1);
    let covariance = autocovariance(series, lags_max);
    if covariance[0] <= 0.0 {
        return 1;
    }
    let bound = INSIGNIFICANT * (as_f64(n).log10() / as_f64(n)).sqrt();
    let significant = |lag: usize| (covariance[lag] / covariance[0]).abs() >= bound;
    // The last lag before the first quiet stretch; where none is quiet, the last significant one.
    let ended = (1..=lags_max.saturating_sub(quiet).max(1))
        .find(|first| (*first..(first + quiet).min(lags_max + 1)).all(|lag| !significant(lag)))
        .map(|first| first - 1);
    let last = ended.unwrap_or_else(|| (1..=lags_max).rev().find(|lag| significant(*lag)).unwrap_or(1));
    let window = (2 * last.max(1)).min(lags_max);
    let (mut long_run, mut slope) = (covariance[0], 0.0);
    for (lag, covariance) in covariance.iter().enumerate().take(window + 1).skip(1) {
        let at = as_f64(lag) / as_f64(window);
        let weight = if at <= 0.5 { 1.0 } else { 2.0 * (1.0 - at) };
        long_run += 2.0 * weight * covariance;
        slope += 2.0 * weight * as_f64(lag) * covariance;
    }
    let spread = 4.0 / 3.0 * long_run * long_run;
    if spread <= 0.0 || last == 0 {
        return 1;
    }
    let length = (2.0 * slope * slope / spread).cbrt() * as_f64(n).cbrt();
    ceil(length).clamp(1, longest)
}

/// R(0) to R(`lags`), each with the divisor n.
#[must_use]
pub fn autocovariance(series: &[f64], lags: usize) -> Vec<f64> {
    let n = as_f64(series.len().max(1));
    let mean = series.iter().sum::<f64>() / n;
    let lagged = |lag: usize| {
        let later = series.iter().skip(lag);
        series.iter().zip(later).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / n
    };
    (0..=lags).map(lagged).collect()
}

#[expect(clippy::cast_precision_loss, reason = "numbers of seconds")]
pub(super) fn as_f64(count: usize) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates"
)]
fn ceil(number: f64) -> usize {
    number.ceil() as usize
}
