//! Addresses as `inet` has them.

use std::net::IpAddr;

/// The canonical form of an address: `10.0.0.1/32` is `10.0.0.1`, `::FFFF:0:0/96` is `::ffff:0.0.0.0/96`. Nothing for what is
/// none.
#[must_use]
pub fn address(text: &str) -> Option<String> {
    let (address, prefix) =
        text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let address: IpAddr = address.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let prefix =
        prefix.map_or(Some(whole), |prefix| prefix.parse::<u8>().ok().filter(|prefix| *prefix <= whole))?;
    Some(if prefix == whole { address.to_string() } else { format!("{address}/{prefix}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_form() {
        let cases = [
            ("10.0.0.1", "10.0.0.1"),
            ("10.0.0.1/32", "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("2001:DB8::1/128", "2001:db8::1"),
            ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
        ];
        for (text, form) in cases {
            assert_eq!(address(text).as_deref(), Some(form), "{text}");
        }
        for bad in ["", "10.0.0", "10.0.0.1/33", "10.0.0.1/", "host"] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }
}
