//! How the page is looked at: dark or light, wide or narrow, on a screen or on paper.

use anyhow::Result;
use serde_json::json;

use crate::Browser;

/// The colours that a person prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Light letters on a dark ground.
    Dark,
    /// Dark letters on a light ground.
    Light,
}

impl Scheme {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Dark, Self::Light];

    /// As CSS names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
        }
    }
}

/// How the page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Colours.
    pub scheme: Scheme,
    /// CSS pixels.
    pub width: u32,
    /// CSS pixels.
    pub height: u32,
    /// As it is printed.
    pub print: bool,
}

impl Look {
    /// A laptop.
    #[must_use]
    pub fn desktop(scheme: Scheme) -> Self {
        Self { scheme, width: 1280, height: 900, print: false }
    }

    /// A phone held upright.
    #[must_use]
    pub fn phone(scheme: Scheme) -> Self {
        Self { scheme, width: 390, height: 844, print: false }
    }

    /// A sheet of A4 at 96 dots an inch, without its margins of 1 cm.
    #[must_use]
    pub fn paper() -> Self {
        Self { scheme: Scheme::Light, width: 718, height: 1046, print: true }
    }
}

impl Browser {
    /// Looks in this way from now on.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn look(&self, look: Look) -> Result<()> {
        let features = json!([{ "name": "prefers-color-scheme", "value": look.scheme.name() }]);
        let media = if look.print { "print" } else { "screen" };
        self.command("Emulation.setEmulatedMedia", json!({ "media": media, "features": features })).await?;
        let metrics = json!({
            "width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": false
        });
        self.command("Emulation.setDeviceMetricsOverride", metrics).await?;
        Ok(())
    }

    /// What reaches out of the page to the right, one line for each element; nothing where the page fits. An element
    /// that scrolls within itself fits.
    ///
    /// # Errors
    /// When the page cannot be asked.
    pub async fn overflow(&self) -> Result<Vec<String>> {
        let script = "
            const root = document.documentElement;
            if (root.scrollWidth <= root.clientWidth && document.body.scrollWidth <= root.clientWidth) return [];
            return [...document.querySelectorAll('body *')]
              .filter(one => one.getBoundingClientRect().right > root.clientWidth + 0.5)
              .map(one => `${one.tagName}.${one.getAttribute('class')} ends at ${Math.round(one.getBoundingClientRect().right)} of ${root.clientWidth}: ${one.textContent.trim().slice(0, 60)}`);";
        Ok(serde_json::from_value(self.ask(script, vec![]).await?)?)
    }
}
