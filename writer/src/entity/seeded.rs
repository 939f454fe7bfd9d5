//! Random sources: each thing that is random has one of its own, so that nothing depends on timing.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Seeds;

/// The part of a test that a user's steps belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// The test's setup.
    Setup,
    /// The load of the scenario with this index.
    Scenario(usize),
    /// The test's teardown.
    Teardown,
}

/// For one column of the row that an operation writes. No two columns share one: a step that sets one column
/// its own way leaves the others as they were.
pub(super) fn of_column(seeds: Seeds, sequence: u64, column: usize) -> StdRng {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&seeds.seed.to_le_bytes());
    seed[8..20].copy_from_slice(&run_digits(seeds));
    seed[20..22].copy_from_slice(&seeds.writer.to_le_bytes());
    // Above 0, which is the steps' source. PostgreSQL has at most 1,600 columns in a table.
    let column = u16::try_from(column + 1).expect("a table has fewer than 65535 columns");
    seed[22..24].copy_from_slice(&column.to_le_bytes());
    seed[24..].copy_from_slice(&sequence.to_le_bytes());
    StdRng::from_seed(seed)
}

/// For what one iteration of one user draws: alternatives, pauses, rows from pools. A function of the seed
/// alone, so that two runs with one seed do the same; the run is not mixed in.
#[must_use]
pub fn of_steps(seeds: Seeds, domain: Domain, user: u32, iteration: u64) -> StdRng {
    let domain = match domain {
        Domain::Setup => 0,
        Domain::Teardown => 1,
        Domain::Scenario(index) => 2 + index as u64,
    };
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&seeds.seed.to_le_bytes());
    seed[8..16].copy_from_slice(&domain.to_le_bytes());
    seed[16..20].copy_from_slice(&user.to_le_bytes());
    seed[20..22].copy_from_slice(&seeds.writer.to_le_bytes());
    // Bytes 22 and 23 stay 0: no column's source is the same.
    seed[24..].copy_from_slice(&iteration.to_le_bytes());
    StdRng::from_seed(seed)
}

/// The twelve digits of a run's text form.
fn run_digits(seeds: Seeds) -> [u8; 12] {
    seeds.run.to_string().into_bytes().try_into().expect("a run id has twelve digits")
}
