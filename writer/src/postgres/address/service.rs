//! The service file, `pg_service.conf`: sections of `key=value` lines. Pure, apart from [`read`].

use std::fs;
use std::path::PathBuf;

use super::surroundings::Surroundings;
use super::text::Pair;

/// The pairs of a service, from the first of the user's file and the system's that defines it.
///
/// # Errors
/// No file defines it, or one cannot be understood: the rest of a sentence that begins with the service's name.
pub(super) fn read(name: &str, around: &Surroundings) -> Result<Vec<Pair>, String> {
    let own = match around.variable("PGSERVICEFILE") {
        Some(path) => Some(PathBuf::from(path)),
        None => around.home.as_ref().map(|home| home.join(".pg_service.conf")),
    };
    let system = around.variable("PGSYSCONFDIR").map(|folder| PathBuf::from(folder).join("pg_service.conf"));
    let mut looked = Vec::new();
    for path in own.into_iter().chain(system) {
        let shown = path.display().to_string();
        if let Ok(text) = fs::read_to_string(&path) {
            let found = section(&text, name)
                .map_err(|line| format!("cannot be read: line {line} of '{shown}' is no 'key=value'"))?;
            if let Some(pairs) = found {
                return Ok(pairs);
            }
        }
        looked.push(format!("'{shown}'"));
    }
    let looked =
        if looked.is_empty() { "no file: there is no home folder".to_owned() } else { looked.join(" and ") };
    Err(format!(
        "is not defined; looked at {looked}: add the section [{name}] there, or name the file with PGSERVICEFILE"
    ))
}

/// The pairs of a section; nothing if there is no such section.
///
/// # Errors
/// The number of the first line of the section that is not understood.
fn section(text: &str, name: &str) -> Result<Option<Vec<Pair>>, usize> {
    let mut pairs = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            if pairs.is_some() {
                break;
            }
            let found = header.split(']').next().unwrap_or_default();
            pairs = (found == name).then(Vec::new);
        } else if let Some(pairs) = &mut pairs {
            let (keyword, value) = line.split_once('=').ok_or(index + 1)?;
            pairs.push((keyword.trim().to_owned(), value.trim().to_owned()));
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# services\n[other]\nhost=elsewhere\nnonsense\n\n[shop]\nhost=db.test\n# port\nport = 5433\n[last]\nuser=u\n";

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let pair = |keyword: &str, value: &str| (keyword.to_owned(), value.to_owned());
        assert_eq!(section(FILE, "shop"), Ok(Some(vec![pair("host", "db.test"), pair("port", "5433")])));
        assert_eq!(section(FILE, "last"), Ok(Some(vec![pair("user", "u")])));
        assert_eq!(section(FILE, "none"), Ok(None));
        assert_eq!(section(FILE, "other"), Err(4));
    }

    #[test]
    fn the_users_file_comes_before_the_systems() {
        let folder = tempfile::tempdir().expect("a folder");
        let (home, system) = (folder.path().join("home"), folder.path().join("etc"));
        for path in [&home, &system] {
            fs::create_dir(path).expect("made");
        }
        fs::write(home.join(".pg_service.conf"), "[a]\nhost=own\n").expect("written");
        fs::write(system.join("pg_service.conf"), "[a]\nhost=system\n[b]\nhost=system\n").expect("written");
        let etc = system.display().to_string();
        let around = Surroundings::of_test(&[("PGSYSCONFDIR", &etc)], Some(&home));
        let host = |name| read(name, &around).map(|pairs| pairs[0].1.clone());
        assert_eq!(host("a").as_deref(), Ok("own"));
        assert_eq!(host("b").as_deref(), Ok("system"));
        let failure = host("c").expect_err("nowhere");
        assert!(failure.contains(".pg_service.conf") && failure.contains("[c]"), "{failure}");
        let named = home.join(".pg_service.conf").display().to_string();
        let around = Surroundings::of_test(&[("PGSERVICEFILE", &named)], None);
        assert_eq!(read("a", &around).map(|pairs| pairs[0].1.clone()).as_deref(), Ok("own"));
    }
}
