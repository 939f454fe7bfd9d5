//! The password file, as libpq reads it. Pure, apart from [`read`].
//!
//! A line is `host:port:database:user:password`; a field that is `*` matches anything, and a backslash takes the
//! meaning from `:` and `\`. The first line that matches gives the password.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What a session is looked up by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Login<'a> {
    /// The host as it was given; a socket in the default folder is `localhost`.
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

/// The text of a password file; nothing if there is none.
///
/// # Errors
/// Why it is ignored: one sentence. libpq ignores a file that others may read, and so do we.
pub(super) fn read(path: &Path) -> Result<Option<String>, String> {
    let Ok(found) = fs::metadata(path) else { return Ok(None) };
    let shown = path.display();
    if !found.is_file() {
        return Err(format!("the password file '{shown}' is ignored: it is no plain file"));
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!(
            "the password file '{shown}' is ignored: its permissions are {mode:04o}, and others may use it; run chmod 0600 on it"
        ));
    }
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) => Err(format!("the password file '{shown}' is ignored: it cannot be read: {error}")),
    }
}

/// The password for a login.
pub(super) fn password(text: &str, login: Login<'_>) -> Option<String> {
    let port = login.port.to_string();
    let wanted = [login.host, &port, login.database, login.user];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut rest = line.trim_end_matches('\r');
        for value in wanted {
            rest = after_match(rest, value)?;
        }
        let password = unescaped(rest);
        // libpq takes an empty one as none.
        (!password.is_empty()).then_some(password)
    })
}

/// What stands behind the first field, if the field matches.
fn after_match<'a>(line: &'a str, value: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let mut expected = value.chars();
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        let c = match c {
            ':' => return expected.next().is_none().then(|| &line[at + 1..]),
            '\\' => chars.next()?.1,
            c => c,
        };
        if expected.next() != Some(c) {
            return None;
        }
    }
    None
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# host:port:database:user:password\n\
        db.test:5432:orders:shop:first\n\
        db.test:*:orders:shop:any-port\n\
        a\\:b:5432:or\\\\ders:shop:esc\\:aped\\\\\n\
        empty:*:*:*:\n\
        short:5432\n\
        *:*:*:reader:with:colons\r\n";

    #[test]
    fn the_first_line_that_matches_gives_the_password() {
        let found = |host, port, database, user| password(FILE, Login { host, port, database, user });
        assert_eq!(found("db.test", 5432, "orders", "shop").as_deref(), Some("first"));
        assert_eq!(found("db.test", 6432, "orders", "shop").as_deref(), Some("any-port"));
        assert_eq!(found("a:b", 5432, r"or\ders", "shop").as_deref(), Some(r"esc:aped\"));
        // A colon of the password needs no backslash.
        assert_eq!(found("h", 1, "d", "reader").as_deref(), Some("with:colons"));
        for (host, database, user) in [
            ("db.tes", "orders", "shop"),
            ("db.test2", "orders", "shop"),
            ("db.test", "order", "shop"),
            ("db.test", "orders", "shopper"),
            ("empty", "d", "u"),
            ("short", "d", "u"),
        ] {
            assert_eq!(found(host, 5432, database, user), None, "{host} {database} {user}");
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_ignored_and_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pgpass");
        assert_eq!(read(&path), Ok(None));
        fs::write(&path, "*:*:*:*:s3cret").expect("written");
        for (mode, taken) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
            let found = read(&path);
            assert_eq!(found.is_ok(), taken, "{mode:o}: {found:?}");
            assert!(
                found.is_ok() || found.is_err_and(|said| said.contains("0600") && !said.contains("s3cret"))
            );
        }
        assert!(read(folder.path()).is_err_and(|said| said.contains("no plain file")));
    }
}
