//! The quickest lines of the fault gallery; `make accuracy` runs all of them.

use anyhow::{Context, Result};
use streamgauge_end_to_end::gallery::{Entry, Line};

/// Injects one fault and shows its line.
#[expect(clippy::print_stdout, reason = "the line is what the test is for")]
async fn right(name: &str) -> Result<()> {
    let entry = Entry::all().into_iter().find(|entry| entry.name == name).context("no such line")?;
    let lines = entry.lines().await;
    lines.iter().for_each(|line| println!("{line}"));
    assert!(!lines.is_empty() && !lines.iter().any(Line::is_wrong), "{lines:?}");
    Ok(())
}

#[tokio::test]
async fn every_dropped_row_is_reported_lost() -> Result<()> {
    right("drop").await
}

#[tokio::test]
async fn every_reordered_row_is_reported_out_of_order() -> Result<()> {
    right("reorder").await
}

#[tokio::test]
async fn every_corrupted_row_is_a_failed_check() -> Result<()> {
    right("corrupt").await
}
