//! One browser with one tab.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use streamgauge_testbed::{Process, Program, Testbed, wait_for};
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumLikeCapabilities, LoggingPrefsLogLevel};

use crate::driver_client::DriverClient;

/// Names the folder that `tools.sh` makes.
const FOLDER_VARIABLE: &str = "STREAMGAUGE_BROWSER";
/// How long the driver and the browser may take to start on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a page may take until it shows what a test waits for.
pub(crate) const SHOWN_LIMIT: Duration = Duration::from_secs(20);
/// No sandbox: it needs rights that a container lacks, and only our own pages are opened. Nothing of the browser's own
/// is to be in its log of requests.
const ARGUMENTS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
];
/// Runs in each document before its own scripts: what the console does not say by itself.
const WATCH: &str = "document.addEventListener('securitypolicyviolation', event =>
  console.error(`content security policy: ${event.violatedDirective} stopped ${event.blockedURI}`));";

/// A running browser.
pub struct Browser {
    pub(crate) driver: WebDriver,
    pub(crate) folder: PathBuf,
    process: Process,
}

impl Browser {
    /// Starts driver and browser; both end with the testbed.
    ///
    /// # Errors
    /// When they have not been fetched, or do not start.
    pub async fn start(bed: &Testbed) -> Result<Self> {
        static STARTED: AtomicU32 = AtomicU32::new(1);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = env::var_os(FOLDER_VARIABLE)
            .map(PathBuf::from)
            .with_context(|| format!("{FOLDER_VARIABLE} is not set: run make browser-test"))?;
        let own = bed.folder().join(format!("browser-{number}"));
        std::fs::create_dir(&own)?;
        let own = own.display().to_string();
        let program = Program::new(format!("chromedriver-{number}"), folder.join("bin/chromedriver"))
            .args(["--port=0"])
            .env("HOME", &own)
            .env("TMPDIR", &own);
        let process = bed.run(program).await?;
        let port = wait_for("the browser's driver", START_LIMIT, || async {
            let said = process.stdout();
            let port = said.split("successfully on port ").nth(1).and_then(|rest| rest.split('.').next());
            port.and_then(|port| port.parse::<u16>().ok()).ok_or_else(|| process.tail())
        })
        .await?;
        let mut wanted = DesiredCapabilities::chrome();
        wanted.set_binary(&folder.join("bin/chromium").display().to_string())?;
        for argument in ARGUMENTS {
            wanted.add_arg(argument)?;
        }
        wanted.add_arg(&format!("--user-data-dir={own}/profile"))?;
        for log in ["browser", "performance"] {
            wanted.set_logging_prefs(log, LoggingPrefsLogLevel::All)?;
        }
        let session = WebDriver::builder(format!("http://127.0.0.1:{port}"), wanted).client(DriverClient);
        let driver = tokio::time::timeout(START_LIMIT, session).await.context("no browser in time")??;
        let browser = Self { driver, folder, process };
        browser.command("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCH })).await?;
        // The page that the browser shows by itself has requests of its own in the log: leave it, and forget them.
        browser.open("about:blank").await?;
        drop(browser.health().await?);
        Ok(browser)
    }

    /// Opens an address and waits until it has loaded.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(&self, address: &str) -> Result<()> {
        self.driver.goto(address).await.with_context(|| format!("cannot open {address}"))
    }

    /// Opens a file of this machine.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_file(&self, path: &Path) -> Result<()> {
        let path = path.canonicalize().with_context(|| format!("no {}", path.display()))?;
        self.open(&format!("file://{}", path.display())).await
    }

    /// What a script returns: the body of a function of `arguments`.
    ///
    /// # Errors
    /// When it fails.
    pub async fn ask(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        let answer = self.driver.execute(script, arguments).await;
        Ok(answer.with_context(|| format!("in the page: {script}"))?.json().clone())
    }

    /// The text of each element that a CSS selector finds, as the document has it: hidden ones too.
    ///
    /// # Errors
    /// When the page cannot be asked.
    pub async fn texts(&self, selector: &str) -> Result<Vec<String>> {
        let script = "return [...document.querySelectorAll(arguments[0])].map(one => one.textContent)";
        let texts = self.ask(script, vec![json!(selector)]).await?;
        Ok(serde_json::from_value(texts)?)
    }

    /// All that a person reads on the page.
    ///
    /// # Errors
    /// When the page cannot be asked.
    pub async fn visible_text(&self) -> Result<String> {
        let text = self.ask("return document.body.innerText", vec![]).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until a script returns something that is true.
    ///
    /// # Errors
    /// When it does not in time, with what it returned last.
    pub async fn wait_until(&self, what: &str, script: &str) -> Result<Value> {
        wait_for(what, SHOWN_LIMIT, || async {
            match self.ask(script, vec![]).await {
                Ok(Value::Null | Value::Bool(false)) => Err("not so".to_owned()),
                Ok(value) if value == json!(0) || value == json!("") => Err(value.to_string()),
                Ok(value) => Ok(value),
                Err(error) => Err(format!("{error:#}")),
            }
        })
        .await
    }

    /// A command of Chromium's own protocol.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn command(&self, name: &str, parameters: Value) -> Result<Value> {
        self.driver.cdp().send_raw(name, parameters).await.with_context(|| name.to_owned())
    }

    /// The cookies that the browser keeps for the page, as WebDriver describes them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn cookies(&self) -> Result<Vec<Value>> {
        let cookies = self.driver.get_all_cookies().await?;
        cookies.iter().map(|cookie| Ok(serde_json::to_value(cookie)?)).collect()
    }

    /// Ends browser and driver.
    ///
    /// # Errors
    /// When the browser does not end by itself.
    pub async fn stop(self) -> Result<()> {
        self.driver.quit().await?;
        self.process.kill_9().await?;
        if self.process.is_running() {
            bail!("the driver goes on");
        }
        Ok(())
    }
}
