//! What shells and manuals want to know of the command line.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use streamgauge_shared::exit_code::Failure;

use super::Cli;

/// Options of `completions`.
#[derive(Args, Debug)]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Options of `man`.
#[derive(Args, Debug)]
pub struct Man {
    /// The folder that takes the pages; it is made where it is missing.
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
}

/// The script that makes a shell complete our commands.
#[must_use]
pub fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), Cli::command().get_name(), &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes a manual page for the program and one for each of its commands.
///
/// # Errors
/// The folder cannot be written to.
pub fn manual(folder: &Path) -> Result<(), Failure> {
    let pages = || {
        std::fs::create_dir_all(folder)?;
        clap_mangen::generate_to(Cli::command(), folder)
    };
    pages().map_err(|error: io::Error| {
        let folder = folder.display();
        Failure::run(format!("no pages could be written into '{folder}': {error}; give another folder"))
    })
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_command_is_completed_and_has_a_page() {
        let folder = tempfile::tempdir().expect("a folder");
        manual(folder.path()).expect("the pages");
        let name = Cli::command().get_name().to_owned();
        for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            let page = folder.path().join(format!("{name}-{}.1", command.get_name()));
            let text =
                std::fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
            assert!(text.contains("EXAMPLE") || text.contains("Example"), "{}", page.display());
            for shell in Shell::value_variants() {
                assert!(
                    completions(*shell).contains(command.get_name()),
                    "{shell} knows {}",
                    command.get_name()
                );
            }
        }
    }
}
