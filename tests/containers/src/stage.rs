//! A testbed on the host, a network from which containers reach it, and a volume for the observer's runs.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use streamgauge_shared::report::Report;
use streamgauge_testbed::Testbed;

use crate::{Network, Volume};

/// What the containers of a test have around them.
pub struct Stage {
    /// Where they reach each other and the servers.
    pub network: Network,
    /// The servers, on loopback and on the bridge, with passwords on both; the relay holds each row for 20 ms.
    pub bed: Testbed,
    /// For the observer's runs.
    pub volume: Volume,
    /// The file with the token that writer and observer share.
    pub token: PathBuf,
}

impl Stage {
    /// Starts all of it; the token lies in a folder of the test's that containers may read.
    ///
    /// # Errors
    /// When podman or the servers cannot be started.
    pub async fn start(own: &Path) -> Result<Self> {
        let network = Network::create().await?;
        let rules = std::env::temp_dir().join(format!("streamgauge-hba-{}", std::process::id()));
        let bed = testbed(&network, &rules).await;
        fs::remove_file(&rules)?;
        let bed = bed?;
        let token = own.join("token");
        fs::write(&token, "a-token-of-this-test-alone-0123456789")?;
        fs::set_permissions(&token, Permissions::from_mode(0o644))?;
        Ok(Self { volume: Volume::create().await?, network, bed, token })
    }

    /// PostgreSQL as a container names it.
    #[must_use]
    pub fn postgres(&self) -> String {
        self.bed.postgres_url().replace("127.0.0.1", &self.network.gateway)
    }

    /// MongoDB as a container names it: the set calls itself by loopback, so it is not asked for its members.
    #[must_use]
    pub fn mongo(&self) -> String {
        let uri = self.bed.mongo_uri().replace("127.0.0.1", &self.network.gateway);
        uri.replace("replicaSet=testbed", "directConnection=true")
    }

    /// The run of this id in the observer's volume.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn report(&self, run: &str) -> Result<Report> {
        for entry in fs::read_dir(&self.volume.folder)? {
            let folder = entry?.path();
            if folder.extension().is_none() && folder.to_string_lossy().ends_with(run) {
                return Ok(serde_json::from_str(&fs::read_to_string(folder.join("report.json"))?)?);
            }
        }
        bail!("no folder of run {run} in {}", self.volume.folder.display())
    }
}

async fn testbed(network: &Network, rules: &Path) -> Result<Testbed> {
    fs::write(
        rules,
        "host all all 0.0.0.0/0 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n",
    )?;
    fs::set_permissions(rules, Permissions::from_mode(0o644))?;
    Testbed::builder()
        .delay(Duration::from_millis(20))
        .postgres_setting("listen_addresses", format!("127.0.0.1,{}", network.gateway))
        .postgres_setting("hba_file", rules.display().to_string())
        .mongo_auth()
        .mongo_also_on(&network.gateway)
        .start()
        .await
}
