//! Base64 as Connect's JSON converter writes the bytes of a decimal number: the standard alphabet, padded.

/// Bytes of the largest whole number that is read: far beyond the 18 digits of a column here.
const BYTES_MAX: usize = 16;

/// Whether a text may be base64.
pub(super) fn is_base64(text: &str) -> bool {
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    let digits = &text.as_bytes()[..text.len() - padding];
    !digits.is_empty()
        && text.len().is_multiple_of(4)
        && padding <= 2
        && digits.iter().all(|byte| value(*byte).is_some())
}

/// The bytes of a text in base64, of the standard alphabet or the one for URLs.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    let standard = text.replace('-', "+").replace('_', "/");
    // Of the alphabet for URLs the padding may be left out.
    let padded = match standard.len() % 4 {
        0 => standard,
        missing => format!("{standard}{}", "=".repeat(4 - missing)),
    };
    if !is_base64(&padded) {
        return padded.is_empty().then(Vec::new);
    }
    let (mut bytes, mut bits, mut pending) = (Vec::with_capacity(padded.len() / 4 * 3), 0_u32, 0_u32);
    for digit in padded.bytes().take_while(|byte| *byte != b'=') {
        (pending, bits) = (pending << 6 | u32::from(value(digit)?), bits + 6);
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(pending >> bits).ok()?);
            pending &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

/// The whole number whose bytes a text holds, most significant first, in two's complement; nothing if it is no base64 or
/// the number is too long.
pub(super) fn whole_number(text: &str) -> Option<i128> {
    if !is_base64(text) {
        return None;
    }
    number_of_bytes(&bytes(text)?)
}

/// The whole number that bytes hold, most significant first, in two's complement; nothing for none or too many.
pub(super) fn number_of_bytes(bytes: &[u8]) -> Option<i128> {
    // The first byte has the sign.
    let (first, rest) = bytes.split_first().filter(|(_, rest)| rest.len() < BYTES_MAX)?;
    Some(rest.iter().fold(i128::from(first.cast_signed()), |number, byte| number << 8 | i128::from(*byte)))
}

/// Of one digit.
fn value(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_number_are_the_number() {
        // As `base64` writes printf '\x04\xe2', '\xff', '\x00\xff', '\xd7\x6d\xf8', '\x7f', eight bytes of 0x80 00 … .
        let cases = [
            ("BOI=", 1_250),
            ("/w==", -1),
            ("AP8=", 255),
            ("1234", -2_658_824),
            ("fw==", 127),
            ("gAAAAAAAAAA=", i128::from(i64::MIN)),
        ];
        for (text, number) in cases {
            assert_eq!(whole_number(text), Some(number), "{text}");
        }
    }

    #[test]
    fn what_is_no_base64_is_no_number() {
        for text in ["", "=", "====", "A", "AB", "ABC", "A===", "12.5", "-123", "AB=C", "ABCDE", "AAé"] {
            assert_eq!((is_base64(text), whole_number(text)), (false, None), "{text}");
        }
        assert_eq!(
            [bytes("AA-_"), bytes("AA+/"), bytes("AP8"), bytes("")],
            [Some(vec![0, 0x0f, 0xbf]), Some(vec![0, 0x0f, 0xbf]), Some(vec![0, 0xff]), Some(vec![]),]
        );
        assert!(is_base64(&"A".repeat(24)));
        assert_eq!(whole_number(&"A".repeat(24)), None, "too long");
    }
}
