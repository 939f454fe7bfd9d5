//! The server's version.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::Inspected;

/// The first major version whose change streams are watched as a whole and that answers `hello`.
const VERSION_MIN: u32 = 5;
/// The first one whose events carry `wallTime`.
const VERSION_WALL_TIME: u32 = 6;

pub(super) fn judge(inspected: &Inspected) -> Finding {
    let version = inspected.version.as_str();
    let major: Option<u32> = version.split('.').next().and_then(|major| major.parse().ok());
    match major {
        None => Finding::unknown("version", format!("'{version}' is not a version"), ""),
        Some(major) if major < VERSION_MIN => Finding::new(
            "version",
            Severity::Error,
            version,
            "versions before 5.0 are not supported: nobody has tried whether their events are all understood",
            "upgrade to 6.0 or later",
        ),
        Some(major) if major < VERSION_WALL_TIME => Finding::new(
            "version",
            Severity::Info,
            format!("{version}: its events have no wallTime, which came with 6.0"),
            "mongo_visibility has no data, and a threshold on it is refused; nothing else needs it",
            "upgrade to 6.0 or later if that figure matters",
        ),
        Some(_) => Finding::fine("version", format!("{version}: its events carry wallTime")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn old_versions_are_told_by_what_they_lack() {
        let with = |version: &str| found(|inspected| inspected.version = version.into());
        assert_eq!(with("4.4.29"), [("version", Severity::Error)]);
        assert_eq!(with("5.0.9"), [("version", Severity::Info)]);
        assert_eq!(with("unknown"), [("version", Severity::Info)]);
    }
}
