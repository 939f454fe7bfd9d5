//! The ledger's session against an observer made for the test: a real listener, the real protocol, and faults
//! at chosen places.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONNECTION, UPGRADE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use streamgauge_shared::account::{Operation, Phase};
use streamgauge_shared::clock::Clock;
use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::ledger::frame::{self, Decoder};
use streamgauge_shared::ledger::{
    self, Awaited, Closed, End, Hello, NotSent, NotSentCause, Progress, Record, Status, ToObserver, ToWriter,
    Verdict, Written,
};
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::test_file::Source;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::token::Token;
use streamgauge_writer::ledger_client::{Endpoint, Limits, Queue, Session, SessionHandle, queue, read_token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Nothing in these tests takes longer, unless it hangs.
const HANG: Duration = Duration::from_secs(20);

/// The observer's end of one connection.
struct Peer {
    stream: TokioIo<Upgraded>,
    decoder: Decoder,
}

impl Peer {
    async fn hear(&mut self) -> Option<ToObserver> {
        let mut bytes = vec![0; 1 << 16];
        loop {
            if let Some(message) = self.decoder.message().expect("whole frames") {
                return Some(message);
            }
            match timeout(HANG, self.stream.read(&mut bytes)).await.expect("something is sent") {
                Ok(count) if count > 0 => self.decoder.push(&bytes[..count]),
                _ => return None,
            }
        }
    }

    async fn hear_hello(&mut self) -> Hello {
        match self.hear().await {
            Some(ToObserver::Hello(hello)) => *hello,
            other => panic!("the first message is a hello, not {other:?}"),
        }
    }

    /// The next record's number and content; statuses in between are left out.
    async fn hear_record(&mut self) -> (u64, Record) {
        loop {
            match self.hear().await {
                Some(ToObserver::Record { number, record }) => return (number, record),
                Some(ToObserver::Status(_)) => {}
                other => panic!("a record was expected, not {other:?}"),
            }
        }
    }

    async fn say(&mut self, message: ToWriter) {
        let mut bytes = Vec::new();
        frame::encode(&message, &mut bytes).expect("a short message");
        self.stream.write_all(&bytes).await.expect("the writer listens");
        self.stream.flush().await.expect("the writer listens");
    }

    async fn ready(&mut self, next_record: u64) {
        self.hear_hello().await;
        self.say(ToWriter::Ready { writer: 0, next_record, first_numbers: vec![7] }).await;
    }
}

/// Listens; every upgraded connection comes out of the channel.
async fn observer(token: Option<&'static str>) -> (Endpoint, mpsc::Receiver<Peer>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("bound")).parse().expect("a URL");
    let (peers, connections) = mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let peers = peers.clone();
            let service = service_fn(move |request| answer(request, token, peers.clone()));
            tokio::spawn(
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades(),
            );
        }
    });
    (endpoint, connections)
}

async fn answer(
    mut request: Request<Incoming>,
    token: Option<&str>,
    peers: mpsc::Sender<Peer>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let given = request.headers().get(AUTHORIZATION).map(|value| value.to_str().expect("text").to_owned());
    let mut response = Response::new(Full::default());
    if token.is_some() && given != token.map(|token| format!("Bearer {token}")) {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        *response.body_mut() = Full::from("a token is needed\n");
        return Ok(response);
    }
    assert_eq!(request.uri().path(), ledger::PATH);
    assert_eq!(request.headers()[UPGRADE], ledger::PROTOCOL);
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let stream = TokioIo::new(upgraded.await.expect("upgraded"));
        peers.send(Peer { stream, decoder: Decoder::default() }).await.expect("the test goes on");
    });
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(CONNECTION, "upgrade".parse().expect("a value"));
    response.headers_mut().insert(UPGRADE, ledger::PROTOCOL.parse().expect("a value"));
    Ok(response)
}

struct Client {
    queue: Queue,
    handle: SessionHandle,
    life: JoinHandle<Result<Verdict, Failure>>,
}

fn client(endpoint: Endpoint, token: Option<Token>, limits: Limits, length: usize) -> Client {
    let (queue, waiting, lost) = queue(length);
    let source = |name: &str| Source { name: name.to_owned(), text: String::new() };
    let hello = Hello {
        version: "0.1.0".to_owned(),
        process: 1,
        run: RunId::from_bits(1),
        test: source("test.toml"),
        model: source("model.toml"),
        time_scale: "1".to_owned(),
        load_scale: "1".to_owned(),
        seed: 1,
        shard_index: 0,
        shard_count: 1,
        clock: Clock::start().identity(),
        postgres_version: "15".to_owned(),
        postgres_tls: "none".to_owned(),
        postgres_pooler: "none".to_owned(),
        greatest_numbers: Vec::new(),
    };
    let clock = Clock::start();
    let (handle, life) = Session { endpoint, token, hello, clock, queue: waiting, lost, limits }.start();
    Client { queue, handle, life: tokio::spawn(life) }
}

fn record(sequence: u64) -> Record {
    Record::Closed(Closed::new(sequence, Written::Committed(UnixNanos(7))))
}

/// A record of more than ten thousand bytes.
fn bulky(sequence: u64) -> Record {
    Record::NotSent(NotSent {
        sequence,
        phase: Phase::Run,
        scenario: 0,
        entity: 0,
        operation: Operation::Create,
        key: Some("k".repeat(10_000)),
        group: None,
        stage: None,
        intended: UnixNanos(7),
        cause: NotSentCause::NotConnected,
    })
}

fn end(operations: u64) -> End {
    End { operations, cause: None, status: Status::default() }
}

fn verdict() -> ToWriter {
    ToWriter::Verdict(Box::new(Verdict {
        report_json: "{}".to_owned(),
        folder: Some("runs/1".to_owned()),
        progress: Progress::default(),
    }))
}

#[tokio::test]
async fn a_run_goes_from_hello_to_verdict() {
    let (endpoint, mut peers) = observer(None).await;
    let mut client = client(endpoint, None, Limits::default(), 100);
    let mut peer = peers.recv().await.expect("a connection");
    assert_eq!(peer.hear_hello().await.run, RunId::from_bits(1));
    assert!(client.handle.ready.try_recv().is_err(), "not ready before the observer says so");
    peer.say(ToWriter::Ready { writer: 3, next_record: 0, first_numbers: Vec::new() }).await;
    assert_eq!((&mut client.handle.ready).await.expect("ready").writer, 3);

    client.queue.record(record(0));
    let answer = client.queue.wait_for(Awaited { sequence: 0, deadline: UnixNanos(9) });
    assert_eq!(peer.hear_record().await, (0, record(0)));
    assert!(matches!(peer.hear().await, Some(ToObserver::Await(Awaited { sequence: 0, .. }))));
    peer.say(ToWriter::Settled { sequence: 0, arrived: true }).await;
    assert_eq!(answer.await, Ok(true));

    peer.say(ToWriter::Snapshot(Box::new(Progress { entries: 1, ..Progress::default() }))).await;
    client.handle.progress.changed().await.expect("alive");
    assert_eq!(client.handle.progress.borrow().as_ref().expect("told").entries, 1);
    let crossed = Failure { exit_code: ExitCode::ThresholdCrossed, sentence: "too slow".to_owned() };
    peer.say(ToWriter::Abort(crossed.clone())).await;
    client.handle.abort.changed().await.expect("alive");
    assert_eq!(*client.handle.abort.borrow(), Some(crossed));

    assert!(client.queue.end(end(1)).await);
    assert!(matches!(peer.hear_record().await, (1, Record::End(_))));
    peer.say(verdict()).await;
    let verdict = client.life.await.expect("no panic").expect("a verdict");
    assert_eq!(verdict.folder.as_deref(), Some("runs/1"));
}

#[tokio::test]
async fn a_broken_connection_loses_and_renumbers_nothing() {
    let (endpoint, mut peers) = observer(None).await;
    let mut client = client(endpoint, None, Limits::default(), 10_000);
    let mut peer = peers.recv().await.expect("a connection");
    peer.ready(0).await;
    (&mut client.handle.ready).await.expect("ready");
    (0..100).for_each(|sequence| client.queue.record(record(sequence)));
    let mut answer = client.queue.wait_for(Awaited { sequence: 99, deadline: UnixNanos(9) });
    for expected in 0..60 {
        assert_eq!(peer.hear_record().await, (expected, record(expected)));
    }
    peer.say(ToWriter::Ack { next_record: 40 }).await;
    drop(peer);

    // The load goes on meanwhile.
    (100..5_000).for_each(|sequence| client.queue.record(record(sequence)));
    let mut peer = peers.recv().await.expect("it comes back");
    peer.ready(60).await;
    for expected in 60..5_000 {
        assert_eq!(peer.hear_record().await, (expected, record(expected)));
    }
    assert!(answer.try_recv().is_err());
    assert!(matches!(peer.hear().await, Some(ToObserver::Await(Awaited { sequence: 99, .. }))));
    peer.say(ToWriter::Settled { sequence: 99, arrived: false }).await;
    assert_eq!(answer.await, Ok(false));
    assert_eq!(client.queue.lost(), 0);
    peer.say(verdict()).await;
    assert!(client.life.await.expect("no panic").is_ok());
}

#[tokio::test]
async fn a_status_comes_after_what_was_queued_before_it() {
    let (endpoint, mut peers) = observer(None).await;
    let mut client = client(endpoint, None, Limits::default(), 10_000);
    let mut peer = peers.recv().await.expect("a connection");
    peer.ready(0).await;
    (&mut client.handle.ready).await.expect("ready");
    for round in 0..20_u64 {
        (0..50).for_each(|n| client.queue.record(record(round * 50 + n)));
        let queued_at = i64::try_from((round + 1) * 50).expect("small");
        client.queue.status(Status { queued_at: UnixNanos(queued_at), ..Status::default() });
    }
    let mut records = 0;
    while records < 1_000 {
        match peer.hear().await {
            Some(ToObserver::Record { .. }) => records += 1,
            Some(ToObserver::Status(status)) => assert!(status.queued_at.0 <= records, "{records}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_observer_that_forgot_the_run_invalidates_it() {
    let (endpoint, mut peers) = observer(None).await;
    let mut client = client(endpoint, None, Limits::default(), 100);
    let mut peer = peers.recv().await.expect("a connection");
    peer.ready(0).await;
    (&mut client.handle.ready).await.expect("ready");
    client.queue.record(record(0));
    peer.hear_record().await;
    peer.say(ToWriter::Ack { next_record: 1 }).await;
    // The acknowledgement is taken in before the break.
    client.queue.record(record(1));
    peer.hear_record().await;
    drop(peer);
    peers.recv().await.expect("it comes back").ready(0).await;
    let failure = client.life.await.expect("no panic").expect_err("nothing to resume");
    assert_eq!(failure.exit_code, ExitCode::MeasurementInvalid);
    assert!(failure.sentence.contains("asks for record 0"), "{failure}");
}

#[tokio::test]
async fn an_observer_that_stays_away_ends_the_session() {
    let (endpoint, mut peers) = observer(None).await;
    let limits = Limits { gone: Duration::from_millis(700), ..Limits::default() };
    let mut client = client(endpoint, None, limits, 100);
    let mut peer = peers.recv().await.expect("a connection");
    peer.ready(0).await;
    (&mut client.handle.ready).await.expect("ready");
    // Every new connection is closed without an answer to its hello.
    drop((peer, peers));
    let failure = timeout(HANG, client.life).await.expect("an end").expect("no panic").expect_err("gone");
    assert_eq!(failure.exit_code, ExitCode::MeasurementInvalid);
    assert!(failure.sentence.contains("the observer is gone"), "{failure}");
}

#[tokio::test]
async fn a_silent_observer_is_connected_anew() {
    let (endpoint, mut peers) = observer(None).await;
    let limits = Limits { silence: Duration::from_millis(200), ..Limits::default() };
    let mut client = client(endpoint, None, limits, 100);
    let mut silent = peers.recv().await.expect("a connection");
    silent.ready(0).await;
    (&mut client.handle.ready).await.expect("ready");
    let mut peer = timeout(HANG, peers.recv()).await.expect("in time").expect("another connection");
    peer.ready(0).await;
    peer.say(verdict()).await;
    assert!(client.life.await.expect("no panic").is_ok());
}

#[tokio::test]
async fn an_observer_that_falls_silent_after_the_end_is_noticed_as_well() {
    let (endpoint, mut peers) = observer(None).await;
    let limits = Limits { silence: Duration::from_millis(200), ..Limits::default() };
    let mut client = client(endpoint, None, limits, 100);
    let mut silent = peers.recv().await.expect("a connection");
    silent.ready(0).await;
    (&mut client.handle.ready).await.expect("ready");
    assert!(client.queue.end(end(0)).await);
    assert!(matches!(silent.hear_record().await, (0, Record::End(_))));
    let mut peer = timeout(HANG, peers.recv()).await.expect("in time").expect("another connection");
    // It is asked for its clock for as long as it takes, and waits: longer than the silence that it bears.
    peer.ready(0).await;
    assert!(matches!(peer.hear_record().await, (0, Record::End(_))), "what was not acknowledged comes again");
    for asked in 0..10 {
        peer.say(ToWriter::ClockProbe { asked: UnixNanos(asked) }).await;
        assert!(matches!(peer.hear().await, Some(ToObserver::ClockReply { .. })));
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    peer.say(verdict()).await;
    assert!(client.life.await.expect("no panic").is_ok());
}

#[tokio::test]
async fn an_observer_that_takes_nothing_is_connected_anew_and_loses_nothing() {
    let (endpoint, mut peers) = observer(None).await;
    let limits = Limits { silence: Duration::from_millis(400), ..Limits::default() };
    let mut client = client(endpoint, None, limits, 10_000);
    let mut stalled = peers.recv().await.expect("a connection");
    stalled.ready(0).await;
    (&mut client.handle.ready).await.expect("ready");
    // More than the two buffers of the connection hold; it still speaks, and reads nothing.
    (0..5_000).for_each(|sequence| client.queue.record(bulky(sequence)));
    let speaking = async {
        loop {
            stalled.say(ToWriter::Ack { next_record: 0 }).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let mut peer = tokio::select! {
        () = speaking => unreachable!("it speaks for ever"),
        peer = timeout(HANG, peers.recv()) => peer.expect("in time").expect("another connection"),
    };
    peer.ready(0).await;
    for expected in 0..5_000 {
        assert_eq!(peer.hear_record().await.0, expected);
    }
    assert_eq!(client.queue.lost(), 0);
    peer.say(verdict()).await;
    assert!(client.life.await.expect("no panic").is_ok());
}

#[tokio::test]
async fn an_observer_that_is_stopped_ends_the_session_at_its_time_from_the_last_word() {
    let (endpoint, mut peers) = observer(None).await;
    let limits =
        Limits { silence: Duration::from_millis(300), gone: Duration::from_millis(900), ..Limits::default() };
    let mut client = client(endpoint, None, limits, 100);
    let mut stopped = peers.recv().await.expect("a connection");
    stopped.ready(0).await;
    let (clock, since) = (Clock::start(), Clock::start().now());
    (&mut client.handle.ready).await.expect("ready");
    // Its connections are taken, and nobody ever answers on them.
    let failure = timeout(HANG, client.life).await.expect("an end").expect("no panic").expect_err("gone");
    assert_eq!(failure.exit_code, ExitCode::MeasurementInvalid);
    let took = clock.now() - since;
    assert!(took >= Nanos::from_millis(900), "{took}");
    drop((stopped, peers));
}

#[tokio::test]
async fn a_refusal_is_handed_on_as_it_is() {
    let (endpoint, mut peers) = observer(None).await;
    let mut client = client(endpoint, None, Limits::default(), 100);
    let mut peer = peers.recv().await.expect("a connection");
    peer.hear_hello().await;
    let busy = Failure::run("the observer is busy");
    peer.say(ToWriter::Refused(busy.clone())).await;
    assert!((&mut client.handle.ready).await.is_err());
    assert_eq!(client.life.await.expect("no panic").expect_err("refused"), busy);
}

#[tokio::test]
async fn a_token_opens_the_door_and_its_absence_is_explained() {
    let (endpoint, mut peers) = observer(Some("s3cret")).await;
    let without = client(endpoint.clone(), None, Limits::default(), 100);
    let failure = without.life.await.expect("no panic").expect_err("401");
    assert!(failure.sentence.contains("answered 401: a token is needed; give --token-file"), "{failure}");

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "s3cret\n").expect("written");
    let with = client(endpoint, Some(read_token(&path).expect("a token")), Limits::default(), 100);
    let mut peer = peers.recv().await.expect("a connection");
    peer.ready(0).await;
    let ready = with.handle.ready.await.expect("ready");
    assert_eq!((ready.writer, ready.first_numbers), (0, vec![7]));
}

#[tokio::test]
async fn an_observer_that_is_not_there_is_named_within_ten_seconds() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint: Endpoint =
        format!("http://{}", listener.local_addr().expect("bound")).parse().expect("a URL");
    drop(listener);
    let (clock, shown) = (Clock::start(), endpoint.to_string());
    let began = clock.now();
    let failure =
        client(endpoint, None, Limits::default(), 100).life.await.expect("no panic").expect_err("nobody");
    let took = (clock.now() - began).to_std();
    assert!(took < Duration::from_millis(10_500), "{took:?}");
    assert_eq!(failure.exit_code, ExitCode::RunFailed);
    assert!(failure.sentence.contains(&format!("--observer {shown}")), "{failure}");
}

#[tokio::test]
async fn what_the_limits_cannot_hold_is_counted() {
    let (endpoint, mut peers) = observer(None).await;
    let limits = Limits { unacked: 10, ..Limits::default() };
    let (queue, waiting, lost) = queue(64);
    (0..70).for_each(|sequence| queue.record(record(sequence)));
    assert_eq!(lost.load(Ordering::Relaxed), 6, "the queue holds 64");
    drop(waiting);

    let mut client = client(endpoint, None, limits, 64);
    let mut peer = peers.recv().await.expect("a connection");
    peer.ready(0).await;
    (&mut client.handle.ready).await.expect("ready");
    (0..25).for_each(|sequence| client.queue.record(record(sequence)));
    // Nothing is acknowledged: ten are kept, and the numbers stay dense.
    for expected in 0..10 {
        assert_eq!(peer.hear_record().await.0, expected);
    }
    assert!(client.queue.end(end(25)).await);
    assert!(matches!(peer.hear_record().await, (10, Record::End(_))));
    assert_eq!(client.queue.lost(), 15);
}
