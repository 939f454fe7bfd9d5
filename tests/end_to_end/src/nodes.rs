//! More MongoDB nodes: the testbed has one, a production set has three, and a majority of three is two disks.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Database};
use streamgauge_testbed::servers::mongo::on_port;
use streamgauge_testbed::servers::port::free_port;
use streamgauge_testbed::{Places, Testbed, wait_for};

/// How long a new node may take to become a secondary.
const LIMIT: Duration = Duration::from_secs(60);

/// Whether a node may be elected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Election {
    /// As good as the testbed's own node.
    Electable,
    /// It votes and never becomes primary: the load always goes to the testbed's own node.
    VotesOnly,
}

/// Adds so many voting members to the testbed's replica set, one after the other as MongoDB wants it, and waits until
/// each is a secondary.
///
/// # Errors
/// When a node does not start or is not taken in.
pub async fn add(bed: &Testbed, count: u32, election: Election) -> Result<()> {
    let priority = match election {
        Election::Electable => 1,
        Election::VotesOnly => 0,
    };
    let mongod = Places::of_this_machine().mongod().await?;
    let client = Client::with_uri_str(bed.mongo_uri()).await?;
    let admin = client.database("admin");
    for number in 1..=count {
        let config = config(&admin).await?;
        let set = config.get_str("_id").context("a replica set without a name")?;
        let port = free_port()?;
        let data = bed.folder().join(format!("mongo-{number}"));
        fs::create_dir(&data)?;
        let program = on_port(&mongod, port, &data)?.args(["--replSet", set, "--oplogSize", "512"]);
        let process = bed.run(program).await?;
        let host = format!("127.0.0.1:{port}");
        let member = doc! { "_id": i64::from(number), "host": &host, "priority": priority, "votes": 1 };
        let taken_in = wait_for("a new MongoDB node to be taken in", LIMIT, || async {
            let wanted = with_member(&admin, member.clone()).await.map_err(|error| format!("{error:#}"))?;
            let reconfig = admin.run_command(doc! { "replSetReconfig": wanted }).await;
            reconfig.map(|_| ()).map_err(|error| error.to_string())
        });
        taken_in.await.with_context(|| process.tail())?;
        let secondary = wait_for("a new MongoDB node to be a secondary", LIMIT, || async {
            let status = admin.run_command(doc! { "replSetGetStatus": 1 }).await;
            let status = status.map_err(|error| error.to_string())?;
            let members = status.get_array("members").map_err(|error| error.to_string())?;
            let is_ready = members.iter().filter_map(Bson::as_document).any(|member| {
                let is = |field, value| member.get_str(field).is_ok_and(|found| found == value);
                is("name", host.as_str()) && is("stateStr", "SECONDARY")
            });
            if is_ready { Ok(()) } else { Err(format!("{members:?}")) }
        });
        secondary.await.with_context(|| process.tail())?;
    }
    client.shutdown().await;
    Ok(())
}

async fn config(admin: &Database) -> Result<Document> {
    let answer = admin.run_command(doc! { "replSetGetConfig": 1 }).await?;
    Ok(answer.get_document("config").context("no configuration of the replica set")?.clone())
}

/// The present configuration with one member more; unchanged but for its version when it is there.
async fn with_member(admin: &Database, member: Document) -> Result<Document> {
    let mut config = config(admin).await?;
    let version = config.get_i32("version").context("a configuration without a version")?;
    config.insert("version", version + 1);
    let members = config.get_array_mut("members").context("a configuration without members")?;
    let is_there =
        members.iter().filter_map(Bson::as_document).any(|other| other.get("host") == member.get("host"));
    if !is_there {
        members.push(member.into());
    }
    Ok(config)
}
