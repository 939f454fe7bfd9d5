//! Reads a test and its model from disk.
//!
//! The texts are kept beside the parsed test, because the observer gets them and parses them itself.

use std::path::Path;

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::{self, Scale, Source, Test};

/// A test with the texts it came from.
#[derive(Clone, Debug)]
pub struct TestSource {
    /// Parsed, checked, scaled.
    pub test: Test,
    /// The test file.
    pub file: Source,
    /// The model file.
    pub model: Source,
}

impl TestSource {
    /// Reads a scenario file, and the model beside it that it names.
    ///
    /// # Errors
    /// Every mistake of both files, one a line; exit code 104.
    pub fn read(path: &Path, time_scale: Scale, load_scale: Scale) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::configuration(format!(
                "test file '{name}' cannot be read: {error}; give the path of a scenario file"
            ))
        })?;
        let file = Source { name, text };
        let folder = path.parent().unwrap_or(Path::new(""));
        let load_model = |relative: &str| {
            let path = folder.join(relative);
            let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
            Ok(Source { name: path.display().to_string(), text })
        };
        let (test, model) = test_file::parse(&file, time_scale, load_scale, load_model)
            .map_err(|mistakes| Failure::configuration(mistakes.to_string()))?;
        Ok(Self { test, file, model })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use streamgauge_shared::exit_code::ExitCode;
    use streamgauge_shared::test_file::{Arrivals, Executor};

    use super::*;

    /// The shipped test on an even grid, whose times and numbers are exact; the unit tests of other modules use it as well.
    pub(crate) fn shop() -> Test {
        let mut test = shipped();
        let Executor::ConstantArrivalRate(load) = &mut test.scenarios[0].executor else {
            panic!("the shipped test has a constant arrival rate")
        };
        load.arrivals = Arrivals::Even;
        test
    }

    /// The shipped test as it is.
    pub(crate) fn shipped() -> Test {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/e2e-latency.toml");
        TestSource::read(&path, Scale::default(), Scale::default()).expect("the shipped test is correct").test
    }

    /// A test of one's own on the shipped model.
    pub(crate) fn parsed(text: &str) -> Test {
        let source = |name: &str, text: &str| Source { name: name.to_owned(), text: text.to_owned() };
        let model = include_str!("../../scenarios/models/shop.toml");
        let read = test_file::parse(&source("test.toml", text), Scale::default(), Scale::default(), |name| {
            Ok(source(name, model))
        });
        read.unwrap_or_else(|mistakes| panic!("{mistakes}")).0
    }

    #[test]
    fn the_model_is_found_beside_the_test() {
        assert_eq!(shop().model.entities[0].table.name, "customers");
    }

    #[test]
    fn every_mistake_of_both_files_is_told_with_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bad.toml");
        std::fs::write(&path, "model = \"absent.toml\"\nscenarioz = 1\n").expect("written");
        let failure = TestSource::read(&path, Scale::default(), Scale::default()).expect_err("two mistakes");
        assert_eq!(failure.exit_code, ExitCode::InvalidConfiguration);
        assert!(failure.sentence.contains("bad.toml:1:"), "{failure}");
        assert!(failure.sentence.contains("did you mean 'scenarios'?"), "{failure}");
    }

    #[test]
    fn every_mistake_of_a_test_is_one_sentence_with_its_place() {
        let text = r#"model = "shop.toml"
drain = "60s"

[scenarios.s]
executor = "constant-arival-rate"
rate = 10
time_unti = "1s"
duration = "5 minutes"
pre_allocated_vus = 0
flow = [
  { create = "custommer" },
  { await = "5s", timeout = "5s" },
  { create = "order" },
]

[thresholds]
cdc_e2e_latncy = ["p(95)<2000"]
cdc_e2e_latency = ["p95<2000", "rate>0.9", "p(101)<5"]
"cdc_e2e_latency{operation:insert}" = ["p(95)<1"]
"#;
        let file = Source { name: "bad.toml".to_owned(), text: text.to_owned() };
        let model = include_str!("../../scenarios/models/shop.toml");
        let read = test_file::parse(&file, Scale::default(), Scale::default(), |name| {
            Ok(Source { name: name.to_owned(), text: model.to_owned() })
        });
        let told = read.expect_err("many mistakes").to_string();
        expect_test::expect_file!["snapshots/mistakes.txt"].assert_eq(&format!("{told}\n"));
        let absent = TestSource::read(Path::new("absent.toml"), Scale::default(), Scale::default());
        expect_test::expect!["test file 'absent.toml' cannot be read: No such file or directory (os error 2); give the path of a scenario file"].assert_eq(&absent.expect_err("no file").sentence);
    }
}
