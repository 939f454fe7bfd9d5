//! What a connection string, its service and the environment say together: the string first, then the service, then
//! variables, as in libpq.

use std::collections::BTreeMap;
use std::str::FromStr;

use streamgauge_shared::exit_code::Failure;

use super::keywords::{Meaning, TAKEN, meaning, variables_not_taken};
use super::service;
use super::surroundings::Surroundings;
use super::text::Pair;

/// The values of keywords that are taken.
#[derive(Debug, Default)]
pub(super) struct Settings {
    found: BTreeMap<&'static str, Value>,
    /// What the user should know and that is no mistake: one sentence each.
    pub(super) notes: Vec<String>,
}

#[derive(Debug)]
struct Value {
    text: String,
    /// Where it stands: an option, a variable, a service.
    source: String,
}

impl Settings {
    /// Puts everything together; `source` is where the pairs stand.
    ///
    /// # Errors
    /// An option that is not taken, or a service that is not defined; 104.
    pub(super) fn gather(pairs: Vec<Pair>, source: &str, around: &Surroundings) -> Result<Self, Failure> {
        let mut settings = Self::default();
        settings.take(pairs, source, |_| true)?;
        let service = settings.text("service").or(around.variable("PGSERVICE")).map(str::to_owned);
        if let Some(name) = service {
            let source = format!("the service '{name}'");
            let pairs = service::read(&name, around)
                .map_err(|reason| Failure::configuration(format!("{source} {reason}")))?;
            let given: Vec<&str> = settings.found.keys().copied().collect();
            settings.take(pairs, &source, |keyword| !given.contains(&keyword))?;
        }
        for (keyword, variable) in TAKEN {
            if let (false, Some(text)) = (settings.found.contains_key(keyword), around.variable(variable)) {
                let value = Value { text: text.to_owned(), source: variable.to_owned() };
                settings.found.insert(keyword, value);
            }
        }
        for variable in variables_not_taken(|name| around.variable(name)) {
            settings.notes.push(format!(
                "the variable {variable} is set and is not taken here: unset it, or do not rely on it"
            ));
        }
        Ok(settings)
    }

    fn take(
        &mut self,
        pairs: Vec<Pair>,
        source: &str,
        wanted: impl Fn(&'static str) -> bool,
    ) -> Result<(), Failure> {
        for (index, (keyword, value)) in pairs.into_iter().enumerate() {
            // libpq does so too, for what is pasted from JDBC.
            let (keyword, value) = match (keyword.as_str(), value.as_str()) {
                ("ssl", "true") => ("sslmode".to_owned(), "require".to_owned()),
                _ => (keyword, value),
            };
            match meaning(&keyword, &value, source, index + 1)? {
                Meaning::Taken(known) if wanted(known) => {
                    self.found.insert(known, Value { text: value, source: source.to_owned() });
                }
                Meaning::Taken(_) | Meaning::Nothing => {}
            }
        }
        Ok(())
    }

    /// A value that is not empty.
    pub(super) fn text(&self, keyword: &str) -> Option<&str> {
        self.found.get(keyword).map(|value| value.text.as_str()).filter(|text| !text.is_empty())
    }

    /// Where the value of a keyword stands, as the beginning of a sentence: `sslmode in --postgres`.
    pub(super) fn named(&self, keyword: &str) -> String {
        let source = self.found.get(keyword).map(|value| value.source.as_str());
        match source {
            Some(source) if source.starts_with("PG") => source.to_owned(),
            Some(source) => format!("{keyword} in {source}"),
            None => keyword.to_owned(),
        }
    }

    /// A mistake in the value of a keyword. The value is not shown: a part of a password may stand in its place.
    pub(super) fn mistake(&self, keyword: &str, says: &str) -> Failure {
        Failure::configuration(format!("{} {says}", self.named(keyword)))
    }

    /// One of some words.
    ///
    /// # Errors
    /// It is none of them; 104.
    pub(super) fn choice<T: Copy>(&self, keyword: &str, choices: &[(&str, T)]) -> Result<Option<T>, Failure> {
        let Some(text) = self.text(keyword) else { return Ok(None) };
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice);
        found.map(Some).ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.mistake(keyword, &format!("is none of {}: write one of them", names.join(", ")))
        })
    }

    /// A whole number.
    ///
    /// # Errors
    /// It is none; 104.
    pub(super) fn number<T: FromStr>(&self, keyword: &str, allowed: &str) -> Result<Option<T>, Failure> {
        let parsed = self.text(keyword).map(|text| text.trim().parse());
        parsed.transpose().map_err(|_| self.mistake(keyword, &format!("is not {allowed}: correct it")))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_string_comes_before_the_service_and_that_before_variables() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("services");
        fs::write(&file, "[shop]\nhost=of-service\nuser=of-service\nport=5433\n").expect("written");
        let file = file.display().to_string();
        let variables = [
            ("PGSERVICEFILE", file.as_str()),
            ("PGHOST", "of-variable"),
            ("PGPORT", "5434"),
            ("PGDATABASE", "of-variable"),
            ("PGREQUIREAUTH", "scram-sha-256"),
        ];
        let around = Surroundings::of_test(&variables, None);
        let pairs = |text: &[(&str, &str)]| text.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let with = pairs(&[("host", "of-text"), ("service", "shop")]);
        let settings = Settings::gather(with, "--postgres", &around).expect("good");
        let all = ["host", "user", "port", "dbname", "passfile"].map(|keyword| settings.text(keyword));
        assert_eq!(all, [Some("of-text"), Some("of-service"), Some("5433"), Some("of-variable"), None]);
        assert_eq!(settings.named("port"), "port in the service 'shop'");
        assert_eq!(settings.named("dbname"), "PGDATABASE");
        assert!(settings.notes.iter().any(|note| note.contains("PGREQUIREAUTH")), "{:?}", settings.notes);
        let failure =
            Settings::gather(pairs(&[("service", "none")]), "--postgres", &around).expect_err("undefined");
        assert!(failure.sentence.starts_with("the service 'none' is not defined"), "{failure}");
    }

    #[test]
    fn a_value_that_is_not_understood_is_not_shown() {
        let around = Surroundings::of_test(&[("PGSSLMODE", "s3cret")], None);
        let pairs = vec![("port".to_owned(), "s3cret".to_owned())];
        let settings = Settings::gather(pairs, "--postgres", &around).expect("good so far");
        let port = settings.number::<u16>("port", "a number from 1 to 65535").expect_err("no number");
        assert_eq!(port.sentence, "port in --postgres is not a number from 1 to 65535: correct it");
        let mode = settings.choice("sslmode", &[("disable", 1), ("require", 2)]).expect_err("no mode");
        assert_eq!(mode.sentence, "PGSSLMODE is none of disable, require: write one of them");
    }

    #[test]
    fn jdbcs_ssl_is_sslmode_require_as_in_libpq() {
        let pairs = vec![("ssl".to_owned(), "true".to_owned())];
        let settings = Settings::gather(pairs, "--postgres", &Surroundings::default()).expect("good");
        assert_eq!(settings.text("sslmode"), Some("require"));
    }
}
