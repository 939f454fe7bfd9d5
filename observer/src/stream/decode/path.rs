//! A value at a path.

use mongodb::bson::{RawBsonRef, RawDocument};
use streamgauge_shared::test_file::field_path;

/// A value at a path: nested documents, or a field whose name is the dotted path itself or its beginning, as `updatedFields`
/// has it. A name in quotes is that of one field, whatever it holds.
pub(super) fn at<'a>(document: &'a RawDocument, path: &str) -> Option<RawBsonRef<'a>> {
    if path.starts_with('"') {
        return at_name(document, path);
    }
    if let Ok(Some(value)) = document.get(path) {
        return Some(value);
    }
    path.match_indices('.').find_map(|(dot, _)| match document.get(&path[..dot]) {
        Ok(Some(RawBsonRef::Document(inner))) => at(inner, &path[dot + 1..]),
        _ => None,
    })
}

/// A value at a path that begins with a name in quotes.
fn at_name<'a>(document: &'a RawDocument, path: &str) -> Option<RawBsonRef<'a>> {
    let (name, within) = field_path::first_name(path);
    match (document.get(name.as_ref()).ok()??, within) {
        (value, None) => Some(value),
        (RawBsonRef::Document(inner), Some(within)) => at(inner, within),
        _ => None,
    }
}
