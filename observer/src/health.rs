//! `health`: asks the observer that runs beside it, in the same container, whether it lives or is ready.
//!
//! Images are slim: there is no curl in them that a health check could call. [`beside`] and [`status`] are pure.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use streamgauge_shared::exit_code::Failure;

use crate::cli::Health;

/// How long connecting, sending and each wait for an answer may take: below the usual timeout of a health check, so
/// that its log has our sentence and not "timed out".
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// The answer is a status line, some headers and one sentence; what is longer is none of ours.
const ANSWER_BYTES_MAX: u64 = 4096;

/// Asks, prints the answer in one line, and returns the exit code: 0 for yes, 1 for no or no answer.
///
/// # Errors
/// The address has no port to ask (104).
pub fn ask(options: &Health) -> Result<u8, Failure> {
    if options.listen.port() == 0 {
        return Err(Failure::configuration(format!(
            "--listen {} names no port, so nobody can be asked: give the address that 'serve' was given, with its port",
            options.listen
        )));
    }
    let path = if options.ready { "/readyz" } else { "/livez" };
    let address = beside(options.listen);
    let (healthy, sentence) = match exchange(address, path) {
        Ok(answer) => (status(&answer) == Some(200), sentence(&answer)),
        Err(error) => (false, format!("http://{address}{path} does not answer: {error}")),
    };
    print(&sentence);
    Ok(u8::from(!healthy))
}

#[expect(clippy::print_stdout, reason = "the command's output, which a container engine keeps")]
fn print(sentence: &str) {
    println!("{sentence}");
}

/// Where to ask an observer that listens on this address: on loopback, if it listens everywhere.
fn beside(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// One request on a connection of its own. No token: both paths are open.
fn exchange(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The status of an HTTP answer; `None` if it is not one.
fn status(answer: &str) -> Option<u16> {
    let mut words = answer.lines().next()?.split_ascii_whitespace();
    words.next()?.starts_with("HTTP/1.").then_some(())?;
    words.next()?.parse().ok()
}

/// The body's first line, which says why; without a body the status line.
fn sentence(answer: &str) -> String {
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let line = body.lines().next().filter(|line| !line.is_empty());
    line.or_else(|| answer.lines().next()).unwrap_or("an empty answer").to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn an_observer_that_listens_everywhere_is_asked_on_loopback() {
        let asked = |listen: &str| beside(listen.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:9464"), "127.0.0.1:9464");
        assert_eq!(asked("[::]:9464"), "[::1]:9464");
        assert_eq!(asked("10.1.2.3:80"), "10.1.2.3:80");
    }

    #[test]
    fn only_an_http_answer_has_a_status() {
        assert_eq!(status("HTTP/1.1 200 OK\r\n\r\nready\n"), Some(200));
        assert_eq!(status("HTTP/1.1 503 Service Unavailable\r\n\r\n"), Some(503));
        assert_eq!(status("220 mail.example 200\r\n"), None);
        assert_eq!(status(""), None);
    }

    #[test]
    fn the_sentence_is_the_reason_that_the_observer_gives() {
        assert_eq!(
            sentence("HTTP/1.1 503 No\r\na: b\r\n\r\nnot ready: no primary\n"),
            "not ready: no primary"
        );
        assert_eq!(sentence("HTTP/1.1 200 OK\r\n\r\n"), "HTTP/1.1 200 OK");
    }

    /// A server of one answer; returns what was asked of it.
    fn asked_of(answer: &'static str, ready: bool) -> (u8, String) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let listen = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut piece = [0; 512];
            while !request.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut piece).unwrap();
                assert_ne!(read, 0, "the request ends in the middle");
                request.extend_from_slice(&piece[..read]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        let code = ask(&Health { listen, ready }).unwrap();
        (code, server.join().unwrap())
    }

    #[test]
    fn two_hundred_is_healthy_and_anything_else_is_not() {
        let (code, request) = asked_of("HTTP/1.1 200 OK\r\n\r\nalive\n", false);
        assert_eq!(code, 0);
        assert!(request.starts_with("GET /livez HTTP/1.1\r\n"), "{request}");
        let (code, request) =
            asked_of("HTTP/1.1 503 Service Unavailable\r\n\r\nnot ready: no primary\n", true);
        assert_eq!(code, 1);
        assert!(request.starts_with("GET /readyz HTTP/1.1\r\n"), "{request}");
    }

    #[test]
    fn nobody_there_is_unhealthy() {
        // Bound and dropped: the port is free again.
        let listen = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        assert_eq!(ask(&Health { listen, ready: false }).unwrap(), 1);
    }

    #[test]
    fn a_port_that_is_not_known_is_a_mistake() {
        let failure = ask(&Health { listen: "127.0.0.1:0".parse().unwrap(), ready: false }).unwrap_err();
        assert!(failure.sentence.contains("names no port"), "{failure}");
    }
}
