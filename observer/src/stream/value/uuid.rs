//! UUIDs, as texts and in each order of bytes.

use std::borrow::Cow;

use mongodb::bson::spec::BinarySubtype;
use streamgauge_shared::content::NotCompared;

use super::Canonical;

/// Bytes of a UUID.
const UUID_BYTES: usize = 16;

/// Of any of the usual ways to write one; what is none stays what it is, and differs from all.
pub(super) fn of_text(text: &str) -> Cow<'_, str> {
    let is_lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_form = text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => is_lower(byte),
        });
    if is_form {
        return text.into();
    }
    let text = text.to_ascii_lowercase();
    let digits: String = text.chars().filter(|char| !matches!(char, '-' | '{' | '}')).collect();
    let is_one = digits.len() == 32 && digits.bytes().all(is_lower);
    if is_one { grouped(&digits).unwrap_or(text) } else { text }.into()
}

/// Subtype 4 has one order of bytes. Subtype 3 has three, each of which some driver writes, and a plain binary says
/// nothing of it.
pub(super) fn of_bytes(subtype: BinarySubtype, bytes: &[u8]) -> Canonical<'static> {
    let Ok(bytes) = <[u8; UUID_BYTES]>::try_from(bytes) else {
        return Canonical::Not(NotCompared::Unreadable);
    };
    match subtype {
        BinarySubtype::Uuid => Canonical::Text(hyphenated(&bytes).into()),
        BinarySubtype::UuidOld | BinarySubtype::Generic => {
            Canonical::OneOf(Box::new(orders(bytes).map(|bytes| hyphenated(&bytes))))
        }
        _ => Canonical::Not(NotCompared::Unreadable),
    }
}

/// The UUIDs that sixteen bytes may be: in the standard order, as Java's driver used to write them (each half
/// backwards), and as C#'s did (the first three fields backwards).
fn orders(bytes: [u8; UUID_BYTES]) -> [[u8; UUID_BYTES]; 3] {
    let (mut java, mut csharp) = (bytes, bytes);
    java[..8].reverse();
    java[8..].reverse();
    csharp[..4].reverse();
    csharp[4..6].reverse();
    csharp[6..8].reverse();
    [bytes, java, csharp]
}

pub(super) fn hyphenated(bytes: &[u8; UUID_BYTES]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or_default());
        }
    }
    text
}

fn grouped(hex: &str) -> Option<String> {
    let part = |range| hex.get(range);
    Some(format!("{}-{}-{}-{}-{}", part(0..8)?, part(8..12)?, part(12..16)?, part(16..20)?, part(20..32)?))
}
