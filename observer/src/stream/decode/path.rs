//! A value at a dotted path.

use mongodb::bson::{RawBsonRef, RawDocument};

/// A value at a dotted path: nested documents, or a field whose name is the dotted path itself or its beginning, as
/// `updatedFields` has it.
pub(super) fn at<'a>(document: &'a RawDocument, path: &str) -> Option<RawBsonRef<'a>> {
    if let Ok(Some(value)) = document.get(path) {
        return Some(value);
    }
    path.match_indices('.').find_map(|(dot, _)| match document.get(&path[..dot]) {
        Ok(Some(RawBsonRef::Document(inner))) => at(inner, &path[dot + 1..]),
        _ => None,
    })
}
