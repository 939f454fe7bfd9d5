//! Two programs whose clocks are not one: the true time of every row lies within the printed bound.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};
use streamgauge_end_to_end::{Finished, Observer, finish, scenario, writer};
use streamgauge_shared::clock::{Clock, ClockDomain};
use streamgauge_shared::report::{Report, ValidityState};
use streamgauge_shared::stamp::Stamp;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_testbed::{Process, Testbed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// What a clock is ahead, and what it gains.
type Skew = (Nanos, f64);
/// The clocks of two writers: 400 ms apart, and 50 ppm.
const SKEWS: [Skew; 2] = [(Nanos::from_millis(400), 50e-6), (Nanos::ZERO, 0.0)];
/// The longest that the link holds a packet back, each way.
const JITTER_US: u64 = 20_000;
/// What the test does not know: when exactly the writer started, at 50 ppm.
const UNKNOWN: Nanos = Nanos(50_000);
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_true_time_of_a_row_is_within_the_bound_whichever_of_two_writers_sent_it() -> Result<()> {
    let bed = Testbed::builder().delay(Duration::from_millis(200)).start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let link = Link::start(&observer.address).await?;
    let began = Clock::start().now();
    let skewed = ["offset=400ms,drift=50ppm,step=500ms@4s,boot=other", "offset=0ms,boot=other"];
    let scenario = scenario(&bed, 50, 10)?;
    let mut runs = Vec::new();
    for (index, skewed) in skewed.into_iter().enumerate() {
        let index = index.to_string();
        let shard = ["--run-id", "00c0ffee0042", "--shard-count", "2", "--shard-index", &index];
        runs.push(start(&bed, &link.address, scenario.clone(), Some(skewed), &shard).await?);
    }
    let Finished { code, .. } = finish(&runs[1], LIMIT).await?;
    let (report, shown) = end(&runs[0], &observer).await?;
    assert_eq!(code, i32::from(report.verdict.exit_code), "one verdict for both: {shown}");

    assert_eq!((report.clock.domain, report.account.delivered), (ClockDomain::Network, 1_000), "{shown}");
    let bound = report.clock.error_bound_ms.context("no bound")?;
    let sent = sent_by_stamp(&bed)?;
    let mut errors = Vec::new();
    for row in observer.rows()? {
        let number = |name: &str| row[name].as_u64();
        let (Some(writer), Some(sequence)) = (number("writer"), number("sequence")) else { continue };
        let Some(said) = row["sent_ns"].as_i64() else { continue };
        // Deletes carry no stamp, so the relay does not know when they were sent.
        let Some((skewed, stamp)) = sent.get(&(writer, sequence)) else { continue };
        errors.push((UnixNanos(said) - unskewed(*stamp, *skewed, began)).as_millis_f64());
    }
    assert_eq!(errors.len(), 500, "every row with a stamp: {shown}");
    let least = errors.iter().copied().fold(f64::INFINITY, f64::min);
    let most = errors.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    println!("bound {bound:.3} ms, errors {least:.3} to {most:.3} ms, {:?}", report.clock.writers);
    let within = errors.iter().filter(|error| error.abs() <= bound + UNKNOWN.as_millis_f64()).count();
    assert!(within * 1_000 >= errors.len() * 999, "{within} of {} within {bound} ms", errors.len());
    assert!(bound > 0.0 && bound < 50.0, "{bound} ms");
    assert!(shown.contains(" ± "), "beside the figures: {shown}");
    assert!(shown.contains("TEST CLOCK"), "nobody may take these figures for real ones: {shown}");

    // The step of its wall clock is seen, and moves nothing.
    let [step] = &report.clock.stepped[..] else { panic!("{:?}: {shown}", report.clock.stepped) };
    assert!((step.by_ms - 500.0).abs() < 50.0 && step.whose == "writer 0" && !step.moved_latencies);
    let codes = codes(&report);
    assert!(codes.contains(&("clock_stepped", ValidityState::Degraded)), "{codes:?}");
    assert!(codes.iter().all(|(_, grade)| *grade != ValidityState::Invalid), "{codes:?}");
    bed.stop()
}

#[tokio::test]
async fn a_clock_that_contradicts_the_shared_kernel_is_invalid() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let run = start(&bed, &observer.address, scenario(&bed, 20, 2)?, Some("offset=400ms"), &[]).await?;
    let (report, shown) = end(&run, &observer).await?;
    assert!(codes(&report).contains(&("clock_contradiction", ValidityState::Invalid)), "{shown}");
    assert_eq!(report.verdict.exit_code, 111, "{shown}");
    bed.stop()
}

#[tokio::test]
async fn the_exchange_can_be_asked_for_on_one_kernel() -> Result<()> {
    let bed = Testbed::builder().delay(Duration::from_millis(50)).start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let run = start(&bed, &observer.address, scenario(&bed, 20, 3)?, None, &["--clock", "network"]).await?;
    let (report, shown) = end(&run, &observer).await?;
    let clock = &report.clock.writers[0];
    let (bound, offset) = report.clock.error_bound_ms.zip(clock.offset_ms).context("no exchange")?;
    println!("one kernel by exchange: {offset} ms ± {bound} ms, round trip {:?} ms", clock.round_trip_ms);
    assert_eq!(report.clock.domain, ClockDomain::Network, "{shown}");
    assert!(bound > 0.0 && offset.abs() <= bound + UNKNOWN.as_millis_f64(), "{offset} ms ± {bound} ms");
    assert!(codes(&report).iter().all(|(_, grade)| *grade != ValidityState::Invalid), "{shown}");
    bed.stop()
}

/// Starts a writer whose clock may be skewed.
async fn start(
    bed: &Testbed,
    observer: &str,
    scenario: std::path::PathBuf,
    skewed: Option<&str>,
    extra: &[&str],
) -> Result<Process> {
    let scenario = scenario.display().to_string();
    let mut args = vec!["run", &scenario, "--observer", observer, "--prepare"];
    args.extend(extra);
    let program = writer(bed.postgres_url(), &args)?;
    bed.run(match skewed {
        Some(skewed) => program.env("STREAMGAUGE_TEST_CLOCK", skewed),
        None => program,
    })
    .await
}

/// Waits for the end; the report, and what the writer printed.
async fn end(run: &Process, observer: &Observer) -> Result<(Report, String)> {
    let Finished { stdout, stderr, .. } = finish(run, LIMIT).await?;
    let shown = format!("{stdout}\n{stderr}");
    let report = observer.report().with_context(|| shown.clone())?;
    Ok((report, shown))
}

fn codes(report: &Report) -> Vec<(&str, ValidityState)> {
    report.validity.reasons.iter().map(|reason| (reason.code.as_str(), reason.grade)).collect()
}

/// By writer and sequence the sending time of each stamped row, as the writer's skewed clock showed it, and how
/// that clock was skewed.
fn sent_by_stamp(bed: &Testbed) -> Result<HashMap<(u64, u64), (Skew, UnixNanos)>> {
    let acks = bed.relay().acks()?;
    let stamps = acks.iter().filter_map(|ack| ack.stamp.as_ref());
    stamps
        .map(|stamp| {
            let Stamp { writer, sequence, sent, .. } = stamp.parse()?;
            Ok(((u64::from(writer), sequence), (SKEWS[usize::from(writer)], sent)))
        })
        .collect()
}

/// What the kernel's clock showed when the skewed one showed this.
#[expect(clippy::cast_possible_truncation, reason = "seconds in nanoseconds")]
fn unskewed(shown: UnixNanos, (ahead, drift): Skew, began: UnixNanos) -> UnixNanos {
    let flat = shown - ahead;
    flat - Nanos(((flat - began).as_secs_f64() * drift / (1.0 + drift) * 1e9) as i64)
}

/// A TCP link that holds every packet back for a random time, each way, and keeps their order.
struct Link {
    address: String,
    /// Ends with the test.
    _pumps: JoinSet<()>,
}

impl Link {
    async fn start(to: &str) -> Result<Self> {
        let to = to.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let mut pumps = JoinSet::new();
        pumps.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(&to).await else { continue };
                if near.set_nodelay(true).is_err() || far.set_nodelay(true).is_err() {
                    continue;
                }
                let ((near_reads, near_writes), (far_reads, far_writes)) =
                    (near.into_split(), far.into_split());
                connections.spawn(pump(near_reads, far_writes, 0x9e37_79b9_7f4a_7c15));
                connections.spawn(pump(far_reads, near_writes, 0xd1b5_4a32_d192_ed03));
            }
        });
        Ok(Self { address, _pumps: pumps })
    }
}

async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut random: u64,
) {
    let (hold, mut held) = mpsc::channel::<(tokio::time::Instant, Vec<u8>)>(1_024);
    let reading = async move {
        let mut bytes = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from.read(&mut bytes).await {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let until = tokio::time::Instant::now() + Duration::from_micros(random % JITTER_US);
            if hold.send((until, bytes[..read].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((until, bytes)) = held.recv().await {
            tokio::time::sleep_until(until).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        // The other side hears that this one has closed.
        drop(to.shutdown().await);
    };
    tokio::join!(reading, writing);
}
