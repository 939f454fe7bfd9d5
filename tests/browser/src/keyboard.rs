//! The page without a mouse.

use anyhow::Result;
use serde_json::Value;
use thirtyfour::Key;

use crate::Browser;

/// Names an element, so that a message can be read.
const NAME: &str = "const name = one => `${one.tagName.toLowerCase()} ${one.id || one.getAttribute('name') || one.getAttribute('href') || ''} '${(one.getAttribute('aria-label') || one.textContent).trim().slice(0, 40)}'`;";

impl Browser {
    /// Everything that can be worked, in the order of the document: links, fields, buttons, and what scrolls by the
    /// arrow keys.
    ///
    /// # Errors
    /// When the page cannot be asked.
    pub async fn workable(&self) -> Result<Vec<String>> {
        let script = format!(
            "{NAME} return [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]
              .filter(one => one.tabIndex >= 0 && !one.disabled && one.checkVisibility({{ visibilityProperty: true }}))
              // Of a group of radio buttons only the chosen one is a stop.
              .filter(one => one.type !== 'radio' || one.checked)
              .map(name)"
        );
        Ok(serde_json::from_value(self.ask(&script, vec![]).await?)?)
    }

    /// Where the Tab key goes from the beginning of the page, until it leaves it; `most` stops. An element that does
    /// not show that it has the focus is marked.
    ///
    /// # Errors
    /// When the keys cannot be sent.
    pub async fn tab_stops(&self, most: usize) -> Result<Vec<String>> {
        self.ask("document.activeElement?.blur(); getSelection().removeAllRanges(); scrollTo(0, 0)", vec![])
            .await?;
        let script = format!(
            "{NAME} const one = document.activeElement;
            if (!one || one === document.body || one === document.documentElement) return null;
            const style = getComputedStyle(one);
            const shown = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== 'none';
            return name(one) + (shown ? '' : ' (its focus does not show)');"
        );
        let mut stops = Vec::new();
        while stops.len() < most {
            self.driver.action_chain().send_keys(Key::Tab).perform().await?;
            match self.ask(&script, vec![]).await? {
                Value::String(stop) => stops.push(stop),
                _ => break,
            }
        }
        Ok(stops)
    }
}
