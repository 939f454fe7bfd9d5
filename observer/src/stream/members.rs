//! Why no server of a replica set can be chosen: each host of the URI is asked alone what it is.
//!
//! The driver only says that none suits. Behind that are causes which no waiting helps against: another set name than the
//! URI's, a server that is no member of any set, names of members that mean nothing where the observer runs.

use std::time::Duration;

use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{ClientOptions, ServerAddress};
use streamgauge_shared::exit_code::Failure;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::server::{MongoAddress, StartError};

/// How long one host may take, to answer or to be connected to.
const HOST_MAX: Duration = Duration::from_millis(1_500);
/// Hosts that are asked, and members that are tried; more of them say nothing more.
const HOSTS_MAX: usize = 3;

/// What a host said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    /// It was started without a replica set.
    Standalone,
    /// It was started for one, and that was not set up.
    NotInitiated,
    /// It belongs to one.
    Member {
        /// The set's name.
        set: String,
        /// What the set calls its members: `host:port`.
        members: Vec<String>,
        /// Whether it knows of a primary.
        has_primary: bool,
    },
    /// It is no member and routes to a cluster.
    Router,
}

/// A host of the URI that answers.
struct Host {
    name: String,
    said: Said,
    /// Of its set's members those that can be connected to from here; nothing where that was not tried.
    reached: usize,
}

impl Said {
    fn read(hello: &Document) -> Self {
        if hello.get_str("msg").is_ok_and(|kind| kind == "isdbgrid") {
            return Self::Router;
        }
        let Ok(set) = hello.get_str("setName") else {
            let waits = hello.get_bool("isreplicaset").unwrap_or(false);
            return if waits { Self::NotInitiated } else { Self::Standalone };
        };
        let names = |field: &str| hello.get_array(field).into_iter().flatten();
        let members = ["hosts", "passives"].into_iter().flat_map(names);
        Self::Member {
            set: set.to_owned(),
            members: members.filter_map(|name| name.as_str().map(str::to_owned)).collect(),
            has_primary: hello.contains_key("primary"),
        }
    }
}

impl MongoAddress {
    /// What an error means, with the hosts asked for the cause where the driver could choose none.
    pub(crate) async fn explain(&self, error: &Error) -> StartError {
        if !matches!(error.kind.as_ref(), ErrorKind::ServerSelection { .. }) {
            return self.start_error(error);
        }
        let Ok(options) = self.options().await else { return self.start_error(error) };
        let wanted = options.repl_set_name.clone();
        let mut found = Vec::new();
        for name in options.hosts.iter().take(HOSTS_MAX) {
            let Some(said) = ask(&options, name).await else { continue };
            let members = if let Said::Member { members, .. } = &said { members.as_slice() } else { &[] };
            let reached = reachable(members).await;
            found.push(Host { name: name.to_string(), said, reached });
        }
        self.cause(wanted.as_deref(), &found).unwrap_or_else(|| self.start_error(error))
    }

    /// What stands in the way, by what the hosts say; nothing where they say nothing against it.
    fn cause(&self, wanted: Option<&str>, hosts: &[Host]) -> Option<StartError> {
        let told = |host: &Host| {
            let name = &host.name;
            match &host.said {
                Said::Standalone => Some(StartError::Fatal(Failure::run(self.no_replica_set()))),
                Said::NotInitiated => Some(StartError::NotUp(self.not_initiated())),
                Said::Router => wanted.map(|wanted| {
                    StartError::Fatal(Failure::run(format!(
                        "--mongo '{self}' says replicaSet={wanted}, and {name} is a mongos, which belongs to no replica set: remove replicaSet"
                    )))
                }),
                Said::Member { set, .. } if wanted.is_some_and(|wanted| wanted != set) => {
                    let wanted = wanted.unwrap_or_default();
                    Some(StartError::Fatal(Failure::run(format!(
                        "--mongo '{self}' says replicaSet={wanted}, and the replica set of {name} is called '{set}': say replicaSet={set}, or add directConnection=true in its place to use that host alone"
                    ))))
                }
                Said::Member { set, members, .. } if host.reached == 0 && !members.is_empty() => {
                    Some(StartError::NotUp(format!(
                        "MongoDB at {name} answers, and its replica set '{set}' calls its members {}, none of which can be connected to from here: make these names and ports known here, or add directConnection=true to --mongo '{self}' to use {name} alone",
                        members.join(", ")
                    )))
                }
                Said::Member { set, has_primary: false, .. } => Some(StartError::NotUp(format!(
                    "the replica set '{set}' of --mongo '{self}' has no primary at the moment, as {name} says: it needs most of its members"
                ))),
                Said::Member { .. } => None,
            }
        };
        hosts.iter().find_map(told)
    }

    pub(super) fn not_initiated(&self) -> String {
        format!(
            "the mongod of --mongo '{self}' was started with --replSet, and its set has not been set up: run rs.initiate() once"
        )
    }
}

/// What a host says of itself, without a user: `hello` needs none. Nothing where it does not answer.
async fn ask(options: &ClientOptions, host: &ServerAddress) -> Option<Said> {
    let mut options = options.clone();
    options.hosts = vec![host.clone()];
    options.direct_connection = Some(true);
    options.repl_set_name = None;
    options.credential = None;
    options.server_selection_timeout = Some(HOST_MAX);
    options.connect_timeout = Some(HOST_MAX);
    let client = Client::with_options(options).ok()?;
    let answer = timeout(HOST_MAX, client.database("admin").run_command(doc! { "hello": 1 })).await;
    client.shutdown().immediate(true).await;
    Some(Said::read(&answer.ok()?.ok()?))
}

/// How many of these can be connected to.
async fn reachable(members: &[String]) -> usize {
    let mut reached = 0;
    for member in members.iter().take(HOSTS_MAX) {
        let connected = timeout(HOST_MAX, TcpStream::connect(member)).await;
        reached += usize::from(matches!(connected, Ok(Ok(_))));
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(wanted: Option<&str>, hello: Document, reached: usize) -> Option<(bool, String)> {
        let address = MongoAddress::parse("mongodb://u:s3cret@db:27017/shop", None).await.expect("a URI");
        let host = Host { name: "db:27017".into(), said: Said::read(&hello), reached };
        let told = address.cause(wanted, &[host])?;
        let (fatal, sentence) = match told {
            StartError::Fatal(failure) => (true, failure.sentence),
            StartError::NotUp(reason) => (false, reason),
        };
        assert!(!sentence.contains("s3cret") && !sentence.contains("cannot be reached"), "{sentence}");
        Some((fatal, sentence))
    }

    fn member() -> Document {
        doc! { "setName": "rs1", "hosts": ["mongo-0:27017", "mongo-1:27017"], "primary": "mongo-0:27017" }
    }

    #[tokio::test]
    async fn each_cause_is_named_with_the_host_and_the_way_out() {
        let cases = [
            (
                Some("rs0"),
                member(),
                2,
                true,
                "says replicaSet=rs0, and the replica set of db:27017 is called 'rs1'",
            ),
            (
                Some("rs1"),
                member(),
                0,
                false,
                "members mongo-0:27017, mongo-1:27017, none of which can be connected to",
            ),
            (None, member(), 0, false, "add directConnection=true"),
            (
                None,
                doc! { "setName": "rs1", "hosts": ["a:1"], "secondary": true },
                1,
                false,
                "has no primary",
            ),
            (Some("rs0"), doc! { "isWritablePrimary": true }, 0, true, "standalone"),
            (Some("rs0"), doc! { "isreplicaset": true }, 0, false, "run rs.initiate() once"),
            (Some("rs0"), doc! { "msg": "isdbgrid" }, 0, true, "is a mongos"),
        ];
        for (wanted, hello, reached, is_fatal, says) in cases {
            let (fatal, sentence) = told(wanted, hello, reached).await.expect("a cause");
            assert_eq!(fatal, is_fatal, "{sentence}");
            assert!(sentence.contains(says), "'{says}' is missing: {sentence}");
        }
    }

    #[tokio::test]
    async fn a_set_that_is_as_it_should_be_has_no_cause() {
        assert_eq!(told(Some("rs1"), member(), 1).await, None);
        assert_eq!(told(None, doc! { "msg": "isdbgrid" }, 0).await, None);
    }

    #[tokio::test]
    async fn members_are_tried_one_by_one() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let here = listener.local_addr().expect("bound").to_string();
        assert_eq!(reachable(&[here, "127.0.0.1:1".into(), "no-such-host.invalid:27017".into()]).await, 1);
    }
}
