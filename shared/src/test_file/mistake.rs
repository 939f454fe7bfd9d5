//! What is wrong with a file: every mistake at once, each with its place and the way out.

use std::fmt;

/// One mistake of a test or model file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file, as the user named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What was found, what is allowed.
    pub message: String,
}

/// All mistakes of the files of one test, in the order of their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// The candidate that was most likely meant, if one is close: at most a third of its letters differ.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored =
        candidates.into_iter().map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate));
    let (distance, candidate) = scored.min()?;
    (distance <= (candidate.len() / 3).max(1)).then_some(candidate)
}

/// `unknown <what> '<word>', did you mean '<nearest>'? allowed: …`
pub(crate) fn unknown(what: &str, word: &str, allowed: &[&str]) -> String {
    let hint = nearest(word, allowed.iter().copied())
        .map(|near| format!(", did you mean '{near}'?"))
        .unwrap_or_default();
    let stop = if hint.is_empty() { ";" } else { "" };
    // Some are asked for in several places; each is named once.
    let mut names: Vec<&str> = Vec::with_capacity(allowed.len());
    for name in allowed {
        if !names.contains(name) {
            names.push(name);
        }
    }
    format!("unknown {what} '{word}'{hint}{stop} allowed: {}", names.join(", "))
}
