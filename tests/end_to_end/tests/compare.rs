//! `compare` on real runs: the same pipeline twice is no difference, 10 % more is found. `make compare-pairs` has more of them.

use anyhow::Result;
use streamgauge_end_to_end::pairs::{BASE, MORE, compare, line, run};

/// Length of each run.
const SECONDS: u32 = 12;

#[tokio::test]
async fn the_same_is_no_difference_and_ten_percent_more_are_found() -> Result<()> {
    let kept = tempfile::tempdir()?;
    for seed in [1, 2] {
        let first = run(kept.path(), BASE, seed, SECONDS).await?;
        let same = run(kept.path(), BASE, seed, SECONDS).await?;
        let slower = run(kept.path(), MORE, seed, SECONDS).await?;
        let (compared, code) = compare(&first, &same, &["--fail-on-regression", "5%"])?;
        assert_eq!((compared["verdict"].as_str(), code), (Some("unchanged"), Some(0)), "{}", line(&compared));
        let (compared, code) = compare(&first, &slower, &["--fail-on-regression", "5%"])?;
        assert_eq!(
            (compared["verdict"].as_str(), code),
            (Some("regressed"), Some(99)),
            "{}",
            line(&compared)
        );
        let (compared, code) = compare(&slower, &first, &["--fail-on-regression", "5%"])?;
        assert_eq!((compared["verdict"].as_str(), code), (Some("improved"), Some(0)), "{}", line(&compared));
    }
    Ok(())
}
