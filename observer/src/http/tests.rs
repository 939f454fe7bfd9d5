//! The port over real sockets, without any database: what scrapers ask for and what they get.

use std::io::Read;
use std::sync::Arc;

use flate2::read::GzDecoder;
use streamgauge_shared::clock::Clock;
use streamgauge_shared::time::Nanos;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::serve;
use crate::measure::fixture::Fixture;
use crate::run::Observer;
use crate::stream::MongoAddress;

/// An answer, its head in lower case.
struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}

/// Serves a run of two rows, and returns the address.
async fn port(token: Option<&str>) -> String {
    let address = MongoAddress::parse("mongodb://127.0.0.1:9/shop", None).await.expect("a URI");
    let (ended, _) = mpsc::channel(1);
    let observer = Observer {
        clock: Clock::start(),
        address,
        runs: "runs".into(),
        writers_timeout: Nanos::from_secs(1),
        canary: false,
        token: token.map(str::to_owned),
        server: watch::Sender::new(Err("MongoDB has not been asked yet".to_owned())),
        snapshots: watch::Sender::new(Some(Arc::new(Fixture::new(&[Some(5), Some(30)]).snapshot()))),
        active: tokio::sync::Mutex::new(None),
        last: parking_lot::Mutex::new(None),
        kept: parking_lot::Mutex::new(None),
        tasks: parking_lot::Mutex::new(JoinSet::new()),
        ended,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    // Ends with the test's runtime.
    drop(tokio::spawn(serve(listener, Arc::new(observer))));
    address
}

/// One request over a connection of its own; the server closes it.
async fn ask(address: &str, line: &str, headers: &[&str]) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("served");
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let request = format!("{line} HTTP/1.1\r\nhost: observer\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("answered");
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    Answer { head, body: bytes[end + 4..].to_vec() }
}

#[tokio::test]
async fn the_page_comes_in_the_format_that_is_asked_for() {
    let address = port(None).await;
    let plain = ask(&address, "GET /metrics", &[]).await;
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!((plain.status(), plain.header("content-type")), ("200", Some(open_metrics)));
    assert!(plain.body.ends_with(b"# EOF\n") && plain.header("content-encoding").is_none());
    assert_eq!(plain.header("vary"), Some("accept, accept-encoding"));

    // A header may come in several lines.
    let weights = ["accept: application/openmetrics-text;q=0.1", "accept: text/plain;version=0.0.4;q=0.5"];
    let text = ask(&address, "GET /metrics", &weights).await;
    assert_eq!(text.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let page = String::from_utf8_lossy(&text.body);
    assert!(
        page.contains("# TYPE streamgauge_operations_total counter") && !page.contains("# EOF"),
        "{page}"
    );
}

#[tokio::test]
async fn a_compressed_page_is_the_page() {
    let address = port(None).await;
    let plain = ask(&address, "GET /metrics", &[]).await;
    let compressed = ask(&address, "GET /metrics", &["accept-encoding: gzip"]).await;
    assert_eq!(compressed.header("content-encoding"), Some("gzip"));
    assert_eq!(compressed.header("content-length"), Some(compressed.body.len().to_string().as_str()));
    assert!(
        compressed.body.len() * 4 < plain.body.len(),
        "{} of {}",
        compressed.body.len(),
        plain.body.len()
    );
    let mut page = Vec::new();
    GzDecoder::new(compressed.body.as_slice()).read_to_end(&mut page).expect("gzip");
    assert_eq!(page, plain.body);
}

#[tokio::test]
async fn head_answers_like_get_without_the_body() {
    let address = port(None).await;
    for path in ["/metrics", "/livez", "/readyz", "/api/snapshot", "/nowhere"] {
        let get = ask(&address, &format!("GET {path}"), &[]).await;
        let head = ask(&address, &format!("HEAD {path}"), &[]).await;
        assert_eq!(head.status(), get.status(), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()), "{path}");
        assert!(!get.body.is_empty() && head.body.is_empty(), "{path}");
    }
    let get = ask(&address, "GET /metrics", &["accept-encoding: gzip"]).await;
    let head = ask(&address, "HEAD /metrics", &["accept-encoding: gzip"]).await;
    assert_eq!(head.header("content-length"), get.header("content-length"));
}

#[tokio::test]
async fn other_methods_are_refused_with_those_that_are_allowed() {
    let address = port(None).await;
    for (line, allowed) in
        [("POST /metrics", "get, head"), ("HEAD /ledger", "get"), ("PUT /livez", "get, head")]
    {
        let answer = ask(&address, line, &[]).await;
        assert_eq!((answer.status(), answer.header("allow")), ("405", Some(allowed)), "{line}");
    }
    let address = port(Some("a-token")).await;
    assert_eq!(ask(&address, "HEAD /metrics", &[]).await.status(), "401");
    assert_eq!(ask(&address, "HEAD /metrics", &["authorization: Bearer a-token"]).await.status(), "200");
}
