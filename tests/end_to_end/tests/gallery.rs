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

#[tokio::test]
async fn a_lost_row_crosses_no_window_in_which_it_was_not_sent() -> Result<()> {
    right("one-lost-row").await
}

#[tokio::test]
async fn a_run_of_which_most_rows_were_not_timed_is_invalid() -> Result<()> {
    right("most-unmeasured").await
}

#[tokio::test]
async fn no_row_that_waited_behind_a_backlog_counts_as_timed() -> Result<()> {
    right("reopened-with-backlog").await
}

#[tokio::test]
async fn fields_whose_names_hold_a_dot_are_read() -> Result<()> {
    right("shape-flattened").await
}

#[tokio::test]
async fn a_tombstone_after_the_mark_of_a_deleted_row_is_a_duplicate() -> Result<()> {
    right("shape-soft-delete-tombstone").await
}

#[tokio::test]
async fn a_column_that_cannot_be_read_leaves_the_others_compared() -> Result<()> {
    right("content-base64-decimal").await
}
