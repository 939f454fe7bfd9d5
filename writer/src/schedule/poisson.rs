//! Independent callers: starts whose distances are exponentially distributed.
//!
//! Unit gaps `−ln u`, u uniform in (0, 1], are summed, and the sums are taken through the rate's line as whole
//! numbers of iterations are for even starts (inversion of the cumulative rate, Çinlar 1975). So the same
//! gaps give a Poisson process at a constant rate and the right one on a ramp.
//!
//! The gaps depend on the seed and the scenario's place in the file only. The logarithm is the platform's, so
//! the last bit may differ between platforms; one build repeats itself exactly.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use streamgauge_shared::account::Phase;

/// Keeps these draws apart from those of rows with the same seed.
const DOMAIN: &[u8; 8] = b"arrivals";
/// 2^32: gaps are kept in 2^-32ths, so that a sum has no rounding of its own.
const UNIT: f64 = 4_294_967_296.0;

/// The sums of unit exponential gaps.
#[derive(Debug)]
pub struct UnitSums {
    random: StdRng,
    /// In 2^-32ths; the largest gap is 36.7, so that 2^58 starts fit.
    sum: u128,
}

impl UnitSums {
    /// The sums of one scenario in one phase.
    #[must_use]
    pub fn new(seed: u64, scenario: usize, phase: Phase) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&(scenario as u64).to_le_bytes());
        bytes[16] = u8::from(phase == Phase::Run);
        bytes[24..].copy_from_slice(DOMAIN);
        Self { random: StdRng::from_seed(bytes), sum: 0 }
    }

    /// The next sum: whole units and 2^-32ths of one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "53 bits are exact, a gap is between 0 and 37, and the sum is split into its two parts"
    )]
    pub fn advance(&mut self) -> (u64, u32) {
        let uniform = ((self.random.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        self.sum += u128::from((-uniform.ln() * UNIT).round() as u64);
        ((self.sum >> 32) as u64, self.sum as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_have_the_mean_and_the_variance_of_the_exponential_distribution() {
        let mut sums = UnitSums::new(7, 0, Phase::Run);
        let (mut before, mut squares) = (0.0, 0.0);
        for _ in 0..100_000 {
            let (whole, fraction) = sums.advance();
            let sum = f64::from(u32::try_from(whole).expect("small")) + f64::from(fraction) / UNIT;
            squares += (sum - before) * (sum - before);
            before = sum;
        }
        // Three standard errors: 3/√n, and 3·√20/√n for the second moment, which is 2.
        assert!((before / 100_000.0 - 1.0).abs() < 0.01, "{before}");
        assert!((squares / 100_000.0 - 2.0).abs() < 0.05, "{squares}");
    }

    #[test]
    fn seed_scenario_and_phase_each_give_other_gaps() {
        let first = |seed, scenario, phase| UnitSums::new(seed, scenario, phase).advance();
        let base = first(1, 0, Phase::Run);
        assert_eq!(base, first(1, 0, Phase::Run));
        for other in [first(2, 0, Phase::Run), first(1, 1, Phase::Run), first(1, 0, Phase::WarmUp)] {
            assert_ne!(base, other);
        }
    }
}
