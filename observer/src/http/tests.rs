//! The port over real sockets, without any database: what scrapers ask for and what they get.

use std::io::Read;
use std::sync::Arc;

use flate2::read::GzDecoder;
use streamgauge_shared::clock::Clock;
use streamgauge_shared::time::Nanos;
use streamgauge_shared::token::Token;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::{Access, Port, serve};
use crate::measure::fixture::Fixture;
use crate::run::Observer;
use crate::stream::MongoAddress;

/// An answer, the names of its headers in lower case.
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
    let token = token.map(|token| Token::of_file("token", token).expect("a token"));
    serve_port(shared(Access::new(token, None)).await).await
}

/// Serves a run of two rows to those who have one of two tokens.
async fn guarded() -> String {
    let token = |text: &str| Some(Token::of_file("token", text).expect("a token"));
    serve_port(shared(Access::new(token("writes"), token("reads"))).await).await
}

/// The port of an observer that watches nothing, with a run of two rows.
pub(super) async fn shared(access: Access) -> Arc<Port> {
    let address = MongoAddress::parse("mongodb://127.0.0.1:9/shop", None).await.expect("a URI");
    let (ended, _) = mpsc::channel(1);
    let observer = Observer {
        clock: Clock::start(),
        address,
        runs: "runs".into(),
        writers_timeout: Nanos::from_secs(1),
        canary: false,
        server: watch::Sender::new(Err("MongoDB has not been asked yet".to_owned())),
        snapshots: watch::Sender::new(Some(Arc::new(Fixture::new(&[Some(5), Some(30)]).snapshot()))),
        active: tokio::sync::Mutex::new(None),
        last: parking_lot::Mutex::new(None),
        kept: parking_lot::Mutex::new(None),
        tasks: parking_lot::Mutex::new(JoinSet::new()),
        ended,
    };
    Arc::new(Port::new(Arc::new(observer), access, "http://127.0.0.1:9464"))
}

async fn serve_port(port: Arc<Port>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    // Ends with the test's runtime.
    drop(tokio::spawn(serve(listener, port)));
    address
}

/// One request over a connection of its own; the server closes it.
async fn ask(address: &str, line: &str, headers: &[&str]) -> Answer {
    send(address, line, headers, "").await
}

/// A form, sent over a connection of its own.
async fn post(address: &str, path: &str, headers: &[&str], form: &str) -> Answer {
    let length = format!("content-length: {}", form.len());
    let kind = "content-type: application/x-www-form-urlencoded";
    let headers: Vec<&str> = headers.iter().copied().chain([kind, length.as_str()]).collect();
    send(address, &format!("POST {path}"), &headers, form).await
}

async fn send(address: &str, line: &str, headers: &[&str], body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("served");
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let request = format!("{line} HTTP/1.1\r\nhost: observer\r\nconnection: close\r\n{headers}\r\n{body}");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("answered");
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    // Names of headers come in any case, values as they are.
    let lower = |line: &str| match line.split_once(": ") {
        Some((name, value)) => format!("{}: {value}", name.to_lowercase()),
        None => line.to_lowercase(),
    };
    let head = head.lines().map(lower).collect::<Vec<_>>().join("\n");
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
    for path in ["/metrics", "/livez", "/readyz", "/api/snapshot", "/nowhere", "/page.js", "/page.css"] {
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
    for (line, allowed) in [
        ("POST /metrics", "GET, HEAD"),
        ("HEAD /ledger", "GET"),
        ("PUT /livez", "GET, HEAD"),
        ("GET /logout", "POST"),
    ] {
        let answer = ask(&address, line, &[]).await;
        assert_eq!((answer.status(), answer.header("allow")), ("405", Some(allowed)), "{line}");
    }
    let address = port(Some("a-token")).await;
    assert_eq!(ask(&address, "HEAD /metrics", &[]).await.status(), "401");
    assert_eq!(ask(&address, "HEAD /metrics", &["authorization: Bearer a-token"]).await.status(), "200");
}

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let address = guarded().await;
    let token = "authorization: Bearer reads";
    for (line, headers) in [
        ("GET /", vec![token]),
        ("GET /", vec!["accept: text/html"]),
        ("GET /login", vec![]),
        ("GET /page.js", vec![]),
        ("GET /metrics", vec![token]),
        ("GET /metrics", vec![]),
        ("GET /rows/0/0", vec![token]),
        ("GET /runs/../Cargo.toml", vec![token]),
        ("GET /nowhere", vec![token]),
        ("PUT /livez", vec![]),
    ] {
        let answer = ask(&address, line, &headers).await;
        let seen = ["content-security-policy", "x-content-type-options", "referrer-policy", "cache-control"]
            .map(|name| answer.header(name));
        assert_eq!(seen, [Some(POLICY), Some("nosniff"), Some("no-referrer"), Some("no-store")], "{line}");
    }
}

#[tokio::test]
async fn a_page_keeps_to_the_policy_and_asks_nobody_else() {
    let address = port(None).await;
    for path in ["/", "/?scale=log&operation=create", "/rows/0/0"] {
        let answer = ask(&address, &format!("GET {path}"), &[]).await;
        let html = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        for refused in
            [" style=", "<style", " onclick=", " onload=", "javascript:", "http://", "https://", "src=\"//"]
        {
            let shown = html.replace("http://127.0.0.1:9464", "");
            assert!(!shown.contains(refused), "{path}: {refused}");
        }
        assert_eq!(html.matches("<script").count(), usize::from(!path.starts_with("/rows")), "{path}");
        assert_eq!(html.matches("<main").count(), 1, "{path}");
    }
}

#[tokio::test]
async fn a_token_to_read_opens_what_reads_and_never_the_ledger() {
    let address = guarded().await;
    let upgrade = format!("upgrade: {}", streamgauge_shared::ledger::PROTOCOL);
    let asked = |path: &'static str, headers: Vec<&'static str>| {
        let (address, upgrade) = (address.clone(), upgrade.clone());
        async move {
            let mut headers = headers;
            if path == "/ledger" {
                headers.push(&upgrade);
            }
            ask(&address, &format!("GET {path}"), &headers).await.status().to_owned()
        }
    };
    for path in ["/", "/metrics", "/api/snapshot", "/rows/0/0", "/api/rows/0/0"] {
        assert_eq!(asked(path, vec![]).await, "401", "{path}");
        assert_ne!(asked(path, vec!["authorization: Bearer reads"]).await, "401", "{path}");
        assert_ne!(asked(path, vec!["authorization: Bearer writes"]).await, "401", "{path}");
    }
    assert_eq!(asked("/ledger", vec![]).await, "401");
    assert_eq!(asked("/ledger", vec!["authorization: Bearer reads"]).await, "403");
    // Let through to the desk, which has no MongoDB here.
    assert_eq!(asked("/ledger", vec!["authorization: Bearer writes"]).await, "503");
}

#[tokio::test]
async fn a_browser_logs_in_by_a_form_and_keeps_a_cookie_that_is_not_the_token() {
    let address = guarded().await;
    let html = "accept: text/html,*/*;q=0.8";
    let sent = ask(&address, "GET /?scale=log", &[html]).await;
    assert_eq!((sent.status(), sent.header("location")), ("303", Some("/login?next=%2F%3Fscale%3Dlog")));
    let form = ask(&address, "GET /login?next=%2F%3Fscale%3Dlog", &[html]).await;
    assert!(String::from_utf8_lossy(&form.body).contains("name=\"next\" value=\"/?scale=log\""));

    let wrong = post(&address, "/login", &[], "token=guess&next=%2F").await;
    assert_eq!((wrong.status(), wrong.header("set-cookie")), ("401", None));
    let entered =
        post(&address, "/login", &["sec-fetch-site: same-origin"], "token=reads&next=%2F%3Fscale%3Dlog")
            .await;
    assert_eq!((entered.status(), entered.header("location")), ("303", Some("/?scale=log")));
    let cookie = entered.header("set-cookie").expect("a cookie").to_owned();
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("reads"), "{cookie}");
    let session = format!("cookie: {}", cookie.split(';').next().expect("its name and value"));
    for path in ["/", "/metrics", "/api/snapshot"] {
        assert_eq!(ask(&address, &format!("GET {path}"), &[&session]).await.status(), "200", "{path}");
    }
    assert_eq!(ask(&address, "GET /ledger", &[&session]).await.status(), "403");
    assert_eq!(
        post(&address, "/logout", &[&session, "sec-fetch-site: cross-site"], "").await.status(),
        "403"
    );
    assert_eq!(post(&address, "/logout", &[&session], "").await.status(), "303");
    assert_eq!(ask(&address, "GET /metrics", &[&session]).await.status(), "401");
    let long = format!("token={}", "x".repeat(10_000));
    assert_eq!(post(&address, "/login", &[], &long).await.status(), "400");
    for _ in 0..9 {
        assert_eq!(post(&address, "/login", &[], "token=guess").await.status(), "401");
    }
    let blocked = post(&address, "/login", &[], "token=reads").await;
    assert_eq!(blocked.status(), "429");
    assert!(
        blocked
            .header("retry-after")
            .is_some_and(|after| after.parse::<u64>().is_ok_and(|after| after <= 61))
    );
}

#[tokio::test]
async fn without_a_token_there_is_nothing_to_log_in_to() {
    let address = port(None).await;
    let answer = ask(&address, "GET /login", &[]).await;
    assert_eq!((answer.status(), answer.header("location")), ("303", Some("/")));
}

#[tokio::test]
async fn events_begin_with_who_speaks_and_bring_the_fragments() {
    let address = port(None).await;
    let mut stream = TcpStream::connect(&address).await.expect("served");
    stream.write_all(b"GET /api/events HTTP/1.1\r\nhost: observer\r\n\r\n").await.expect("written");
    let mut seen = String::new();
    let mut piece = [0; 4_096];
    while !(seen.contains("event: state") && seen.contains("\"verdict\":")) {
        let read = stream.read(&mut piece).await.expect("goes on");
        assert_ne!(read, 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    assert!(seen.to_lowercase().contains("content-type: text/event-stream"), "{seen}");
    assert!(seen.contains("event: hello\ndata: {\"instance\":\""), "{seen}");
}
