//! No row is sent before the change stream is open: what it cannot see would be lost without a trace.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use streamgauge_end_to_end::{Observer, finish, scenario, start_run};
use streamgauge_shared::clock::Clock;
use streamgauge_testbed::{Signal, Testbed, wait_for};

const LIMIT: Duration = Duration::from_secs(30);
/// The state of an established connection in `/proc/net/tcp`.
const ESTABLISHED: &str = "01";

#[tokio::test]
async fn no_row_is_sent_while_the_stream_cannot_be_opened() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let clock = Clock::start();
    bed.mongo().signal(Signal::Stop)?;
    let run = start_run(&bed, &observer, &scenario(&bed, 50, 2)?, &["--prepare"]).await?;
    let port: u16 = observer.address.rsplit(':').next().context("no port")?.parse()?;
    let connected = wait_for("the writer to be connected with the observer", LIMIT, || async {
        if connections_to(port).map_err(|error| error.to_string())? > 0 { Ok(()) } else { Err(run.tail()) }
    });
    connected.await?;
    assert!(run.is_running(), "it waits: {}", run.tail());
    let opened_after = clock.now().0;
    bed.mongo().signal(Signal::Continue)?;

    let finished = finish(&run, LIMIT).await?;
    let report = observer.report().with_context(|| finished.stderr.clone())?;
    assert_eq!((report.account.entries, report.account.delivered), (200, 200), "{}", finished.stdout);
    let rows = observer.rows()?;
    let sent = rows.iter().filter_map(|row| row["sent_ns"].as_i64());
    let first = sent.min().context("no row has a time")?;
    assert!(first >= opened_after, "sent {} ns before the stream could be opened", opened_after - first);
    bed.stop()
}

/// Connections of this machine whose other end is this port.
fn connections_to(port: u16) -> Result<usize> {
    let table = fs::read_to_string("/proc/net/tcp").context("no table of connections")?;
    let suffix = format!(":{port:04X}");
    let is_to = |line: &&str| {
        let mut fields = line.split_whitespace().skip(2);
        let (remote, state) = (fields.next(), fields.next());
        remote.is_some_and(|remote| remote.ends_with(&suffix)) && state == Some(ESTABLISHED)
    };
    Ok(table.lines().filter(is_to).count())
}
