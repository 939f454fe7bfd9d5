//! TLS with a real PostgreSQL that was built with OpenSSL: each `sslmode`, certificates that are not good enough, a
//! client's own certificate, channel binding; and that no secret of a run is to be seen anywhere.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use streamgauge_end_to_end::certificates::{Authority, Signed};
use streamgauge_end_to_end::{Finished, Observer, finish, runs, scenario, serve, writer};
use streamgauge_testbed::{Program, ServerTls, Testbed, wait_for};

const LIMIT: Duration = Duration::from_secs(30);
/// Whom `pg_hba.conf` lets in, and how; everybody else with and without TLS.
const HBA: &str = "hostssl all secure 127.0.0.1/32 scram-sha-256\n\
    hostnossl all open 127.0.0.1/32 scram-sha-256\n\
    hostssl all certified 127.0.0.1/32 cert\n\
    host all secure,open,certified 127.0.0.1/32 reject\n\
    host all all 127.0.0.1/32 scram-sha-256\n";
const ROLES: &str = "CREATE ROLE secure LOGIN PASSWORD 's3cret'; CREATE ROLE open LOGIN PASSWORD 's3cret'; CREATE ROLE certified LOGIN";

/// A PostgreSQL whose certificate is for `localhost`, and what a client needs for it, in files.
struct Secured {
    bed: Testbed,
    ours: Authority,
    /// Folder of the client's files.
    folder: tempfile::TempDir,
    host: String,
}

impl Secured {
    async fn start(relay: bool) -> Result<Self> {
        let (ours, theirs) = (Authority::new("ours")?, Authority::new("theirs")?);
        let Signed { certificate, key } = ours.sign("postgres", &["localhost"], false)?;
        let tls = ServerTls { certificate, key, authority: ours.certificate.clone() };
        let folder = tempfile::tempdir()?;
        // PostgreSQL runs as another user and has to read its hba_file.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text)?;
            anyhow::Ok(path)
        };
        let hba = file("hba.conf", &format!("{HBA}host replication all 127.0.0.1/32 scram-sha-256\n"))?;
        file("ours.crt", &ours.certificate)?;
        file("theirs.crt", &theirs.certificate)?;
        let client = ours.sign("certified", &[], false)?;
        file("client.crt", &client.certificate)?;
        fs::set_permissions(file("client.key", &client.key)?, Permissions::from_mode(0o600))?;
        let builder =
            Testbed::builder().postgres_tls(tls).postgres_setting("hba_file", hba.display().to_string());
        let builder = if relay { builder } else { builder.without_relay() };
        let bed = builder.start().await?;
        let port = bed.postgres_url().rsplit(':').next().and_then(|rest| rest.split('/').next());
        let host = format!("127.0.0.1:{}", port.context("no port")?);
        let secured = Self { bed, ours, folder, host };
        secured.batch(ROLES).await?;
        Ok(secured)
    }

    async fn batch(&self, sql: &str) -> Result<()> {
        let (client, connection) =
            tokio_postgres::connect(self.bed.postgres_url(), tokio_postgres::NoTls).await?;
        let connection = tokio::spawn(connection);
        client.batch_execute(sql).await?;
        drop(client);
        connection.await??;
        Ok(())
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The superuser's own string with other options; `localhost` is where the certificate is for.
    fn url(&self, options: &str) -> String {
        format!("{}?{options}", self.bed.postgres_url().replace("127.0.0.1", "localhost"))
    }

    async fn doctor(&self, url: &str) -> Result<Finished> {
        let process = self.bed.run(writer(url, &["doctor", "--json"])?).await?;
        finish(&process, LIMIT).await
    }

    /// What `doctor` says of the way to a PostgreSQL.
    async fn protocol(&self, url: &str) -> Result<String> {
        let done = self.doctor(url).await?;
        let json: Value = serde_json::from_str(&done.stdout).with_context(|| done.stderr.clone())?;
        let all = [&json["passed"], &json["findings"]].into_iter().filter_map(Value::as_array).flatten();
        let found = all.into_iter().find(|finding| finding["code"] == "tls").context("nothing of TLS")?;
        Ok(found["seen"].as_str().unwrap_or_default().to_owned())
    }
}

#[tokio::test]
async fn each_sslmode_means_what_it_means_to_libpq() -> Result<()> {
    let pg = Secured::start(false).await?;
    let (ours, theirs) = (pg.file("ours.crt"), pg.file("theirs.crt"));
    let role = |role: &str, options: &str| format!("postgresql://{role}:s3cret@{}/shop?{options}", pg.host);
    let verify = |root: &str| format!("sslmode=verify-full&sslrootcert={root}");
    for (url, says) in [
        (pg.url(""), "TLSv1.3, the certificate is not checked"),
        (pg.url("sslmode=disable"), "no TLS"),
        (pg.url("sslmode=allow"), "no TLS"),
        (pg.url("sslmode=require"), "TLSv1.3, the certificate is not checked"),
        (
            pg.url(&format!("sslmode=verify-ca&sslrootcert={ours}")),
            "TLSv1.3, the certificate is checked, its name",
        ),
        (pg.url(&verify(&ours)), "TLSv1.3, the certificate is checked and is for this host"),
        (pg.url("sslmode=require&sslnegotiation=direct"), "TLSv1.3"),
        (pg.url("sslmode=require&channel_binding=require"), "TLSv1.3"),
        // Where the server lets a role in one way only, the other is tried after it.
        (role("secure", "sslmode=allow"), "TLSv1.3"),
        (role("open", "sslmode=prefer"), "no TLS"),
        (
            format!(
                "{}&sslcert={}&sslkey={}",
                role("certified", "sslmode=require"),
                pg.file("client.crt"),
                pg.file("client.key")
            ),
            "TLSv1.3",
        ),
        // The first of two places cannot be reached.
        (
            format!(
                "host=127.0.0.1,127.0.0.1 port=9,{} user=secure password=s3cret dbname=shop",
                pg.host.rsplit(':').next().unwrap_or_default()
            ),
            "TLSv1.3",
        ),
    ] {
        let seen = pg.protocol(&url).await.context(url.clone())?;
        assert!(seen.starts_with(says), "{url}: {seen}");
    }
    let elsewhere =
        format!("{}&hostaddr=127.0.0.1", pg.url(&verify(&ours)).replace("localhost", "other.test"));
    for (url, says) in [
        (pg.url(&verify(&theirs)), "is signed by none of the authorities of sslrootcert="),
        (elsewhere, "its certificate is for localhost, and not for other.test"),
        (pg.url("sslmode=disable&channel_binding=require"), "channel binding"),
        (role("secure", "sslmode=disable"), "(28000); check user and password"),
        (role("certified", "sslmode=require"), "valid client certificate"),
        (role("secure", "sslmode=prefer").replace("s3cret", "s3cret-not"), "(28P01)"),
        (role("secure", "target_session_attrs=standby"), "write any, read-write or primary"),
    ] {
        let refused = pg.doctor(&url).await?;
        assert!(refused.stderr.contains(says), "{says} is missing for {url}: {}", refused.stderr);
        assert!(!refused.stderr.contains("s3cret") && refused.stdout.is_empty(), "{}", refused.stderr);
    }

    // A certificate that runs out while the server runs.
    let late = pg.ours.sign("postgres", &["localhost"], true)?;
    let home = pg.bed.folder().join("postgres");
    fs::write(home.join("server.key"), &late.key)?;
    fs::write(home.join("server.crt"), &late.certificate)?;
    pg.batch("SELECT pg_reload_conf()").await?;
    wait_for("the new certificate", LIMIT, || async {
        let refused = pg.doctor(&pg.url(&verify(&ours))).await.map_err(|error| error.to_string())?;
        if refused.stderr.contains("its certificate has expired; renew it") {
            Ok(())
        } else {
            Err(refused.stderr)
        }
    })
    .await?;
    pg.bed.stop()
}

/// Every text file below a folder.
fn texts(folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(texts(&path)?);
        } else {
            found.push((path.clone(), String::from_utf8_lossy(&fs::read(&path)?).into_owned()));
        }
    }
    Ok(found)
}

/// The secret of a URL.
fn password(url: &str) -> Result<&str> {
    let credentials = url.split_once("://").and_then(|(_, rest)| rest.split_once('@')).context("no login")?.0;
    Ok(credentials.split_once(':').context("no password")?.1)
}

#[tokio::test]
async fn no_secret_of_a_run_is_to_be_seen_and_the_report_names_the_protocol() -> Result<()> {
    let pg = Secured::start(true).await?;
    let secret = password(pg.bed.postgres_url())?.to_owned();
    // MongoDB's password is a name that it does not need: without authentication it is not asked for.
    let mongo = pg.file("mongo");
    fs::write(&mongo, format!("{}\n", pg.bed.mongo_uri()))?;
    let program = serve("", "127.0.0.1:0", &runs(&pg.bed), &["--mongo-file", &mongo, "--once"])?;
    let mut program = Program { unset: vec!["STREAMGAUGE_MONGO".into()], ..program };
    program.env.remove("STREAMGAUGE_MONGO");
    let observer = Observer::start_program(&pg.bed, program).await?;

    let url = pg.url(&format!("sslmode=verify-full&sslrootcert={}", pg.file("ours.crt")));
    let postgres = pg.file("postgres");
    fs::write(&postgres, url.replace(&format!(":{secret}@"), "@"))?;
    let path = scenario(&pg.bed, 50, 2)?.display().to_string();
    let args = ["run", &path, "--prepare", "--observer", &observer.address, "--postgres-file", &postgres];
    let mut program = writer("", &args)?.env("PGPASSWORD", &secret).env("STREAMGAUGE_LOG", "debug");
    program.env.remove("STREAMGAUGE_POSTGRES");
    program.unset.push("STREAMGAUGE_POSTGRES".into());
    let run = pg.bed.run(program).await?;

    for process in [&run, &observer.process] {
        let proc = PathBuf::from(format!("/proc/{}", process.pid()));
        wait_for("core files to be off", LIMIT, || async {
            let limits = fs::read_to_string(proc.join("limits")).map_err(|error| error.to_string())?;
            let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default();
            let both = line.split_whitespace().skip(4).take(2).collect::<Vec<_>>();
            if both == ["0", "0"] { Ok(()) } else { Err(limits) }
        })
        .await?;
        let shown = fs::read_to_string(proc.join("cmdline"))? + &fs::read_to_string(proc.join("comm"))?;
        assert!(shown.contains("-file") && !shown.contains(&secret), "{shown}");
    }
    let finished = finish(&run, LIMIT).await?;
    let report = observer.report().with_context(|| finished.stderr.clone())?;
    assert_eq!(report.account.delivered, 200, "{}\n{}", finished.stdout, finished.stderr);
    assert_eq!(report.run.versions.get("postgres_tls").map(String::as_str), Some("TLSv1.3"));
    let output = [&finished.stdout, &finished.stderr, &observer.process.stdout(), &observer.process.stderr()];
    assert!(output.iter().all(|text| !text.contains(&secret)), "{output:?}");
    let kept = texts(&observer.runs)?;
    assert!(kept.iter().any(|(path, _)| path.ends_with("report.json")), "{kept:?}");
    for (path, text) in kept {
        assert!(!text.contains(&secret), "{} holds the password", path.display());
    }
    pg.bed.stop()
}
