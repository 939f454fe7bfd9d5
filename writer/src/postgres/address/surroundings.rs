//! What libpq takes from the process's environment and from the user's home folder.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Where sockets lie that no `host` names: Debian's folder, and PostgreSQL's own.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// The environment of a connection string.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Those that begin with `PG`.
    variables: BTreeMap<String, String>,
    /// The user's home folder.
    pub(super) home: Option<PathBuf>,
    /// The operating system's name of the user.
    pub(super) user: Option<String>,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let variables = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let number = rustix::process::geteuid().as_raw().to_string();
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        Self {
            variables: variables.filter(|(name, _)| name.starts_with("PG")).collect(),
            home: env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from),
            user: user_of(&passwd, &number),
        }
    }

    /// A variable that is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a variable says where PostgreSQL is.
    pub(super) fn names_a_place(&self) -> bool {
        ["PGHOST", "PGHOSTADDR", "PGSERVICE"].iter().any(|name| self.variable(name).is_some())
    }

    /// A file in `~/.postgresql`, where libpq keeps what belongs to TLS; whether it is there or not.
    pub(super) fn of_home(&self, name: &str) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(".postgresql").join(name))
    }

    /// The host that stands where none is given: the folder in which a server listens on this port, else this machine.
    pub(super) fn default_host(port: u16) -> String {
        let listens = |folder: &&&str| Path::new(folder).join(format!(".s.PGSQL.{port}")).exists();
        SOCKET_FOLDERS.iter().find(listens).map_or("localhost", |folder| *folder).to_owned()
    }

    /// Whether a folder is one of those in which sockets lie without being named.
    pub(super) fn is_default_folder(host: &str) -> bool {
        SOCKET_FOLDERS.contains(&host)
    }

    #[cfg(test)]
    pub(super) fn of_test(variables: &[(&str, &str)], home: Option<&Path>) -> Self {
        let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { variables: owned.collect(), home: home.map(Path::to_owned), user: Some("me".into()) }
    }
}

/// The name of a user id in the text of `/etc/passwd`.
fn user_of(passwd: &str, number: &str) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_number() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nshop:x:1000:0::/home/shop:/bin/sh\n";
        assert_eq!(user_of(passwd, "1000").as_deref(), Some("shop"));
        assert_eq!(user_of(passwd, "0").as_deref(), Some("root"));
        assert_eq!(user_of(passwd, "100"), None);
    }
}
