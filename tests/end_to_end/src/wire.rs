//! A wire between two programs that a test can cut, in the ways in which real ones fail.
//!
//! It stands between writer and observer, or between the writer and PostgreSQL. Cut, it drops what is connected and
//! refuses what comes. Swallowing, it takes every byte and passes none on, and nobody is told: a firewall that has
//! forgotten the connection, a machine that is gone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Bytes passed on at once.
const CHUNK: usize = 64 << 10;
/// What PostgreSQL sends last of every answer: it waits for the next statement, outside of a transaction.
const READY_FOR_QUERY: [u8; 6] = *b"Z\0\0\0\x05I";

/// The wire. Dropping it cuts it for good.
pub struct Wire {
    address: SocketAddr,
    condition: Arc<watch::Sender<Condition>>,
    _serving: JoinSet<()>,
}

/// What a wire does to what is sent through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Whole,
    /// Nothing is connected any more, and connections are refused.
    Cut,
    /// Connections are refused; one that stands goes on until its present statement has been answered.
    CutBetweenStatements,
    /// Whole, until an answer has ended on any connection: then cut between statements.
    CutAfterAnswer,
    /// Connections are taken, and their bytes go nowhere.
    Swallowing,
    /// Whole, until so many pieces of an answer have come over one connection: then cut.
    BreaksAfter(u32),
}

impl Wire {
    /// Listens on a free port and passes everything on to `target`: `127.0.0.1:1234`, with `http://` before it or not.
    ///
    /// # Errors
    /// When the target is no address, or no port is free.
    pub async fn start(target: &str) -> Result<Self> {
        Self::start_as(target, Condition::Whole).await
    }

    /// One that cuts itself once `answers` pieces of an answer have come over one connection.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn breaking_after(target: &str, answers: u32) -> Result<Self> {
        Self::start_as(target, Condition::BreaksAfter(answers)).await
    }

    async fn start_as(target: &str, condition: Condition) -> Result<Self> {
        let target = target.trim_start_matches("http://").parse();
        let target = target.context("no address to pass on to")?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let condition = Arc::new(watch::Sender::new(condition));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, address, target, Arc::clone(&condition)));
        Ok(Self { address, condition, _serving: serving })
    }

    /// A wire before the PostgreSQL of a URL, and the URL of its near end.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn before_postgres(url: &str) -> Result<(Self, String)> {
        let (login, rest) = url.rsplit_once('@').context("a URL with a user")?;
        let (target, database) = rest.split_once('/').context("a URL with a database")?;
        let wire = Self::start(target).await?;
        let near = format!("{login}@{}/{database}", wire.address);
        Ok((wire, near))
    }

    /// `http://` and the address of its near end.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Drops what is connected and refuses what comes.
    pub fn cut(&self) {
        self.condition.send_replace(Condition::Cut);
    }

    /// Refuses what comes, and drops each connection with PostgreSQL as soon as no statement is on its way: whatever was
    /// sent has been answered, so that nobody can be in doubt about a commit.
    pub fn cut_between_statements(&self) {
        self.condition.send_replace(Condition::CutBetweenStatements);
    }

    /// Cuts between statements at the end of the next answer. A load of single statements that are far apart has none on its
    /// way then, and sends none before every connection is dropped: what an idle connection is just being sent when it is
    /// dropped would be in doubt.
    pub fn cut_after_an_answer(&self) {
        self.condition.send_replace(Condition::CutAfterAnswer);
    }

    /// Takes every byte from now on and passes none on, without a word to either side.
    pub fn swallow(&self) {
        self.condition.send_replace(Condition::Swallowing);
    }

    /// Passes on again; connections of which bytes were swallowed are dropped.
    pub fn mend(&self) {
        self.condition.send_replace(Condition::Whole);
    }
}

impl Condition {
    fn refuses(self) -> bool {
        matches!(self, Self::Cut | Self::CutBetweenStatements)
    }
}

async fn serve(
    first: TcpListener,
    address: SocketAddr,
    target: SocketAddr,
    condition: Arc<watch::Sender<Condition>>,
) {
    let mut first = Some(first);
    let mut seen = condition.subscribe();
    // As many as a writer opens: one for each of its sessions, and some tries a second while it is cut. Each ends by
    // itself when the wire is cut.
    let mut links = JoinSet::new();
    loop {
        let listener = match first.take() {
            Some(listener) => listener,
            None => match TcpListener::bind(address).await {
                Ok(listener) => listener,
                Err(_) => return,
            },
        };
        while !seen.borrow_and_update().refuses() {
            tokio::select! {
                changed = seen.changed() => if changed.is_err() { return },
                Ok((near, _)) = listener.accept() => drop(links.spawn(link(near, target, Arc::clone(&condition)))),
                Some(_) = links.join_next() => {}
            }
        }
        drop(listener);
        if seen.wait_for(|condition| !condition.refuses()).await.is_err() {
            return;
        }
    }
}

/// One connection: what both of its directions know.
struct Link {
    condition: Arc<watch::Sender<Condition>>,
    /// A statement was passed on and its answer has not ended.
    asked: AtomicBool,
    /// Bytes of it were swallowed.
    torn: AtomicBool,
    /// Pieces of answers passed on.
    answers: AtomicU32,
}

/// Passes bytes both ways until either side closes, or the wire is cut.
async fn link(near: TcpStream, target: SocketAddr, condition: Arc<watch::Sender<Condition>>) {
    let mut seen = condition.subscribe();
    let link = Link {
        condition,
        asked: AtomicBool::new(false),
        torn: AtomicBool::new(false),
        answers: AtomicU32::new(0),
    };
    let passed: std::io::Result<()> = async {
        let far = TcpStream::connect(target).await?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let ((near_reads, near_writes), (far_reads, far_writes)) = (near.into_split(), far.into_split());
        tokio::select! {
            ended = link.ask(near_reads, far_writes) => ended,
            ended = link.answer(far_reads, near_writes) => ended,
            // Cut; or the wire is gone, and its links with it.
            _ = seen.wait_for(|condition| link.is_over(*condition)) => Ok(()),
        }
    }
    .await;
    // A broken connection is what this is for; both ends see it.
    drop(passed);
}

impl Link {
    fn is_over(&self, condition: Condition) -> bool {
        match condition {
            Condition::Cut => true,
            Condition::CutBetweenStatements => !self.asked.load(Ordering::Relaxed),
            Condition::Swallowing => false,
            Condition::Whole | Condition::BreaksAfter(_) | Condition::CutAfterAnswer => {
                self.torn.load(Ordering::Relaxed)
            }
        }
    }

    fn swallows(&self) -> bool {
        let swallows = *self.condition.borrow() == Condition::Swallowing;
        if swallows {
            self.torn.store(true, Ordering::Relaxed);
        }
        swallows
    }

    /// What the near end sends.
    async fn ask(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> std::io::Result<()> {
        let mut bytes = vec![0; CHUNK];
        loop {
            let read = from.read(&mut bytes).await?;
            if self.swallows() {
                if read == 0 {
                    // The near end has closed, and the far one must not hear of it.
                    std::future::pending::<()>().await;
                }
                continue;
            }
            if read == 0 {
                return to.shutdown().await;
            }
            self.asked.store(true, Ordering::Relaxed);
            to.write_all(&bytes[..read]).await?;
        }
    }

    /// What the far end sends.
    async fn answer(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> std::io::Result<()> {
        let mut bytes = vec![0; CHUNK];
        loop {
            let read = from.read(&mut bytes).await?;
            if self.swallows() {
                if read == 0 {
                    std::future::pending::<()>().await;
                }
                continue;
            }
            if read == 0 {
                return to.shutdown().await;
            }
            to.write_all(&bytes[..read]).await?;
            if bytes[..read].ends_with(&READY_FOR_QUERY) {
                self.asked.store(false, Ordering::Relaxed);
                if *self.condition.borrow() == Condition::CutAfterAnswer {
                    self.condition.send_replace(Condition::CutBetweenStatements);
                }
            }
            let answers = self.answers.fetch_add(1, Ordering::Relaxed) + 1;
            let condition = *self.condition.borrow();
            if matches!(condition, Condition::BreaksAfter(after) if answers >= after) {
                self.condition.send_replace(Condition::Cut);
            }
            if self.is_over(condition) {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use streamgauge_testbed::wait_for;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// A server that sends back what it gets.
    async fn echo() -> Result<(String, JoinSet<()>)> {
        let echo = TcpListener::bind("127.0.0.1:0").await?;
        let target = echo.local_addr()?.to_string();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut echoing = JoinSet::new();
            while let Ok((mut stream, _)) = echo.accept().await {
                echoing.spawn(async move {
                    let (mut read, mut write) = stream.split();
                    drop(tokio::io::copy(&mut read, &mut write).await);
                });
            }
        });
        Ok((target, serving))
    }

    /// Some bytes there and back.
    async fn echoed(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        stream.write_all(bytes).await?;
        let mut back = vec![0; bytes.len()];
        stream.read_exact(&mut back).await?;
        Ok(back)
    }

    async fn refused(wire: &Wire) -> Result<()> {
        wait_for("a refused connection", LIMIT, || async {
            match TcpStream::connect(wire.address).await {
                Ok(_) => Err("accepted"),
                Err(_) => Ok(()),
            }
        })
        .await
    }

    #[tokio::test]
    async fn a_cut_wire_drops_and_refuses_until_it_is_mended() -> Result<()> {
        let (target, _serving) = echo().await?;
        let wire = Wire::start(&format!("http://{target}")).await?;
        let mut first = TcpStream::connect(wire.address).await?;
        assert_eq!(echoed(&mut first, b"x").await?, b"x");
        wire.cut();
        assert!(first.read_u8().await.is_err(), "dropped");
        refused(&wire).await?;
        wire.mend();
        let mut again =
            wait_for("a connection", LIMIT, || async { TcpStream::connect(wire.address).await }).await?;
        assert_eq!(echoed(&mut again, b"x").await?, b"x");
        Ok(())
    }

    #[tokio::test]
    async fn a_statement_on_its_way_is_answered_before_its_connection_is_cut() -> Result<()> {
        let (target, _serving) = echo().await?;
        let (wire, url) = Wire::before_postgres(&format!("postgresql://u:p@{target}/shop")).await?;
        assert_eq!(url, format!("postgresql://u:p@{}/shop", wire.address));
        let (mut idle, mut busy) =
            (TcpStream::connect(wire.address).await?, TcpStream::connect(wire.address).await?);
        assert_eq!(echoed(&mut idle, &READY_FOR_QUERY).await?, READY_FOR_QUERY);
        assert_eq!(echoed(&mut busy, b"insert").await?, b"insert");
        wire.cut_between_statements();
        assert!(idle.read_u8().await.is_err(), "nothing was on its way");
        refused(&wire).await?;
        assert_eq!(echoed(&mut busy, &READY_FOR_QUERY).await?, READY_FOR_QUERY);
        assert!(busy.read_u8().await.is_err(), "answered, and dropped");
        Ok(())
    }

    #[tokio::test]
    async fn a_wire_that_is_to_be_cut_after_an_answer_goes_on_until_one_has_ended() -> Result<()> {
        let (target, _serving) = echo().await?;
        let wire = Wire::start(&target).await?;
        let (mut idle, mut busy) =
            (TcpStream::connect(wire.address).await?, TcpStream::connect(wire.address).await?);
        wire.cut_after_an_answer();
        assert_eq!(echoed(&mut idle, b"x").await?, b"x");
        assert_eq!(echoed(&mut idle, &READY_FOR_QUERY).await?, READY_FOR_QUERY);
        assert!(idle.read_u8().await.is_err() && busy.read_u8().await.is_err(), "both are dropped");
        refused(&wire).await
    }

    #[tokio::test]
    async fn a_swallowing_wire_says_nothing_and_drops_what_it_tore_once_it_is_mended() -> Result<()> {
        let (target, _serving) = echo().await?;
        let wire = Wire::start(&target).await?;
        let mut torn = TcpStream::connect(wire.address).await?;
        let mut quiet = TcpStream::connect(wire.address).await?;
        for stream in [&mut torn, &mut quiet] {
            assert_eq!(echoed(stream, b"x").await?, b"x");
        }
        wire.swallow();
        torn.write_all(b"lost").await?;
        let silence = tokio::time::timeout(Duration::from_millis(50), torn.read_u8()).await;
        assert!(silence.is_err(), "neither an answer nor an end");
        wire.mend();
        assert!(torn.read_u8().await.is_err(), "a byte is missing of it");
        assert_eq!(echoed(&mut quiet, b"y").await?, b"y");
        Ok(())
    }

    #[tokio::test]
    async fn a_wire_breaks_after_so_many_answers() -> Result<()> {
        let (target, _serving) = echo().await?;
        let wire = Wire::breaking_after(&target, 2).await?;
        let mut stream = TcpStream::connect(wire.address).await?;
        assert_eq!(echoed(&mut stream, b"1").await?, b"1");
        assert_eq!(echoed(&mut stream, b"2").await?, b"2");
        assert!(stream.read_u8().await.is_err());
        refused(&wire).await
    }
}
