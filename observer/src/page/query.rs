//! `name=value&…` as addresses and forms write it.

/// The names and values of a query or a form, decoded; what is no UTF-8 is replaced.
pub fn pairs(encoded: &str) -> impl Iterator<Item = (String, String)> {
    encoded.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    })
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let hex = bytes.get(index + 1..index + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match (bytes[index], byte.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                index += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        index += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A value, encoded for a query.
#[must_use]
pub fn encoded(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_and_encoded() {
        let read = |text: &str| pairs(text).collect::<Vec<_>>();
        let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read("a=b%20c+d&e&f=%C3%A9"), [of("a", "b c d"), of("e", ""), of("f", "é")]);
        assert_eq!(
            read("a=%&b=%2&c=%zz&d=%+1"),
            [of("a", "%"), of("b", "%2"), of("c", "%zz"), of("d", "% 1")]
        );
        assert_eq!(read(""), []);
        for value in ["plain-1._~", "a b&c=d", "é%/"] {
            assert_eq!(read(&format!("x={}", encoded(value))), [of("x", value)]);
        }
    }
}
