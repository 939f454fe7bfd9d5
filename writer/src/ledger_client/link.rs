//! One connection to the observer: connected, upgraded, greeted.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONNECTION, HOST, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use streamgauge_shared::clock::Clock;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::ledger::frame::{self, Decoder, FrameError};
use streamgauge_shared::ledger::{self, Hello, ToObserver, ToWriter};
use streamgauge_shared::token::Token;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Endpoint;

/// Bytes read at once.
pub(super) const READ_BYTES: usize = 64 << 10;
/// A refusal's text is one sentence; more is not read.
const REFUSAL_MAX: usize = 4 << 10;

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// Worth another try: nothing listens, or the observer is not ready.
    #[error("{0}")]
    Unreachable(String),
    /// Another try would end the same way.
    #[error("{0}")]
    Final(Failure),
}

/// A connection on which frames may be sent.
pub(super) type Stream = TokioIo<Upgraded>;

/// A connection that is ready.
pub(super) struct Link {
    pub(super) stream: Stream,
    pub(super) decoder: Decoder,
    pub(super) writer: u16,
    pub(super) next_record: u64,
    pub(super) first_numbers: Vec<i64>,
}

impl From<std::io::Error> for LinkError {
    fn from(error: std::io::Error) -> Self {
        Self::Unreachable(error.to_string())
    }
}

impl From<FrameError> for LinkError {
    fn from(error: FrameError) -> Self {
        Self::Final(Failure::run(format!(
            "the observer does not speak this writer's protocol: {error}; use programs of one version"
        )))
    }
}

impl From<hyper::Error> for LinkError {
    fn from(error: hyper::Error) -> Self {
        Self::Unreachable(format!("the HTTP exchange broke: {error}"))
    }
}

/// A TCP connection with the observer's HTTP answer on it.
pub(super) async fn upgrade(endpoint: &Endpoint, token: Option<&Token>) -> Result<Stream, LinkError> {
    let stream = TcpStream::connect(endpoint.authority()).await?;
    // Small frames, many of them: each is worth a packet.
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut request = Request::builder()
        .uri(ledger::PATH)
        .header(HOST, endpoint.authority())
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, ledger::PROTOCOL);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {}", token.secret()));
    }
    let request = request.body(Empty::<Bytes>::new());
    let request =
        request.map_err(|error| LinkError::Unreachable(format!("no request can be made: {error}")))?;
    let exchange = async move {
        let response = sender.send_request(request).await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(TokioIo::new(hyper::upgrade::on(response).await?));
        }
        let status = response.status();
        let body = http_body_util::Limited::new(response.into_body(), REFUSAL_MAX).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        Err(refusal(endpoint, status, String::from_utf8_lossy(&body).trim()))
    };
    // The connection's own result is not looked at: the exchange fails with it.
    let (_, stream) = tokio::join!(connection.with_upgrades(), exchange);
    stream
}

/// What a status other than 101 means.
fn refusal(endpoint: &Endpoint, status: StatusCode, body: &str) -> LinkError {
    let said = if body.is_empty() { String::new() } else { format!(": {body}") };
    let refused = format!("the observer at {endpoint} answered {}{said}", status.as_u16());
    match status {
        StatusCode::SERVICE_UNAVAILABLE => LinkError::Unreachable(refused),
        StatusCode::UNAUTHORIZED => LinkError::Final(Failure::run(format!(
            "{refused}; give --token-file with the token that the observer was started with"
        ))),
        StatusCode::UPGRADE_REQUIRED => {
            LinkError::Final(Failure::run(format!("{refused}; use programs of one version")))
        }
        _ => LinkError::Final(Failure::run(format!(
            "{refused}; is a streamgauge-observer listening there? correct --observer"
        ))),
    }
}

/// Says hello and waits until the observer is ready; meanwhile it compares the clocks.
pub(super) async fn greet(mut stream: Stream, hello: &Hello, clock: Clock) -> Result<Link, LinkError> {
    let mut bytes = Vec::new();
    frame::encode(&ToObserver::Hello(Box::new(hello.clone())), &mut bytes)?;
    stream.write_all(&bytes).await?;
    stream.flush().await?;
    let mut decoder = Decoder::default();
    let mut bytes = vec![0; READ_BYTES];
    let mut heard = clock.now();
    loop {
        match decoder.message()? {
            Some(ToWriter::Ready { writer, next_record, first_numbers }) => {
                return Ok(Link { stream, decoder, writer, next_record, first_numbers });
            }
            Some(ToWriter::Refused(failure)) => return Err(LinkError::Final(failure)),
            Some(ToWriter::ClockProbe { asked }) => {
                let mut answer = Vec::new();
                frame::encode(&ToObserver::ClockReply { asked, heard, answered: clock.now() }, &mut answer)?;
                stream.write_all(&answer).await?;
                stream.flush().await?;
                continue;
            }
            // A snapshot or a settled await of the run may come before the answer to this hello.
            Some(_) => continue,
            None => {}
        }
        match stream.read(&mut bytes).await? {
            0 => return Err(LinkError::Unreachable("the observer closed the connection".to_owned())),
            read => {
                heard = clock.now();
                decoder.push(&bytes[..read]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_says_what_to_do() {
        let endpoint: Endpoint = "http://127.0.0.1:9464".parse().expect("a URL");
        let say = |status, body| refusal(&endpoint, status, body).to_string();
        assert_eq!(
            say(StatusCode::SERVICE_UNAVAILABLE, "not ready: no primary"),
            "the observer at http://127.0.0.1:9464 answered 503: not ready: no primary"
        );
        assert!(say(StatusCode::UNAUTHORIZED, "").contains("--token-file"));
        assert!(say(StatusCode::NOT_FOUND, "").contains("--observer"));
        assert!(say(StatusCode::UPGRADE_REQUIRED, "").contains("one version"));
    }
}
