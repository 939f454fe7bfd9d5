//! What the browser noted by itself: errors of the console, and whom the page talked to.

use anyhow::Result;
use serde_json::Value;

use crate::Browser;

/// What happened since the last look. The logs are emptied by it.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// Warnings and errors of the console, violations of the content security policy among them.
    pub complaints: Vec<String>,
    /// Every address that was asked for.
    pub requests: Vec<String>,
}

impl Health {
    /// The requests that went neither to this address nor into the document itself.
    #[must_use]
    pub fn elsewhere(&self, own: &str) -> Vec<&String> {
        let within = |url: &str| {
            url.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
                || ["data:", "blob:", "about:"].iter().any(|scheme| url.starts_with(scheme))
        };
        self.requests.iter().filter(|url| !within(url)).collect()
    }

    /// That nothing was complained of, and that no request went anywhere but to `own`, of which there was one at least.
    ///
    /// # Errors
    /// What was not so.
    pub fn is_good(&self, own: &str) -> Result<()> {
        anyhow::ensure!(self.complaints.is_empty(), "the console says: {:#?}", self.complaints);
        let elsewhere = self.elsewhere(own);
        anyhow::ensure!(elsewhere.is_empty(), "requests that do not go to {own}: {elsewhere:#?}");
        anyhow::ensure!(!self.requests.is_empty(), "no request was seen at all: the log is not kept");
        Ok(())
    }
}

impl Browser {
    /// What happened since the last look.
    ///
    /// # Errors
    /// When the browser's logs cannot be read.
    pub async fn health(&self) -> Result<Health> {
        let console = self.driver.get_log("browser").await?.into_iter();
        let complaints = console
            .filter(|entry| entry.level == "SEVERE" || entry.level == "WARNING")
            .map(|entry| format!("{} {}: {}", entry.level, entry.source.unwrap_or_default(), entry.message))
            .collect();
        let mut requests = Vec::new();
        for entry in self.driver.get_log("performance").await? {
            let event: Value = serde_json::from_str(&entry.message)?;
            let event = &event["message"];
            let url = match event["method"].as_str() {
                Some("Network.requestWillBeSent") => &event["params"]["request"]["url"],
                Some("Network.webSocketCreated" | "Network.webTransportCreated") => &event["params"]["url"],
                _ => continue,
            };
            requests.push(url.as_str().unwrap_or_default().to_owned());
        }
        Ok(Health { complaints, requests })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_host_is_elsewhere_and_so_is_another_port() {
        let requests =
            ["http://127.0.0.1:80/", "http://127.0.0.1:80?a", "data:,x", "http://127.0.0.1:8080/", "//x/"];
        let health = Health { requests: requests.map(str::to_owned).into(), complaints: Vec::new() };
        assert_eq!(health.elsewhere("http://127.0.0.1:80"), ["http://127.0.0.1:8080/", "//x/"]);
        assert!(Health::default().is_good("http://127.0.0.1:80").is_err());
    }
}
