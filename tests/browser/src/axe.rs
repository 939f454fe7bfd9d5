//! axe-core's rules of accessibility, all of them: those of WCAG and those of good practice.

use std::fmt;
use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::Browser;

/// What axe-core finds in a document; WebDriver adds the function that takes the answer.
const RUN: &str = "
    const done = arguments[arguments.length - 1];
    axe.run(document, { resultTypes: ['violations'] })
      .then(found => done({ violations: found.violations, passes: found.passes.length }))
      .catch(error => done({ error: String(error) }));";

/// A rule that the page breaks.
#[derive(Clone, Debug)]
pub struct AccessibilityFault {
    /// axe-core's name of the rule.
    pub rule: String,
    /// What it asks for.
    pub help: String,
    /// Where: the element as it stands in the document, and why it breaks the rule.
    pub places: Vec<String>,
}

impl fmt::Display for AccessibilityFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.help)?;
        self.places.iter().try_for_each(|place| write!(f, "\n    {place}"))
    }
}

impl Browser {
    /// The rules that the page as it stands breaks.
    ///
    /// # Errors
    /// When axe-core is not there or cannot look at the page.
    pub async fn accessibility(&self) -> Result<Vec<AccessibilityFault>> {
        let path = self.folder.join("axe.min.js");
        let source = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
        if self.ask("return typeof axe === 'undefined'", vec![]).await? == json!(true) {
            // A script of the driver is under no policy of the page, and its names would be its own.
            self.ask(&format!("{source}\nwindow.axe = axe;"), vec![]).await?;
        }
        let found = self.driver.execute_async(RUN, vec![]).await?.json().clone();
        if let Some(error) = found["error"].as_str() {
            anyhow::bail!("axe-core could not look at the page: {error}");
        }
        anyhow::ensure!(found["passes"].as_u64() > Some(0), "axe-core looked at nothing");
        Ok(found["violations"].as_array().into_iter().flatten().map(fault).collect())
    }
}

fn fault(found: &Value) -> AccessibilityFault {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let place = |node: &Value| {
        let why = node["failureSummary"].as_str().unwrap_or_default().replace('\n', " ");
        format!("{}: {why}", text(&node["html"]))
    };
    AccessibilityFault {
        rule: text(&found["id"]),
        help: text(&found["help"]),
        places: found["nodes"].as_array().into_iter().flatten().map(place).collect(),
    }
}
