//! The two forms of a connection string, as libpq reads them: `postgresql://…` and `key=value …`. Pure.
//!
//! What is found is pairs of keyword and value, in order; what they mean is none of this file's business.

/// A keyword and its value.
pub(super) type Pair = (String, String);

/// Neither form. Says nothing of the text, which may have the password anywhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The pairs of a connection string. Several hosts of a URL are one value with commas, and so are their ports.
///
/// # Errors
/// [`Malformed`], also for a URL whose password has an `@` that is not encoded.
pub(super) fn pairs(text: &str) -> Result<Vec<Pair>, Malformed> {
    let rest = ["postgresql://", "postgres://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    match rest {
        Some(rest) => url(rest),
        None if text.contains("://") => Err(Malformed),
        None if text.trim().is_empty() => Err(Malformed),
        None => key_values(text),
    }
}

fn url(rest: &str) -> Result<Vec<Pair>, Malformed> {
    let (before_options, options) = rest.split_once('?').unwrap_or((rest, ""));
    // A second @ means that one belongs to a password that is not encoded: what is read as host or database would
    // then have a part of it, and would be shown.
    if before_options.matches('@').count() > 1 {
        return Err(Malformed);
    }
    let mut pairs = Vec::new();
    let (authority, database) = before_options.split_once('/').unwrap_or((before_options, ""));
    let hosts = match authority.split_once('@') {
        Some((credentials, hosts)) => {
            let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
            add(&mut pairs, "user", user)?;
            add(&mut pairs, "password", password)?;
            hosts
        }
        None => authority,
    };
    // An @ behind the first slash: the slash belongs to a password that is not encoded.
    if database.contains('@') {
        return Err(Malformed);
    }
    if !hosts.is_empty() {
        let each = hosts.split(',').map(host_and_port).collect::<Result<Vec<_>, _>>()?;
        let joined =
            |part: fn(&(String, String)) -> &str| each.iter().map(part).collect::<Vec<_>>().join(",");
        pairs.push(("host".into(), joined(|(host, _)| host)));
        if each.iter().any(|(_, port)| !port.is_empty()) {
            pairs.push(("port".into(), joined(|(_, port)| port)));
        }
    }
    add(&mut pairs, "dbname", database)?;
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let (keyword, value) = option.split_once('=').ok_or(Malformed)?;
        pairs.push((decoded(keyword)?, decoded(value)?));
    }
    Ok(pairs)
}

fn add(pairs: &mut Vec<Pair>, keyword: &str, value: &str) -> Result<(), Malformed> {
    if !value.is_empty() {
        pairs.push((keyword.to_owned(), decoded(value)?));
    }
    Ok(())
}

/// `host`, `host:port`, `[address]` or `[address]:port`.
fn host_and_port(text: &str) -> Result<(String, String), Malformed> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(Malformed)?;
            (host, if after.is_empty() { "" } else { after.strip_prefix(':').ok_or(Malformed)? })
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    Ok((decoded(host)?, decoded(port)?))
}

/// A text without its percent signs.
fn decoded(text: &str) -> Result<String, Malformed> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let (high, low) = (digit().ok_or(Malformed)?, digit().ok_or(Malformed)?);
        let value = u8::try_from(high * 16 + low).map_err(|_| Malformed)?;
        // As in libpq: a C string would end here.
        bytes.push(if value == 0 { return Err(Malformed) } else { value });
    }
    String::from_utf8(bytes).map_err(|_| Malformed)
}

/// `key = value`, with values in single quotes and backslashes before what would end them.
fn key_values(text: &str) -> Result<Vec<Pair>, Malformed> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (keyword, after) = rest.split_once('=').ok_or(Malformed)?;
        let keyword = keyword.trim_end();
        if keyword.is_empty() || keyword.contains(char::is_whitespace) {
            return Err(Malformed);
        }
        let (value, after) = value(after.trim_start())?;
        pairs.push((keyword.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// A value, and what stands behind it.
fn value(text: &str) -> Result<(String, &str), Malformed> {
    let quoted = text.strip_prefix('\'');
    let mut value = String::new();
    let body = quoted.unwrap_or(text);
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            '\'' if quoted.is_some() => return Ok((value, &body[at + 1..])),
            c if quoted.is_none() && c.is_whitespace() => return Ok((value, &body[at..])),
            c => value.push(c),
        }
    }
    if quoted.is_some() { Err(Malformed) } else { Ok((value, "")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(text: &str) -> Result<String, Malformed> {
        let each = pairs(text)?;
        Ok(each.iter().map(|(keyword, value)| format!("{keyword}={value}")).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn both_forms_are_read_as_libpq_reads_them() {
        let cases = [
            ("postgresql://", ""),
            ("postgres://localhost", "host=localhost"),
            ("postgres://localhost/mydb", "host=localhost; dbname=mydb"),
            ("postgresql://user@localhost", "user=user; host=localhost"),
            ("postgres://u:s%40%3A%2F@[::1]:5433/d", "user=u; password=s@:/; host=::1; port=5433; dbname=d"),
            ("postgresql://h1:123,h2,h3:456/db", "host=h1,h2,h3; port=123,,456; dbname=db"),
            ("postgresql:///mydb?host=localhost&port=5433", "dbname=mydb; host=localhost; port=5433"),
            ("postgresql://%2Fvar%2Flib%2Fpostgresql/db", "host=/var/lib/postgresql; dbname=db"),
            ("postgres://h/d?options=-c%20search_path%3Da", "host=h; dbname=d; options=-c search_path=a"),
            ("postgres://h?sslmode=require&", "host=h; sslmode=require"),
            ("host=h port = 5432", "host=h; port=5432"),
            (r"password='it\'s \\ here' user=u\ v", r"password=it's \ here; user=u v"),
            ("user='' host=h", "user=; host=h"),
            (" host=h\n dbname=d\t", "host=h; dbname=d"),
        ];
        for (text, expected) in cases {
            assert_eq!(joined(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_neither_form_is_malformed() {
        for text in [
            "",
            " ",
            "s3cret",
            "mysql://h/d",
            "postgres://u:s3@cret@h/d",
            "postgres://u:s3/cret@h/d",
            "postgres://h/d?sslmode",
            "postgres://h/%zz",
            "postgres://h/%4",
            "postgres://h/%00",
            "postgres://[::1/d",
            "postgres://[::1]5432/d",
            "host=h password='s3cret",
            "=value",
            "host h=1",
        ] {
            assert_eq!(pairs(text), Err(Malformed), "{text}");
        }
    }
}
