//! The secret that writers and scrapers send to an observer: what a token file has to hold, for both programs.

use std::fmt;

use crate::exit_code::Failure;

/// A longer secret would not fit into a request's headers beside the others.
const LENGTH_MAX: usize = 1_024;

/// A secret that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token of a file with this text; `file` is its name. White space around the token does not count.
    ///
    /// # Errors
    /// It holds none, or one that cannot be sent in a header of a request; exit code 104.
    pub fn of_file(file: &str, text: &str) -> Result<Self, Failure> {
        Self::of_option("--token-file", file, text)
    }

    /// The token of the file that another option names.
    ///
    /// # Errors
    /// As [`Self::of_file`].
    pub fn of_option(option: &str, file: &str, text: &str) -> Result<Self, Failure> {
        let token = text.trim();
        let found = if token.is_empty() {
            "is empty".to_owned()
        } else if !token.chars().all(|c| c.is_ascii_graphic()) {
            "holds white space or characters beyond ASCII within the token".to_owned()
        } else if token.len() > LENGTH_MAX {
            format!("holds {} characters", token.len())
        } else {
            return Ok(Self(token.to_owned()));
        };
        let same = if option == "--token-file" { ", the same for writer and observer" } else { "" };
        Err(Failure::configuration(format!(
            "{option} '{file}' {found}: write one line of 1 to {LENGTH_MAX} letters, digits and ASCII signs{same}, as from 'openssl rand -hex 32'"
        )))
    }

    /// Whether this is it. Every byte is compared, so that the time taken tells nothing but the length.
    #[must_use]
    pub fn is(&self, given: &str) -> bool {
        let bytes = given.bytes().zip(self.0.bytes());
        given.len() == self.0.len() && bytes.fold(0, |differ, (one, other)| differ | (one ^ other)) == 0
    }

    /// The secret itself.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_line_and_is_not_shown() {
        let token = Token::of_file("token", " s3cret\n").expect("a token");
        assert_eq!((token.secret(), format!("{token:?}").as_str()), ("s3cret", "Token(***)"));
        assert!(Token::of_file("token", &"x".repeat(LENGTH_MAX)).is_ok());
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_being_shown() {
        let long = "x".repeat(LENGTH_MAX + 1);
        for (text, found) in [
            ("", "is empty"),
            (" \n", "is empty"),
            ("s3cret two", "white space"),
            ("s3cret\nsecond line", "white space"),
            ("s3crét", "beyond ASCII"),
            (&long, "1025 characters"),
        ] {
            let failure = Token::of_file("secrets/token", text).expect_err("no token");
            assert_eq!(failure.exit_code.number(), 104);
            assert!(failure.sentence.starts_with("--token-file 'secrets/token' "), "{failure}");
            assert!(failure.sentence.contains(found) && !failure.sentence.contains("s3cr"), "{failure}");
        }
    }
}
