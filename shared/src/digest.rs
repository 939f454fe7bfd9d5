//! A digest of what a row should say, so that the observer can check "the data matches" without keeping rows.
//!
//! xxh3-64 over the canonical forms ([`crate::canonical`]) of the verified columns, in the model's order.
//! Each form is hashed with its length before it, so `("ab", "c")` and `("a", "bc")` differ.

use xxhash_rust::xxh3::Xxh3;

/// Gathers the canonical forms of one row, in the model's order.
#[derive(Clone, Default)]
pub struct Digest {
    state: Xxh3,
}

impl Digest {
    /// Adds the next column: its canonical form, or nothing for null.
    pub fn push(&mut self, canonical: Option<&str>) {
        match canonical {
            // A length that no text can have marks a null.
            None => self.state.update(&u64::MAX.to_le_bytes()),
            Some(text) => {
                self.state.update(&(text.len() as u64).to_le_bytes());
                self.state.update(text.as_bytes());
            }
        }
    }

    /// The digest of everything pushed.
    #[must_use]
    pub fn finish(&self) -> u64 {
        self.state.digest()
    }
}

/// The digest of a whole row at once.
pub fn of<'a>(canonical: impl IntoIterator<Item = Option<&'a str>>) -> u64 {
    let mut digest = Digest::default();
    canonical.into_iter().for_each(|column| digest.push(column));
    digest.finish()
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn where_a_column_ends_and_whether_it_is_null_matter() {
        let rows = [
            vec![Some("ab"), Some("c")],
            vec![Some("a"), Some("bc")],
            vec![Some("abc")],
            vec![Some("abc"), None],
            vec![None, Some("abc")],
            vec![Some("abc"), Some("")],
            vec![],
        ];
        let digests: std::collections::HashSet<u64> =
            rows.iter().map(|row| of(row.iter().copied())).collect();
        assert_eq!(digests.len(), rows.len());
    }
}
