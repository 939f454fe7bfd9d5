//! Quantiles of Student's t.

use std::f64::consts::FRAC_PI_2;

/// The value that |t| exceeds with a probability of `1 − level`, for `freedom` degrees of freedom (any number from 1 on;
/// less counts as 1). `level` lies between 0 and 1.
///
/// Hill (1970), "Algorithm 396: Student's t-quantiles", Communications of the ACM 13(10): six digits.
#[must_use]
pub fn two_sided(level: f64, freedom: f64) -> f64 {
    let (tails, n) = ((1.0 - level).clamp(1e-12, 1.0), freedom.max(1.0));
    if (n - 1.0).abs() < 1e-9 {
        return 1.0 / (tails * FRAC_PI_2).tan();
    }
    if (n - 2.0).abs() < 1e-9 {
        return (2.0 / (tails * (2.0 - tails)) - 2.0).sqrt();
    }
    let a = 1.0 / (n - 0.5);
    let b = 48.0 / (a * a);
    let mut c = ((20_700.0 * a / b - 98.0) * a - 16.0) * a + 96.36;
    let d = ((94.5 / (b + c) - 3.0) / b + 1.0) * (a * FRAC_PI_2).sqrt() * n;
    let mut y = (d * tails).powf(2.0 / n);
    if y > 0.05 + a {
        let x = normal(tails / 2.0);
        y = x * x;
        if n < 5.0 {
            c += 0.3 * (n - 4.5) * (x + 0.6);
        }
        c += (((0.05 * d * x - 5.0) * x - 7.0) * x - 2.0) * x + b;
        y = (((((0.4 * y + 6.3) * y + 36.0) * y + 94.5) / c - y - 3.0) / b + 1.0) * x;
        y = a * y * y;
        y = if y > 0.002 { y.exp_m1() } else { 0.5 * y * y + y };
    } else {
        y = ((1.0 / (((n + 6.0) / (n * y) - 0.089 * d - 0.822) * (n + 2.0) * 3.0) + 0.5 / (n + 4.0)) * y
            - 1.0)
            * (n + 1.0)
            / (n + 2.0)
            + 1.0 / y;
    }
    (n * y).sqrt()
}

/// The value below which a standard normal variable lies with a probability of `p`, 0 < p ≤ 1/2: Acklam's rational
/// approximation, relative error 10⁻⁹.
fn normal(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416];
    let polynomial = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, next| sum * x + next);
    if p < 0.024_25 {
        let q = (-2.0 * p.ln()).sqrt();
        polynomial(&C, q) / (polynomial(&D, q) * q + 1.0)
    } else {
        let q = p - 0.5;
        let r = q * q;
        polynomial(&A, r) * q / (polynomial(&B, r) * r + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::two_sided;

    /// Against the tables of any textbook.
    #[test]
    fn it_is_student_s_table() {
        for (level, freedom, table) in [
            (0.95, 1.0, 12.706),
            (0.95, 2.0, 4.303),
            (0.95, 3.0, 3.182),
            (0.95, 4.0, 2.776),
            (0.95, 10.0, 2.228),
            (0.95, 30.0, 2.042),
            (0.99, 5.0, 4.032),
            (0.99, 120.0, 2.617),
            (0.95, 1e6, 1.960),
            (0.998, 8.0, 4.501),
        ] {
            let t = two_sided(level, freedom);
            assert!((t - table).abs() < 0.002, "{level}, {freedom}: {t} instead of {table}");
        }
        assert!(two_sided(0.95, 4.5) < two_sided(0.95, 4.0) && two_sided(0.95, 4.5) > two_sided(0.95, 5.0));
    }
}
