//! `/runs/<folder>/<file>`: what a kept run has to show. A folder is one part of a path and a file is one of a short list,
//! so that no path leads anywhere else.

use std::path::{Path, PathBuf};

use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue};

use super::answers::{Answer, HTML, JSON, REPORT_POLICY, TEXT, compressed, text};

/// What comes before the folder's name.
pub(super) const PATH: &str = "/runs/";

/// The files that are shown, with their types.
const FILES: [(&str, &str); 3] = [("report.html", HTML), ("report.json", JSON), ("summary.txt", TEXT)];
/// A report is below 1 MB; what is so much longer is none of ours.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A file of a kept run.
pub(super) async fn answer(headers: &HeaderMap, runs: &Path, path: &str) -> Answer {
    let Some((folder, file, kind)) = named(path) else {
        return text(
            StatusCode::NOT_FOUND,
            "there is: /runs/<folder of a run>/report.html, report.json or summary.txt\n",
        );
    };
    let (runs, folder, file) = (runs.to_owned(), folder.to_owned(), file.to_owned());
    let read = tokio::task::spawn_blocking(move || read(&runs, &folder, &file)).await;
    let content = match read {
        Ok(Ok(content)) => content,
        Ok(Err(sentence)) => return text(StatusCode::NOT_FOUND, &format!("{sentence}\n")),
        Err(error) => {
            return text(StatusCode::INTERNAL_SERVER_ERROR, &format!("it cannot be read: {error}\n"));
        }
    };
    let mut answer = compressed(headers, StatusCode::OK, kind, content);
    if kind == HTML {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(REPORT_POLICY));
    }
    answer
}

/// The folder, the file and its type that a path names. Names of folders are made of what [`crate::report::Folder`] takes.
fn named(path: &str) -> Option<(&str, &'static str, &'static str)> {
    let (folder, file) = path.strip_prefix(PATH)?.split_once('/')?;
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_name = !folder.is_empty() && !folder.starts_with('.') && folder.chars().all(is_legal);
    let (file, kind) = FILES.into_iter().find(|(name, _)| *name == file)?;
    is_name.then_some((folder, file, kind))
}

/// Reads it, unless it lies elsewhere by a link.
fn read(runs: &Path, folder: &str, file: &str) -> Result<String, String> {
    let path = runs.join(folder).join(file);
    let real = |path: &Path| -> std::io::Result<PathBuf> { std::fs::canonicalize(path) };
    let (root, real) = match (real(runs), real(&path)) {
        (Ok(root), Ok(real)) => (root, real),
        (Err(error), _) | (_, Err(error)) => {
            return Err(format!(
                "there is no {file} of run '{folder}': {error}; 'streamgauge-observer report {folder} --html' writes one from what is kept"
            ));
        }
    };
    if !real.starts_with(&root) {
        return Err(format!("{file} of run '{folder}' lies outside of the folder of runs"));
    }
    let length = std::fs::metadata(&real).map_err(|error| error.to_string())?.len();
    if length > FILE_BYTES_MAX {
        return Err(format!(
            "{file} of run '{folder}' has {length} bytes, and at most {FILE_BYTES_MAX} are shown"
        ));
    }
    std::fs::read_to_string(&real)
        .map_err(|error| format!("{file} of run '{folder}' cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_folder_and_one_of_few_files_or_nothing() {
        assert_eq!(
            named("/runs/20261130T101500Z-stress-0123456789ab/report.html")
                .map(|(folder, file, _)| (folder, file)),
            Some(("20261130T101500Z-stress-0123456789ab", "report.html"))
        );
        for path in [
            "/runs/",
            "/runs/a",
            "/runs/a/",
            "/runs//report.html",
            "/runs/./report.html",
            "/runs/../report.html",
            "/runs/..%2f/report.html",
            "/runs/%2e%2e/report.html",
            "/runs/a/b/report.html",
            "/runs/a/../report.html",
            "/runs/a\\b/report.html",
            "/runs/.hidden/report.html",
            "/runs/a/rows.jsonl",
            "/runs/a/test.toml",
            "/runs/a/report.html/",
            "/runs/a\0/report.html",
        ] {
            assert_eq!(named(path), None, "{path:?}");
        }
    }

    #[test]
    fn what_is_shown_lies_in_the_folder_of_runs() {
        let folder = tempfile::tempdir().expect("a folder");
        let (runs, secret) = (folder.path().join("runs"), folder.path().join("secret"));
        std::fs::create_dir_all(runs.join("one")).expect("made");
        std::fs::create_dir_all(&secret).expect("made");
        std::fs::write(runs.join("one/summary.txt"), "fine").expect("written");
        std::fs::write(secret.join("summary.txt"), "secret").expect("written");
        std::os::unix::fs::symlink(&secret, runs.join("link")).expect("linked");
        std::os::unix::fs::symlink(secret.join("summary.txt"), runs.join("one/report.json")).expect("linked");
        assert_eq!(read(&runs, "one", "summary.txt").as_deref(), Ok("fine"));
        for (folder, file) in [("link", "summary.txt"), ("one", "report.json")] {
            assert!(read(&runs, folder, file).is_err_and(|said| said.contains("outside")), "{folder}/{file}");
        }
        assert!(read(&runs, "two", "summary.txt").is_err_and(|said| said.contains("report two --html")));
    }
}
