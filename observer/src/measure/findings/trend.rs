//! A line through a noisy series, and how sure it is.
//!
//! Theil–Sen slope: the median of the slopes between all pairs of blocks, right as long as fewer than 29 % of them are
//! outliers (Theil 1950; Sen, JASA 63, 1968, p. 1379). Its interval is Sen's: the slopes at the ranks (N ∓ z·√Var S)/2, with
//! Kendall's variance of S corrected for ties (Gilbert 1987, p. 217). The latencies of neighbouring seconds resemble
//! each other, which makes that variance too small; it is multiplied with n/n*, n* being the effective number of
//! independent blocks of a first-order autoregressive series (Yue and Wang, Water Resources Management 18, 2004).

use streamgauge_shared::account::as_f64;
use streamgauge_shared::report::Fit;

use super::config::TrendRule;
use super::median;

/// Blocks at most: 240 are 28,680 pairs, sorted in a few milliseconds.
const BLOCKS_MAX: f64 = 240.0;
/// Blocks of a short series.
const BLOCKS_SHORT: f64 = 30.0;
/// Blocks with a value below which there is not enough data.
const BLOCKS_MIN: usize = 20;
/// A block of a series that is not short, seconds: much of what neighbouring seconds share averages out within it.
const BLOCK_S: f64 = 10.0;
/// Of the interval. Five series are judged in each run, and none may be called drifting by chance.
const CONFIDENCE: f64 = 0.999;
/// The normal quantile of (1 + [`CONFIDENCE`]) / 2.
const Z: f64 = 3.290_527;
/// A higher autocorrelation than this cannot be told from a trend.
const CORRELATION_MAX: f64 = 0.99;

/// A series with this τ in 30 blocks is taken for a curved trend, with 0.35 in 240: chance hardly gets there. A level that
/// stays and then climbs has 0.75; a step in the middle has 0.5, so it is seen in runs of half an hour and more.
const MONOTONE: f64 = 0.7;

/// One value of a series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) at_s: f64,
    pub(super) width_s: f64,
    pub(super) value: f64,
}

/// A block: the median of the samples in it, at the mean of their times.
#[derive(Clone, Copy, Debug)]
struct Block {
    at_s: f64,
    value: f64,
}

/// The line, or why there is not enough data for one.
pub(super) fn fit(samples: &[Sample], rule: TrendRule) -> Result<Fit, String> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return Err("no values".to_owned());
    };
    let (from_s, to_s) = (first.at_s, last.at_s + last.width_s);
    let span_s = to_s - from_s;
    if span_s < rule.span_min_s {
        return Err(format!("{span_s:.0} s of real time seen, {:.0} s needed", rule.span_min_s));
    }
    let widest_s = samples.iter().map(|sample| sample.width_s).fold(0.0, f64::max);
    let block_s = BLOCK_S.min(span_s / BLOCKS_SHORT).max(span_s / BLOCKS_MAX).max(widest_s);
    let blocks = blocks(samples, block_s);
    if blocks.len() < BLOCKS_MIN {
        return Err(format!("{} blocks with values seen, {BLOCKS_MIN} needed", blocks.len()));
    }
    let slopes = slopes(&blocks);
    let slope = f64::midpoint(slopes[(slopes.len() - 1) / 2], slopes[slopes.len() / 2]);
    let mut values: Vec<f64> = blocks.iter().map(|block| block.value).collect();
    let level = median(&mut values).expect("there are blocks");
    let mut offsets: Vec<f64> = blocks.iter().map(|block| block.value - slope * block.at_s).collect();
    let offset = median(&mut offsets).expect("there are blocks");
    let tau = concordance(&slopes);
    let factor = correlation_factor(&blocks, slope, tau);
    let interval = interval(&slopes, (kendall_variance(&values) * factor).sqrt());
    let (start, end) = (offset + slope * from_s, offset + slope * to_s);
    Ok(Fit {
        blocks: blocks.len() as u64,
        block_s,
        slope_per_s: slope,
        slope_per_hour: slope * 3_600.0,
        slope_low_per_s: interval.map(|(low, _)| low),
        slope_high_per_s: interval.map(|(_, high)| high),
        confidence: CONFIDENCE,
        correlation_factor: factor,
        from_s,
        to_s,
        start,
        end,
        relative_change: (level != 0.0).then(|| (end - start) / level),
        matters_from: (rule.relative_min * level.abs()).max(rule.absolute_min),
    })
}

fn blocks(samples: &[Sample], block_s: f64) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut edge_s = samples.first().map_or(0.0, |sample| sample.at_s);
    let mut rest = samples;
    while let Some(next) = rest.first() {
        let middle = |sample: &Sample| sample.at_s + sample.width_s / 2.0;
        while edge_s <= middle(next) {
            edge_s += block_s;
        }
        let (inside, later) = rest.split_at(rest.partition_point(|sample| middle(sample) < edge_s));
        let mut values: Vec<f64> = inside.iter().map(|sample| sample.value).collect();
        let at_s = inside.iter().map(middle).sum::<f64>() / as_f64(inside.len() as u64);
        blocks.extend(median(&mut values).map(|value| Block { at_s, value }));
        rest = later;
    }
    blocks
}

/// Between all pairs, sorted.
fn slopes(blocks: &[Block]) -> Vec<f64> {
    let mut slopes = Vec::with_capacity(blocks.len() * (blocks.len() - 1) / 2);
    for (index, a) in blocks.iter().enumerate() {
        slopes.extend(blocks[index + 1..].iter().map(|b| (b.value - a.value) / (b.at_s - a.at_s)));
    }
    slopes.sort_unstable_by(f64::total_cmp);
    slopes
}

/// [n(n−1)(2n+5) − Σ t(t−1)(2t+5)] / 18 over the groups of t equal values; the values are sorted.
fn kendall_variance(values: &[f64]) -> f64 {
    let term = |n: usize| {
        let n = as_f64(n as u64);
        n * (n - 1.0) * (2.0 * n + 5.0)
    };
    let ties: f64 = values.chunk_by(|a, b| a == b).map(|group| term(group.len())).sum();
    (term(values.len()) - ties) / 18.0
}

/// Sen's interval; `None` if it reaches beyond the slopes there are.
fn interval(slopes: &[f64], deviation: f64) -> Option<(f64, f64)> {
    let reach = Z * deviation;
    let all = as_f64(slopes.len() as u64);
    let lower = (all - reach) / 2.0;
    if lower < 1.0 {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and the number of slopes"
    )]
    let rank = lower as usize;
    Some((slopes[rank - 1], slopes[slopes.len() - rank]))
}

/// Kendall's τ: rising pairs less falling ones, as a share of all, −1 to 1.
fn concordance(slopes: &[f64]) -> f64 {
    let falling = slopes.partition_point(|slope| *slope < 0.0);
    let rising = slopes.len() - slopes.partition_point(|slope| *slope <= 0.0);
    (as_f64(rising as u64) - as_f64(falling as u64)) / as_f64(slopes.len() as u64)
}

/// n/n* for the autocorrelation of what the trend leaves: 1 + 2 Σ (1 − k/n) ρᵏ; at least 1.
fn correlation_factor(blocks: &[Block], slope: f64, tau: f64) -> f64 {
    let n = as_f64(blocks.len() as u64);
    let line = || blocks.iter().map(|block| block.value - slope * block.at_s).collect::<Vec<f64>>();
    let left = if tau.abs() >= MONOTONE * (BLOCKS_SHORT / n).cbrt() {
        residuals(blocks, slope >= 0.0)
    } else {
        line()
    };
    let rho = autocorrelation(&ranks(&left));
    let mut factor = 1.0;
    let mut power = 1.0;
    for lag in 1..blocks.len() {
        power *= rho;
        factor += 2.0 * (1.0 - as_f64(lag as u64) / n) * power;
    }
    factor
}

/// What remains after the rising (or falling) curve of least absolute deviations: pool adjacent violators, each pool at
/// its lower median (Robertson, Wright and Dykstra, Order Restricted Statistical Inference, 1988, chapter 1). A line
/// would leave the bend of a curved drift behind, which looks like correlation and would hide the drift; pools at their
/// mean would be drawn up by one high block and leave a ramp behind, which does the same.
fn residuals(blocks: &[Block], rising: bool) -> Vec<f64> {
    let sign = if rising { 1.0 } else { -1.0 };
    // Each pool's values, sorted.
    let mut pools: Vec<Vec<f64>> = Vec::with_capacity(blocks.len());
    let level = |pool: &[f64]| pool[(pool.len() - 1) / 2];
    for block in blocks {
        let mut pool = vec![sign * block.value];
        while let Some(before) = pools.pop_if(|before| level(before) >= level(&pool)) {
            pool.extend(before);
            pool.sort_unstable_by(f64::total_cmp);
        }
        pools.push(pool);
    }
    let curve = pools.iter().flat_map(|pool| std::iter::repeat_n(sign * level(pool), pool.len()));
    blocks.iter().zip(curve).map(|(block, curve)| block.value - curve).collect()
}

/// The rank of each value, equal ones sharing the middle of theirs. Autocorrelation of ranks sees through outliers
/// (Hamed and Rao, Journal of Hydrology 204, 1998).
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for group in order.chunk_by(|a, b| values[*a] == values[*b]) {
        for index in group {
            ranks[*index] = as_f64(first) + as_f64(group.len() as u64 - 1) / 2.0;
        }
        first += group.len() as u64;
    }
    ranks
}

/// Of lag 1, from 0 to [`CORRELATION_MAX`]: corrected for its bias in short detrended series, −(2 + 4ρ)/n, and one
/// standard error higher, since too low a value calls noise a trend and too high a one only asks for a clearer trend.
fn autocorrelation(residuals: &[f64]) -> f64 {
    let n = as_f64(residuals.len() as u64);
    let mean = residuals.iter().sum::<f64>() / n;
    let squares: f64 = residuals.iter().map(|value| (value - mean).powi(2)).sum();
    if squares <= 0.0 {
        return 0.0;
    }
    let products: f64 = residuals.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    let rho = ((n * products / squares + 2.0) / (n - 4.0)).clamp(0.0, CORRELATION_MAX);
    (rho + ((1.0 - rho * rho) / n).sqrt()).min(CORRELATION_MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULE: TrendRule =
        TrendRule { span_min_s: 60.0, left_out: 0.0, relative_min: 0.1, absolute_min: 2.0, goes_on: 0.0 };

    fn samples(values: impl IntoIterator<Item = f64>) -> Vec<Sample> {
        (0_u32..)
            .zip(values)
            .map(|(second, value)| Sample { at_s: f64::from(second), width_s: 1.0, value })
            .collect()
    }

    #[test]
    fn a_line_is_found_exactly() {
        let found = fit(&samples((0..120).map(|second| 30.0 + f64::from(second) * 0.5)), RULE).unwrap();
        assert!((found.slope_per_s - 0.5).abs() < 1e-9, "{found:?}");
        assert!((found.slope_per_hour - 1_800.0).abs() < 1e-6, "{found:?}");
        assert!(
            (found.end - found.start - 60.0).abs() < 1e-6 && (found.start - 29.75).abs() < 1e-6,
            "{found:?}"
        );
        assert_eq!((found.blocks, found.block_s, found.from_s, found.to_s), (30, 4.0, 0.0, 120.0));
        assert!(found.slope_low_per_s.unwrap() > 0.49, "{found:?}");
    }

    #[test]
    fn a_constant_has_no_slope_and_a_level_of_zero_no_relative_change() {
        let found = fit(&samples([7.0; 100]), RULE).unwrap();
        assert_eq!(
            (found.slope_per_s, found.slope_low_per_s, found.slope_high_per_s),
            (0.0, Some(0.0), Some(0.0))
        );
        assert_eq!(fit(&samples([0.0; 100]), RULE).unwrap().relative_change, None);
    }

    #[test]
    fn a_fifth_of_outliers_does_not_move_the_slope() {
        let values = (0..300_u32).map(|second| f64::from(second) + if second % 50 < 10 { 1e6 } else { 0.0 });
        let found = fit(&samples(values), RULE).unwrap();
        assert!((found.slope_per_s - 1.0).abs() < 0.15, "{found:?}");
    }

    /// A hiccup of the machine lifts one block far above a clear drift: neither the slope nor how sure it is may change.
    #[test]
    fn one_high_block_does_not_hide_a_drift() {
        for high in 0..30 {
            for sign in [1.0, -1.0] {
                let drift = |second: u32| {
                    let wobble = [0.0, 0.6, -0.4, 1.1, -0.9, 0.2][second as usize % 6];
                    let hiccup = if second / 3 == high { 60.0 } else { 0.0 };
                    120.0 + sign * f64::from(second) + wobble + hiccup
                };
                let found = fit(&samples((0..90).map(drift)), RULE).unwrap();
                let (low, high) = (found.slope_low_per_s.unwrap(), found.slope_high_per_s.unwrap());
                assert!(low * sign > 0.8 && high * sign > 0.8, "{found:?}");
            }
        }
    }

    #[test]
    fn the_variance_of_s_follows_kendall() {
        assert_eq!(kendall_variance(&[1.0, 2.0, 3.0, 4.0, 5.0]), 5.0 * 4.0 * 15.0 / 18.0);
        // Gilbert's example of ties: groups of 2 and 3 among 10.
        let tied = [1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 4.0, 5.0, 6.0, 7.0];
        assert!(
            (kendall_variance(&tied) - (10.0 * 9.0 * 25.0 - 2.0 * 9.0 - 3.0 * 2.0 * 11.0) / 18.0).abs()
                < 1e-9
        );
    }

    #[test]
    fn ranks_share_ties_and_residuals_of_a_rising_curve_are_none() {
        assert_eq!(ranks(&[30.0, 10.0, 30.0, 20.0]), [2.5, 0.0, 2.5, 1.0]);
        let blocks: Vec<Block> =
            (0..20_u32).map(|x| Block { at_s: f64::from(x), value: f64::from(x).powi(3) }).collect();
        assert!(residuals(&blocks, true).iter().all(|left| left.abs() < 1e-9));
        let falling: Vec<f64> = residuals(&blocks, false);
        let (below, above) =
            (falling.iter().filter(|left| **left < 0.0), falling.iter().filter(|left| **left > 0.0));
        assert!((below.count(), above.count()) == (10, 9) && falling[19] > 1_000.0, "{falling:?}");
    }

    #[test]
    fn two_days_are_gathered_into_few_blocks() {
        let found = fit(&samples((0..172_800).map(|second| f64::from(second % 60))), RULE).unwrap();
        assert!((200..=240).contains(&found.blocks), "{found:?}");
    }

    #[test]
    fn too_little_says_what_is_missing() {
        assert_eq!(fit(&[], RULE).unwrap_err(), "no values");
        assert_eq!(fit(&samples([1.0; 59]), RULE).unwrap_err(), "59 s of real time seen, 60 s needed");
        let sparse: Vec<Sample> = samples([1.0; 100]).into_iter().step_by(11).collect();
        assert_eq!(fit(&sparse, RULE).unwrap_err(), "10 blocks with values seen, 20 needed");
    }

    proptest! {
        /// Adding a line to a series adds its slope to the series' slope; scaling it scales the slope.
        #[test]
        fn the_slope_follows_the_series(
            values in proptest::collection::vec(0.0..100.0_f64, 60..200),
            slope in -5.0..5.0_f64,
            scale in 0.1..10.0_f64,
        ) {
            let plain = fit(&samples(values.clone()), RULE).unwrap();
            let line = |(second, value): (usize, &f64)| scale * value + slope * second as f64;
            // Medians within a block are moved by a line only as a whole if the block is one sample wide.
            let wide = |values: Vec<f64>| -> Vec<Sample> {
                samples(values).into_iter().map(|s| Sample { at_s: s.at_s * 10.0, width_s: 10.0, value: s.value }).collect()
            };
            let moved = fit(&wide(values.iter().enumerate().map(line).collect()), RULE).unwrap();
            let still = fit(&wide(values), RULE).unwrap();
            prop_assert!((moved.slope_per_s - (scale * still.slope_per_s + slope / 10.0)).abs() < 1e-6);
            let inside = |fit: &Fit| fit.slope_low_per_s.is_none_or(|low| low <= fit.slope_per_s)
                && fit.slope_high_per_s.is_none_or(|high| high >= fit.slope_per_s);
            prop_assert!(inside(&plain) && inside(&moved) && plain.correlation_factor >= 1.0);
        }
    }
}
