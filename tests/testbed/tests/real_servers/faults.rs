//! The relay's faults between real servers, each read from the ack file.
//!
//! A row is acknowledged after the moment at which it was let through, so the file can show that none was early;
//! that none was much too late is shown with room for a busy machine.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use streamgauge_shared::clock::Clock;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_testbed::{AckRow, Testbed, find_program};

use crate::{Ends, acks, connect};

/// Room for a busy machine.
const SLACK: Nanos = Nanos::from_secs(2);

/// Writes `rows` rows in one transaction; their keys count from 1.
async fn burst(ends: &Ends, rows: usize) -> Result<()> {
    let insert = format!("INSERT INTO orders SELECT i, i, NULL FROM generate_series(1, {rows}) i");
    Ok(ends.postgres.batch_execute(&insert).await?)
}

/// Checks that every row came once and in order.
fn check_order(acks: &[AckRow], rows: usize) {
    let keys: Vec<usize> = acks.iter().filter_map(|ack| ack.key.parse().ok()).collect();
    assert_eq!(keys, (1..=rows).collect::<Vec<_>>(), "each once, in order");
}

/// The `k`-th slot of a rate, counted from `start`, which is the 0th.
fn slot(start: UnixNanos, k: usize, rows_per_s: i64) -> UnixNanos {
    start + Nanos(i64::try_from(k).unwrap_or(i64::MAX) * 1_000_000_000 / rows_per_s)
}

#[tokio::test]
async fn a_rate_limit_lets_no_row_through_before_its_slot_and_reaches_its_rate() -> Result<()> {
    // At the higher rate many slots pass while MongoDB writes one batch.
    for (rate, rows) in [(20, 60), (1_000, 3_000)] {
        let bed = Testbed::builder().rate_limit(f64::from(rate)).start().await?;
        let ends = connect(&bed).await?;
        let sent = Clock::start().now();
        burst(&ends, rows).await?;
        let acks = acks(&bed, rows).await?;
        check_order(&acks, rows);
        for (k, ack) in acks.iter().enumerate() {
            assert!(ack.acked >= slot(sent, k, rate.into()), "row {k} took {}", ack.acked - sent);
        }
        let last = acks[rows - 1].acked - sent;
        println!("{rows} rows at {rate}/s took {last}");
        assert!(last < slot(sent, rows - 1, rate.into()) - sent + SLACK, "the last row took {last}");
        bed.stop()?;
    }
    Ok(())
}

#[tokio::test]
async fn a_delay_grows_with_the_time_since_the_first_row() -> Result<()> {
    let (delay, length) = (Nanos::from_millis(50), Nanos::from_secs(2));
    let bed = Testbed::builder().delay(delay.to_std()).delay_growth(500.0).start().await?;
    let ends = connect(&bed).await?;
    let insert = ends.postgres.prepare("INSERT INTO orders VALUES ($1, 1, NULL)").await?;
    let clock = Clock::start();
    let mut sent = vec![clock.now()];
    while sent[sent.len() - 1] - sent[0] < length {
        ends.postgres.execute(&insert, &[&sent.len().to_string()]).await?;
        sent.push(clock.now());
    }
    // The last moment is after the last row.
    sent.pop();
    let acks = acks(&bed, sent.len()).await?;
    check_order(&acks, sent.len());
    // The latest moment at which the first row can have been read.
    let first = acks[0].acked - delay;
    for (ack, sent) in acks.iter().zip(&sent) {
        let grown = Nanos((*sent - first).0.max(0) / 2);
        assert!(ack.acked >= *sent + delay + grown, "{} took {}", ack.key, ack.acked - *sent);
    }
    let (ack, sent) = (&acks[acks.len() - 1], sent[sent.len() - 1]);
    let took = ack.acked - sent;
    assert!(took >= Nanos::from_millis(900) && took < Nanos::from_secs(1) + SLACK, "the last took {took}");
    bed.stop()
}

#[tokio::test]
async fn a_timed_stall_stops_everything_and_its_backlog_obeys_the_rate_limit() -> Result<()> {
    const ROWS: usize = 300;
    let (at, length) = (Duration::from_millis(500), Duration::from_millis(1_500));
    let bed = Testbed::builder().rate_limit(200.0).stall(at, length).start().await?;
    let ends = connect(&bed).await?;
    let sent = Clock::start().now();
    burst(&ends, ROWS).await?;
    let acks = acks(&bed, ROWS).await?;
    check_order(&acks, ROWS);
    // The first row was read between `sent` and its ack: the stall lies somewhere between these.
    let (latest_start, earliest_end) =
        (acks[0].acked + Nanos::from_millis(500), sent + Nanos::from_millis(2_000));
    assert!(latest_start < earliest_end, "the first row took {}", acks[0].acked - sent);
    let mut within: Vec<UnixNanos> = acks.iter().map(|ack| ack.acked).collect();
    within.retain(|acked| *acked > latest_start && *acked < earliest_end);
    within.dedup();
    assert!(within.len() <= 1, "only what MongoDB already had may be acknowledged: {within:?}");
    let after: Vec<&AckRow> = acks.iter().filter(|ack| ack.acked >= earliest_end).collect();
    assert!(after.len() >= 150, "most of the rows had to wait: {}", after.len());
    for (k, ack) in after.iter().enumerate() {
        let slot = slot(earliest_end, k, 200);
        assert!(ack.acked >= slot, "row {k} after the stall came {} early", slot - ack.acked);
    }
    let late = after[after.len() - 1].acked - slot(earliest_end, after.len(), 200);
    assert!(late < SLACK, "the backlog was gone {late} after its time");
    bed.stop()
}

#[tokio::test]
async fn a_shell_gives_the_same_faults_as_options() -> Result<()> {
    let exec = async |options: &[&str]| {
        let mut command = Command::new(find_program("testbed")?);
        command.arg("exec").args(options).args(["--", "true"]);
        anyhow::Ok(tokio::task::spawn_blocking(move || command.output()).await??)
    };
    let timing =
        ["--rate-limit", "2.5", "--delay-growth-ms-per-s", "0.5", "--stall-at", "30s", "--stall-for", "20s"];
    let all = [&timing[..], &["--jitter-ms", "5", "--drop-every", "9", "--shape", "handler"]].concat();
    let ran = exec(&all).await?;
    assert!(ran.status.success(), "{ran:?}");
    let wrong: [(&[&str], &str); 3] = [
        (&["--without-relay", "--drop-every", "5"], "cannot be used with"),
        (&["--rate-limit", "0"], "write more than 0 rows a second"),
        (&["--without-relay", "--rate-limit", "5"], "cannot be used with"),
    ];
    for (options, part) in wrong {
        let refused = exec(options).await?;
        let said = String::from_utf8(refused.stderr)?;
        assert!(!refused.status.success() && said.contains(part), "{said}");
    }
    Ok(())
}
