//! Where the observer is, and the token it wants.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use hyper::Uri;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::token::Token;

/// A parsed `--observer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
}

impl Endpoint {
    /// `host:port`, for the Host header and for connecting.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl FromStr for Endpoint {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let expected = "write http://HOST:PORT, as in http://127.0.0.1:9464";
        let bad = |reason: &str| Failure::configuration(format!("--observer {reason}: {expected}"));
        let uri: Uri =
            text.trim_end_matches('/').parse().map_err(|_| bad(&format!("'{text}' is not a URL")))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(bad("does not take https yet")),
            _ => return Err(bad(&format!("'{text}' does not begin with http://"))),
        }
        let authority = uri.authority().ok_or_else(|| bad(&format!("'{text}' names no host")))?;
        if authority.as_str().contains('@') {
            return Err(bad("takes no user and password; a token goes into --token-file"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(bad(&format!("'{text}' has a path, and the observer has the whole port")));
        }
        Ok(Self { host: authority.host().to_owned(), port: authority.port_u16().unwrap_or(80) })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

/// Reads the token file.
///
/// # Errors
/// The file cannot be read or holds no token; exit code 104.
pub fn read_token(path: &Path) -> Result<Token, Failure> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::configuration(format!("--token-file '{shown}' cannot be read: {error}")))?;
    Token::of_file(&shown, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_what_is_wrong_is_named() {
        let endpoint: Endpoint = "http://127.0.0.1:9464/".parse().expect("a URL");
        assert_eq!(
            (endpoint.authority().as_str(), endpoint.to_string().as_str()),
            ("127.0.0.1:9464", "http://127.0.0.1:9464")
        );
        assert_eq!("http://[::1]:9464".parse::<Endpoint>().expect("a URL").authority(), "[::1]:9464");
        assert_eq!("http://observer".parse::<Endpoint>().expect("a URL").authority(), "observer:80");
        for bad in [
            "",
            "127.0.0.1:9464",
            "https://observer",
            "http://u:s3cret@observer",
            "http://observer/x",
            "ftp://observer",
        ] {
            let failure = bad.parse::<Endpoint>().expect_err(bad);
            assert!(failure.sentence.contains("write http://HOST:PORT"), "{failure}");
            assert!(!failure.sentence.contains("s3cret"));
        }
    }

    #[test]
    fn a_token_file_is_read_and_one_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        std::fs::write(&path, " s3cret\n").expect("written");
        assert_eq!(read_token(&path).expect("a token").secret(), "s3cret");
        let failure = read_token(&folder.path().join("none")).expect_err("no file");
        assert!(failure.sentence.contains("none' cannot be read"), "{failure}");
    }
}
