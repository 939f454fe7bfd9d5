//! Which connector files are registered, and what is changed in them for one measurement.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};

use crate::compose;

/// How far the files are tuned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Variant {
    /// Everything that moves latency at its default
    Default,
    /// For latency
    Tuned,
}

/// How the sink writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Sink {
    /// Debezium's events, by the sink's handler
    Handler,
    /// Rows without the envelope
    Unwrapped,
}

impl Variant {
    /// Its folder's name.
    const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Tuned => "tuned",
        }
    }
}

impl Sink {
    /// The end of its file's name.
    const fn name(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Unwrapped => "unwrapped",
        }
    }
}

/// One way to set the pipeline up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which files.
    pub variant: Variant,
    /// Which sink.
    pub sink: Sink,
    /// What is changed in them.
    pub overrides: Overrides,
}

/// Settings that win over those of the files, in the order given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides(pub Vec<Override>);

/// One setting, as `source.poll.interval.ms=10`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    part: Part,
    key: String,
    value: String,
}

/// Whose setting it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Source,
    Sink,
    /// An option of the sink's MongoDB URI.
    Mongo,
    /// A key of the test: where it stands, else in its `[defaults]`.
    Test,
}

const PARTS: [(&str, Part); 4] =
    [("source", Part::Source), ("sink", Part::Sink), ("mongo", Part::Mongo), ("test", Part::Test)];

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = text.split_once('=').and_then(|(path, value)| {
            let (part, key) = path.split_once('.')?;
            let (_, part) = PARTS.into_iter().find(|(name, _)| *name == part)?;
            Some(Self { part, key: key.to_owned(), value: value.to_owned() })
        });
        read.ok_or_else(|| {
            format!("'{text}' is not understood: write source.KEY=VALUE, sink.KEY=VALUE, mongo.OPTION=VALUE (in the sink's URI) or test.KEY=VALUE (where the key stands, else in [defaults])")
        })
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, _) = PARTS.into_iter().find(|(_, part)| *part == self.part).unwrap_or(PARTS[0]);
        write!(f, "{name}.{}={}", self.key, self.value)
    }
}

impl Overrides {
    fn of(&self, part: Part) -> impl Iterator<Item = &Override> {
        self.0.iter().filter(move |setting| setting.part == part)
    }

    /// MongoDB's URI with the options added.
    #[must_use]
    pub(crate) fn uri(&self, uri: &str) -> String {
        let options: Vec<String> =
            self.of(Part::Mongo).map(|set| format!("{}={}", set.key, set.value)).collect();
        let join = if uri.contains('?') { "&" } else { "?" };
        if options.is_empty() { uri.to_owned() } else { format!("{uri}{join}{}", options.join("&")) }
    }

    /// A test with the settings where their keys stand, else in its `[defaults]`.
    ///
    /// # Errors
    /// When there is no such table to add to.
    pub(crate) fn test(&self, text: &str) -> Result<String> {
        let mut changed = text.to_owned();
        for Override { key, value, .. } in self.of(Part::Test) {
            let stands = |line: &str| line.split('=').next().map(str::trim) == Some(key);
            if changed.lines().any(stands) {
                // Where it stands, in whatever table: twice would be a mistake.
                let set = |line| if stands(line) { format!("{key} = {value}") } else { line.to_owned() };
                changed = changed.lines().map(set).collect::<Vec<_>>().join("\n") + "\n";
                continue;
            }
            let (before, after) =
                changed.split_once("[defaults]\n").context("the test has no [defaults] to set test.… in")?;
            changed = format!("{before}[defaults]\n{key} = {value}\n{after}");
        }
        Ok(changed)
    }
}

impl Settings {
    /// The files to register, by the connectors' names; changed copies are written into `folder`.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(crate) fn files(&self, folder: &Path) -> Result<Vec<(&'static str, PathBuf)>> {
        let variant = self.variant.name();
        let sink = format!("sink-{}.properties", self.sink.name());
        let shipped = compose().join("connectors").join(variant);
        let mut files = Vec::new();
        for (name, file, part) in
            [("source", "source.properties", Part::Source), ("sink", sink.as_str(), Part::Sink)]
        {
            let shipped = shipped.join(file);
            let settings: Vec<&Override> = self.overrides.of(part).collect();
            if settings.is_empty() {
                files.push((name, shipped));
                continue;
            }
            let mut text =
                fs::read_to_string(&shipped).with_context(|| format!("no {}", shipped.display()))?;
            for Override { key, value, .. } in settings {
                // Of a key that stands twice the last one holds.
                text.push_str(&format!("{key}={value}\n"));
            }
            let changed = folder.join(format!("{variant}-{file}"));
            fs::write(&changed, text)?;
            files.push((name, changed));
        }
        Ok(files)
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.variant.name(), self.sink.name())?;
        self.overrides.0.iter().try_for_each(|set| write!(f, " {set}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overrides(texts: &[&str]) -> Overrides {
        Overrides(texts.iter().map(|text| text.parse().expect(text)).collect())
    }

    #[test]
    fn an_override_names_its_part_and_nothing_else_is_taken() {
        for good in
            ["source.poll.interval.ms=10", "sink.max.batch.size=1", "mongo.w=1", "test.warm_up=\"9s\""]
        {
            assert_eq!(good.parse::<Override>().expect(good).to_string(), good);
        }
        for bad in ["poll.interval.ms=10", "source.poll", "kafka.x=1", ""] {
            assert!(bad.parse::<Override>().expect_err(bad).contains("source.KEY=VALUE"));
        }
    }

    #[test]
    fn an_option_goes_into_the_uri_and_a_default_into_the_test() {
        let set = overrides(&["mongo.w=1", "mongo.journal=true"]);
        assert_eq!(
            set.uri("mongodb://h/shop?replicaSet=r"),
            "mongodb://h/shop?replicaSet=r&w=1&journal=true"
        );
        assert_eq!(set.uri("mongodb://h/shop"), "mongodb://h/shop?w=1&journal=true");
        let set = overrides(&["test.synchronous_commit=false", "test.warm_up=\"9s\""]);
        let changed =
            set.test("model = \"m\"\n\n[defaults]\nwarm_up = \"5s\" # why\ndrain = \"60s\"\n").expect("read");
        assert_eq!(
            changed,
            "model = \"m\"\n\n[defaults]\nsynchronous_commit = false\nwarm_up = \"9s\"\ndrain = \"60s\"\n"
        );
        assert!(set.test("model = \"m\"\n").is_err());
    }

    #[test]
    fn every_variant_has_its_files_and_a_changed_copy_keeps_the_rest() {
        let folder = std::env::temp_dir().join(format!("streamgauge-connectors-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        for variant in [Variant::Default, Variant::Tuned] {
            for sink in [Sink::Handler, Sink::Unwrapped] {
                let settings = Settings { variant, sink, overrides: Overrides::default() };
                for (_, file) in settings.files(&folder).expect("files") {
                    assert!(file.is_file() && !file.starts_with(&folder), "{}", file.display());
                }
                let settings = Settings { overrides: overrides(&["sink.max.batch.size=7"]), ..settings };
                let files = settings.files(&folder).expect("files");
                let text = fs::read_to_string(&files[1].1).expect("a copy");
                assert!(text.ends_with("max.batch.size=7\n") && text.contains("connector.class="));
                assert!(!files[0].1.starts_with(&folder), "only what is changed is copied");
            }
        }
        fs::remove_dir_all(&folder).expect("removed");
    }
}
