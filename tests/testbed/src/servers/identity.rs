//! Whom the PostgreSQL server runs as: PostgreSQL refuses root, so as root it runs as somebody else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Result, bail};

/// Users that can stand in for root, best first; both own nothing of value.
const STAND_INS: [&str; 2] = ["postgres", "nobody"];

/// User and group to run PostgreSQL as, or `None` when we are a plain user ourselves.
pub(crate) fn stand_in() -> Result<Option<(u32, u32)>> {
    if !is_root() {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    match STAND_INS.iter().find_map(|name| look_up(&passwd, name)) {
        Some(ids) => Ok(Some(ids)),
        None => bail!(
            "PostgreSQL refuses to run as root, and neither postgres nor nobody is in /etc/passwd: run as a plain user"
        ),
    }
}

/// Whether this process is root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether other users can reach `path`: every folder above it lets them pass.
pub(crate) fn open_to_others(path: &Path) -> bool {
    path.ancestors().skip(1).all(|folder| {
        folder.as_os_str().is_empty()
            || fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & 0o001 != 0)
    })
}

fn look_up(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_looked_up_by_its_whole_name() {
        let passwd = "postgresql:x:7:8::/:/bin/sh\npostgres:x:101:104:a,b:/var/lib:/bin/bash\n";
        assert_eq!(look_up(passwd, "postgres"), Some((101, 104)));
        assert_eq!(look_up(passwd, "nobody"), None);
    }
}
