//! Sessions over a pair of pipes: what the run hears of a writer, whatever becomes of its connection.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use streamgauge_shared::clock::{Clock, ClockIdentity, PeerClock};
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::ledger::frame::{self, Decoder};
use streamgauge_shared::ledger::{Closed, Hello, Progress, Record, ToObserver, ToWriter, Verdict, Written};
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::test_file::Source;
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;

use super::clocks::FIRST_EXCHANGES;
use super::link::READ_BYTES;
use super::{Admission, Decision, FromWriter, Patience, SessionError, Slot, serve};

fn record(number: u64) -> ToObserver {
    let written = Written::Committed(UnixNanos(100));
    ToObserver::Record { number, record: Record::Closed(Closed::new(1, written)) }
}

fn hello() -> ToObserver {
    let source = Source { name: "t.toml".into(), text: String::new() };
    ToObserver::Hello(Box::new(Hello {
        version: "0".into(),
        process: 1,
        run: RunId::from_bits(7),
        test: source.clone(),
        model: source,
        time_scale: "1".into(),
        load_scale: "1".into(),
        seed: 0,
        shard_index: 0,
        shard_count: 1,
        clock: Clock::start().identity(),
        postgres_version: "15".into(),
        postgres_tls: "none".into(),
        postgres_pooler: "none".into(),
        greatest_numbers: Vec::new(),
    }))
}

/// Says hello to a session that decides this way, answers its clock probes, sends more once it is ready,
/// and returns every other message until the session closes.
async fn answers(decision: Result<Decision<FromWriter>, Failure>, more: &[ToObserver]) -> Vec<ToWriter> {
    let (mut ours, theirs) = tokio::io::duplex(1 << 16);
    let clock = Clock::start();
    let talk = async {
        let mut messages = Vec::new();
        send(&mut ours, &[hello()]).await;
        let (mut decoder, mut bytes) = (Decoder::default(), vec![0; READ_BYTES]);
        loop {
            let read = ours.read(&mut bytes).await.expect("a duplex");
            if read == 0 {
                return messages;
            }
            let heard = clock.now();
            decoder.push(&bytes[..read]);
            while let Some(message) = decoder.message().expect("whole frames") {
                if let ToWriter::ClockProbe { asked } = message {
                    let answered = clock.now();
                    send(&mut ours, &[ToObserver::ClockReply { asked, heard, answered }]).await;
                    continue;
                }
                if matches!(message, ToWriter::Ready { .. }) {
                    send(&mut ours, more).await;
                }
                messages.push(message);
            }
        }
    };
    let (messages, served) = tokio::join!(talk, serve(theirs, |_| async { decision }));
    served.expect("a session that ends in order");
    messages
}

async fn send(stream: &mut DuplexStream, messages: &[ToObserver]) {
    let mut bytes = Vec::new();
    messages.iter().for_each(|message| frame::encode(message, &mut bytes).expect("short"));
    // The session may be over.
    drop(stream.write_all(&bytes).await);
}

/// A writer on the observer's kernel, started this much later.
fn peer_clock(later: Nanos) -> Arc<Mutex<PeerClock>> {
    let ours = Clock::start().identity();
    let theirs = ClockIdentity { anchor: ours.anchor + later, ..ours.clone() };
    Arc::new(Mutex::new(PeerClock::new(&ours, &theirs)))
}

#[tokio::test]
async fn a_writer_that_missed_its_verdict_gets_it() {
    let verdict =
        Verdict { report_json: "{}".into(), folder: Some("runs/x".into()), progress: Progress::default() };
    let over = Decision::Over { writer: 3, next_record: 9, verdict: Box::new(verdict.clone()) };
    let expected = [
        ToWriter::Ready { writer: 3, next_record: 9, first_numbers: Vec::new() },
        ToWriter::Verdict(Box::new(verdict)),
    ];
    assert_eq!(answers(Ok(over), &[]).await, expected);
}

#[tokio::test]
async fn a_refused_writer_hears_why() {
    let failure = Failure::run("the observer is busy");
    assert_eq!(answers(Err(failure.clone()), &[]).await, [ToWriter::Refused(failure)]);
}

#[tokio::test]
async fn a_run_hears_of_its_writer_and_of_each_record_once() {
    let (inputs, mut run) = mpsc::channel(8);
    let peer_clock = peer_clock(Nanos::ZERO);
    let clock = Clock::start();
    let admission = Admission {
        writer: 0,
        inputs,
        slot: Arc::default(),
        peer_clock: Arc::clone(&peer_clock),
        clock,
        patience: Patience::default(),
        first_numbers: vec![8],
    };
    let carried = async {
        let Some(FromWriter::Attached { outbox, .. }) = run.recv().await else { panic!("attached first") };
        let Some(FromWriter::Clock { state, .. }) = run.recv().await else { panic!("then the clock") };
        assert_eq!(state.exchanges, u64::from(FIRST_EXCHANGES), "before the writer may send rows");
        assert_eq!((state.bound, state.contradiction), (Some(Nanos::ZERO), None));
        let Some(FromWriter::Messages { messages, .. }) = run.recv().await else {
            panic!("then the records")
        };
        let numbers = messages.iter().map(|message| match message {
            ToObserver::Record { number, .. } => *number,
            other => panic!("{other:?}"),
        });
        assert_eq!(numbers.collect::<Vec<_>>(), [0, 1], "the one sent twice is here once");
        // Letting go of the connection ends the session.
        drop(outbox);
        assert!(matches!(run.recv().await, Some(FromWriter::Detached { writer: 0 })));
    };
    let records = [record(0), record(0), record(1)];
    let (answers, ()) = tokio::join!(answers(Ok(Decision::Takes(admission)), &records), carried);
    assert_eq!(answers, [ToWriter::Ready { writer: 0, next_record: 0, first_numbers: vec![8] }]);
}

/// The writer's end of a session that it is admitted to.
struct Talk {
    stream: DuplexStream,
    decoder: Decoder,
}

impl Talk {
    async fn hear(&mut self) -> Option<ToWriter> {
        let mut bytes = vec![0; READ_BYTES];
        loop {
            if let Some(message) = self.decoder.message().expect("whole frames") {
                return Some(message);
            }
            match self.stream.read(&mut bytes).await {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.decoder.push(&bytes[..read]),
            }
        }
    }

    /// Answers clock probes until the observer is ready.
    async fn get_ready(&mut self) {
        loop {
            match self.hear().await.expect("the observer goes on") {
                ToWriter::ClockProbe { asked } => {
                    send(
                        &mut self.stream,
                        &[ToObserver::ClockReply { asked, heard: asked, answered: asked }],
                    )
                    .await;
                }
                ToWriter::Ready { .. } => return,
                other => panic!("{other:?}"),
            }
        }
    }
}

type Session = tokio::task::JoinHandle<Result<(), SessionError>>;

/// A session that is admitted, over pipes of so many bytes, and the writer's end of it.
fn admitted(
    bytes: usize,
    inputs: &mpsc::Sender<FromWriter>,
    slot: &Arc<Mutex<Slot>>,
    patience: Patience,
) -> (Talk, Session) {
    let (ours, theirs) = tokio::io::duplex(bytes);
    let admission = Admission {
        writer: 0,
        inputs: inputs.clone(),
        slot: Arc::clone(slot),
        peer_clock: peer_clock(Nanos::ZERO),
        clock: Clock::start(),
        patience,
        first_numbers: vec![8],
    };
    let session = tokio::spawn(serve(theirs, |_| async { Ok(Decision::Takes(admission)) }));
    (Talk { stream: ours, decoder: Decoder::default() }, session)
}

/// Short enough for a test, and long beside what its steps take.
const SHORT: Duration = Duration::from_millis(300);

async fn attached(run: &mut mpsc::Receiver<FromWriter>) -> mpsc::Sender<ToWriter> {
    match run.recv().await {
        Some(FromWriter::Attached { outbox, .. }) => outbox,
        _ => panic!("attached first"),
    }
}

/// The numbers of the records that a run gets until its queue is closed, and whether it heard of the end.
async fn heard(mut run: mpsc::Receiver<FromWriter>) -> (Vec<u64>, bool) {
    let (mut numbers, mut detached) = (Vec::new(), false);
    while let Some(input) = run.recv().await {
        match input {
            FromWriter::Messages { messages, .. } => {
                numbers.extend(messages.iter().map(|message| match message {
                    ToObserver::Record { number, .. } => *number,
                    other => panic!("{other:?}"),
                }))
            }
            FromWriter::Detached { .. } => detached = true,
            FromWriter::Attached { .. } | FromWriter::Clock { .. } => {}
        }
    }
    (numbers, detached)
}

#[tokio::test]
async fn a_record_that_found_no_place_in_the_queue_is_sent_again() {
    let (inputs, mut run) = mpsc::channel(2);
    let slot = Arc::default();
    let (mut talk, session) = admitted(1 << 16, &inputs, &slot, Patience::default());
    send(&mut talk.stream, &[hello()]).await;
    talk.get_ready().await;
    let outbox = attached(&mut run).await;
    let Some(FromWriter::Clock { .. }) = run.recv().await else { panic!("then the clock") };
    // The run falls behind: no place in its queue is left, so the session waits for one with the record at hand.
    let mut places = 0;
    while inputs.try_send(FromWriter::Detached { writer: 9 }).is_ok() {
        places += 1;
    }
    assert!(places >= 1);
    send(&mut talk.stream, &[record(0)]).await;
    tokio::task::yield_now().await;
    // It gives the connection up while the session waits.
    drop(outbox);
    while talk.hear().await.is_some() {}
    drop(inputs);
    let (numbers, _) = heard(run).await;
    session.await.expect("no panic").expect("an end in order");
    assert_eq!(slot.lock().next_record, numbers.len() as u64, "what is accepted has reached the run");
}

#[tokio::test]
async fn what_came_before_a_gap_reaches_the_run() {
    let (inputs, mut run) = mpsc::channel(8);
    let slot = Arc::default();
    let (mut talk, session) = admitted(1 << 16, &inputs, &slot, Patience::default());
    send(&mut talk.stream, &[hello()]).await;
    talk.get_ready().await;
    let outbox = attached(&mut run).await;
    drop(inputs);
    send(&mut talk.stream, &[record(0), record(1), record(3)]).await;
    let ended = session.await.expect("no panic");
    assert!(matches!(ended, Err(SessionError::Gap { found: 3, expected: 2 })), "{ended:?}");
    assert_eq!(heard(run).await, (vec![0, 1], true));
    drop(outbox);
}

#[tokio::test]
async fn a_connection_that_breaks_while_the_clocks_are_compared_is_gone_for_the_run() {
    let (inputs, mut run) = mpsc::channel(8);
    let (mut talk, session) = admitted(1 << 16, &inputs, &Arc::default(), Patience::default());
    send(&mut talk.stream, &[hello()]).await;
    let outbox = attached(&mut run).await;
    drop((talk, inputs));
    assert!(session.await.expect("no panic").is_err());
    assert_eq!(heard(run).await, (vec![], true));
    drop(outbox);
}

#[tokio::test]
async fn a_writer_of_which_nothing_is_heard_is_gone_for_the_run() {
    let (inputs, mut run) = mpsc::channel(8);
    let patience = Patience { silence: SHORT, ..Patience::default() };
    let (mut talk, session) = admitted(1 << 16, &inputs, &Arc::default(), patience);
    send(&mut talk.stream, &[hello()]).await;
    talk.get_ready().await;
    let outbox = attached(&mut run).await;
    drop(inputs);
    // Stopped: its socket takes what is sent, and it answers nothing.
    let ended = session.await.expect("no panic");
    assert!(matches!(ended, Err(SessionError::Silent(SHORT))), "{ended:?}");
    assert_eq!(heard(run).await, (vec![], true));
    drop((outbox, talk));
}

#[tokio::test]
async fn a_writer_that_takes_nothing_is_gone_for_the_run() {
    let (inputs, mut run) = mpsc::channel(8);
    let patience = Patience { stuck: SHORT, ..Patience::default() };
    let (mut talk, session) = admitted(256, &inputs, &Arc::default(), patience);
    send(&mut talk.stream, &[hello()]).await;
    talk.get_ready().await;
    let outbox = attached(&mut run).await;
    drop(inputs);
    let verdict = Verdict { report_json: "x".repeat(1 << 16), folder: None, progress: Progress::default() };
    outbox.send(ToWriter::Verdict(Box::new(verdict))).await.expect("the session is there");
    let ended = session.await.expect("no panic");
    assert!(matches!(ended, Err(SessionError::Stuck(SHORT))), "{ended:?}");
    assert_eq!(heard(run).await, (vec![], true));
    drop(talk);
}
