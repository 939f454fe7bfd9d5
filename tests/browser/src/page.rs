//! What the observer's page says of itself: the ids and attributes that `observer/src/page/mod.rs` promises.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use streamgauge_testbed::wait_for;

use crate::printed::holds;
use crate::session::SHOWN_LIMIT;
use crate::{Browser, Look};

/// A figure of a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Figure {
    /// Its JSON pointer in the report.
    pub pointer: String,
    /// What a person reads.
    pub text: String,
}

impl Browser {
    /// The figures of the document that is open, each with its place in the report.
    ///
    /// # Errors
    /// When the page cannot be asked.
    pub async fn figures(&self) -> Result<Vec<Figure>> {
        let script = "return [...document.querySelectorAll('[data-figure]')]
            .map(one => [one.dataset.figure, one.textContent.trim()])";
        let found: Vec<(String, String)> = serde_json::from_value(self.ask(script, vec![]).await?)?;
        Ok(found.into_iter().map(|(pointer, text)| Figure { pointer, text }).collect())
    }

    /// That each figure of the document is that of a report, given as JSON: in words and, where the number stands beside
    /// them, to the digit. Returns their pointers.
    ///
    /// # Errors
    /// With all that differ.
    pub async fn shows(&self, json: &str) -> Result<Vec<String>> {
        let report: Value = serde_json::from_str(json)?;
        let figures = self.figures().await?;
        let wrong = figures.iter().filter_map(|figure| holds(&report, &figure.pointer, &figure.text).err());
        let mut wrong: Vec<String> = wrong.map(|error| format!("{error:#}")).collect();
        // The browser reads numbers exactly.
        let digits = "const report = JSON.parse(arguments[0]);
            const at = pointer => pointer.split('/').slice(1).reduce((value, name) => value?.[name], report);
            return [...document.querySelectorAll('[data-figure][data-value]')]
              .filter(one => Number(one.dataset.value) !== at(one.dataset.figure))
              .map(one => `${one.dataset.figure}: data-value ${one.dataset.value}, in the report ${at(one.dataset.figure)}`)";
        let differing: Vec<String> = serde_json::from_value(self.ask(digits, vec![json.into()]).await?)?;
        wrong.extend(differing);
        anyhow::ensure!(
            wrong.is_empty(),
            "{} of {} figures are wrong: {wrong:#?}",
            wrong.len(),
            figures.len()
        );
        Ok(figures.into_iter().map(|figure| figure.pointer).collect())
    }

    /// The run that the page shows, and its state: before, running or over.
    ///
    /// # Errors
    /// When the page cannot be asked.
    pub async fn state(&self) -> Result<(String, String)> {
        let state = self
            .ask("const of = document.body.dataset; return [of.run ?? '', of.state ?? '']", vec![])
            .await?;
        Ok(serde_json::from_value(state)?)
    }

    /// Waits until the page, by itself, shows this state of this run; an empty id is any run.
    ///
    /// # Errors
    /// When it does not in time, with what it shows.
    pub async fn wait_for_state(&self, run: &str, state: &str) -> Result<String> {
        wait_for(&format!("the page to show the state {state}"), SHOWN_LIMIT, || async {
            let seen = self.state().await.map_err(|error| format!("{error:#}"))?;
            let is_it = seen.1 == state && (run.is_empty() || seen.0 == run);
            if is_it { Ok(seen.0) } else { Err(format!("{seen:?}")) }
        })
        .await
    }

    /// What is wrong with the document that is open, whoever looks at it: rules of accessibility that are broken, dark
    /// and light, and what is too wide for a phone.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub async fn faults(&self) -> Result<Vec<String>> {
        let mut faults = Vec::new();
        for scheme in crate::Scheme::ALL {
            self.look(Look::desktop(scheme)).await?;
            let found = self.accessibility().await?;
            faults.extend(found.iter().map(|fault| format!("{}: {fault}", scheme.name())));
        }
        self.look(Look::phone(crate::Scheme::Dark)).await?;
        faults.extend(self.overflow().await?);
        let found = self.accessibility().await?;
        faults.extend(found.iter().map(|fault| format!("on a phone: {fault}")));
        self.look(Look::desktop(crate::Scheme::Light)).await?;
        Ok(faults)
    }

    /// Whether the page is still the document that [`Self::mark`] marked.
    ///
    /// # Errors
    /// When the page cannot be asked.
    pub async fn is_marked(&self) -> Result<bool> {
        Ok(self.ask("return window.streamgaugeTest === true", vec![]).await? == json!(true))
    }

    /// Marks the document: a page that was loaded anew has lost it.
    ///
    /// # Errors
    /// When the page cannot be asked.
    pub async fn mark(&self) -> Result<()> {
        self.ask("window.streamgaugeTest = true", vec![]).await.map(drop)
    }

    /// The text of the only element with this figure.
    ///
    /// # Errors
    /// When there is none.
    pub async fn figure(&self, pointer: &str) -> Result<String> {
        let figures = self.figures().await?.into_iter();
        let found = figures.filter(|figure| figure.pointer == pointer).map(|figure| figure.text).next();
        found.with_context(|| format!("the page does not show {pointer}"))
    }
}
