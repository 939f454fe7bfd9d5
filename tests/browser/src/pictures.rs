//! Pictures of what the browser shows.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::Browser;

/// More than any page is to be high, CSS pixels: a picture of it could not be looked at.
const HEIGHT_MAX: u64 = 16_000;

impl Browser {
    /// A picture of the whole document, also of what is below the window.
    ///
    /// # Errors
    /// When it cannot be taken or written.
    pub async fn picture(&self, path: &Path) -> Result<()> {
        let size = self.ask(
            "const root = document.documentElement; return [root.clientWidth, root.scrollHeight]",
            vec![],
        );
        let size: (u64, u64) = serde_json::from_value(size.await?)?;
        let clip = json!({ "x": 0, "y": 0, "width": size.0, "height": size.1.min(HEIGHT_MAX), "scale": 1 });
        let parameters = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        self.kept(path, "Page.captureScreenshot", parameters).await
    }

    /// A PDF of the document as it is printed.
    ///
    /// # Errors
    /// As [`Self::picture`].
    pub async fn printed(&self, path: &Path) -> Result<()> {
        let parameters = json!({ "printBackground": false, "preferCSSPageSize": true, "paperWidth": 8.27, "paperHeight": 11.69 });
        self.kept(path, "Page.printToPDF", parameters).await
    }

    async fn kept(&self, path: &Path, command: &str, parameters: serde_json::Value) -> Result<()> {
        let answer = self.command(command, parameters).await?;
        let data = answer["data"].as_str().context("no picture")?;
        fs::write(path, STANDARD.decode(data)?).with_context(|| path.display().to_string())
    }
}
