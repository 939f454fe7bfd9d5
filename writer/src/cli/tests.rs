use clap::CommandFactory;
use expect_test::expect_file;

use super::*;

#[test]
fn the_command_line_is_consistent_and_every_example_parses() {
    Cli::command().debug_assert();
    for command in Cli::command().get_subcommands() {
        let example = command.get_after_help().expect("an example").to_string();
        let line = example.strip_prefix("Example:\n").expect("an example").replace("\\\n", " ");
        let parsed = Cli::try_parse_from(line.split_whitespace());
        assert!(parsed.is_ok(), "{line}: {parsed:?}");
    }
}

#[test]
fn bad_values_are_refused_and_passwords_are_not_shown() {
    let parse = |more: &[&str]| {
        let line = ["streamgauge-writer", "run", "x.toml", "--postgres", "postgres://u:s3cret@h/d"];
        Cli::try_parse_from(line.iter().chain(more).copied())
    };
    for bad in [
        ["--run-id", "xyz"],
        ["--seed", "many"],
        ["--time-scale", "0"],
        ["--load-scale", "fast"],
        ["--connections", "0"],
        ["--summary", "xml"],
    ] {
        let error = parse(&bad).expect_err(bad[0]).to_string();
        assert!(error.contains(bad[0]) && !error.contains("s3cret"), "{error}");
    }
    let misplaced =
        parse(&["postgres://u:s3@cret@h/d", "password=s3cret"]).expect_err("one too many").to_string();
    assert!(misplaced.contains("cret"), "clap quotes it: {misplaced}");
    let told = without_secrets(&misplaced);
    assert!(told.contains("'postgres://***@h/d'") && !told.contains("cret"), "{told}");
    let good = parse(&["--seed", "7", "--load-scale", "0.5"]).expect("good");
    assert!(!format!("{good:?}").contains("s3cret"));
}

/// What `--help` of the program and of each command prints, on 100 columns and without what the environment holds.
fn help() -> String {
    let mut program = Cli::command().term_width(100);
    program.build();
    let mut text = program.render_long_help().to_string();
    for command in program.get_subcommands_mut().filter(|command| command.get_name() != "help") {
        let mut command = command.clone().mut_args(|arg| arg.hide_env_values(true));
        let help = command.render_long_help();
        text.push_str(&format!("\n━━ {}\n\n{help}", command.get_name()));
    }
    text
}

#[test]
fn the_help_of_every_command() {
    expect_file!["snapshots/help.txt"].assert_eq(&help());
}

#[test]
fn what_is_wrong_with_a_command_line_is_said() {
    let lines = [
        "",
        "rum",
        "run",
        "run x.toml --sede 7",
        "run x.toml --seed many",
        "run x.toml --run-id xyz",
        "run x.toml --time-scale 0",
        "run x.toml --summary xml",
        "run x.toml --clock sundial",
        "run x.toml --connections 0",
        "clean x.toml",
        "clean x.toml --run 00c0ffee0042 --older-than 1d",
        "clean x.toml --older-than yesterday",
        "ping --within soon",
        "ping --within 0s",
        "completions powershel",
    ];
    let mut text = String::new();
    for line in lines {
        let words = std::iter::once("streamgauge-writer").chain(line.split_whitespace());
        let error = Cli::try_parse_from(words).expect_err(line);
        let said = without_secrets(&error.to_string());
        // Without a command the help is what is printed, which has its own test.
        let said = if line.is_empty() { said.lines().next().unwrap_or_default().to_owned() } else { said };
        text.push_str(&format!("$ streamgauge-writer {line}\n{}\n\n", said.trim_end()));
    }
    expect_file!["snapshots/errors.txt"].assert_eq(&text);
}
