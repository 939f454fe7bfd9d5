//! The MongoDB that is watched: its address without a password, and what must be true of it.

use std::fmt;
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use streamgauge_shared::exit_code::Failure;

/// How long the driver looks for a server; its own default of 30 s is longer than a person waits.
const SERVER_SELECTION_MAX: Duration = Duration::from_secs(5);

/// Where MongoDB is, in a form that can be shown.
#[derive(Clone)]
pub struct MongoAddress {
    uri: String,
    database: String,
    shown: String,
}

/// What a connected MongoDB said of itself.
pub struct Server {
    /// Its version.
    pub version: String,
}

/// Why the server cannot be watched.
#[derive(Debug)]
pub enum StartError {
    /// Not up, or not reachable: worth another try.
    NotUp(String),
    /// It will not get better by waiting.
    Fatal(Failure),
}

impl fmt::Debug for MongoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Display for MongoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl MongoAddress {
    /// Reads `--mongo` and `--database`.
    ///
    /// # Errors
    /// A URI that the driver does not take, or no database in either: 104.
    pub async fn parse(uri: &str, database: Option<&str>) -> Result<Self, Failure> {
        let shown = without_password(uri);
        let options = ClientOptions::parse(uri).await.map_err(|error| {
            let reason = match error.kind.as_ref() {
                // The driver quotes the whole text where it cannot read it: say what is allowed instead.
                ErrorKind::InvalidArgument { message, .. } if !message.contains(uri) => message.clone(),
                ErrorKind::DnsResolve { .. } => "its host name cannot be resolved".to_owned(),
                _ => "it cannot be read".to_owned(),
            };
            Failure::configuration(format!(
                "--mongo '{shown}' is not a MongoDB URI: {}; write for example mongodb://user:password@host:27017/shop",
                without_secret(&reason, uri)
            ))
        })?;
        let database = database.map(str::to_owned).or(options.default_database).ok_or_else(|| {
            Failure::configuration(format!("no database to watch: '{shown}' names none; add it to the URI (…/shop) or give --database shop"))
        })?;
        Ok(Self { uri: uri.to_owned(), database, shown })
    }

    /// The database that is watched.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// A new client of its own; it belongs to the runtime it is made on.
    ///
    /// # Errors
    /// The driver's.
    pub async fn connect(&self) -> Result<Database, Error> {
        let mut options = ClientOptions::parse(&self.uri).await?;
        options.server_selection_timeout = Some(SERVER_SELECTION_MAX);
        options.connect_timeout.get_or_insert(SERVER_SELECTION_MAX);
        options.app_name.get_or_insert_with(|| "streamgauge-observer".to_owned());
        Ok(Client::with_options(options)?.database(&self.database))
    }

    /// Asks the server what it is: `hello`, `buildInfo`, and whether a change stream can be opened.
    /// These are the only questions besides the change stream itself.
    ///
    /// # Errors
    /// [`StartError::NotUp`] while it may still come up; [`StartError::Fatal`] for wrong credentials, no
    /// replica set, no permission.
    pub async fn ask(&self) -> Result<Server, StartError> {
        let database = self.connect().await.map_err(|error| self.start_error(&error))?;
        let hello =
            database.run_command(doc! { "hello": 1 }).await.map_err(|error| self.start_error(&error))?;
        if !hello.contains_key("setName") && hello.get_str("msg").ok() != Some("isdbgrid") {
            return Err(StartError::Fatal(Failure::run(self.no_replica_set())));
        }
        let info =
            database.run_command(doc! { "buildInfo": 1 }).await.map_err(|error| self.start_error(&error))?;
        let stages: Vec<Document> = vec![doc! { "$changeStream": {} }];
        let probe = database.aggregate(stages).batch().await;
        drop(probe.map_err(|error| self.start_error(&error))?);
        Ok(Server { version: info.get_str("version").unwrap_or("unknown").to_owned() })
    }

    /// What an error at the start means for the user. Never holds the password.
    pub(crate) fn start_error(&self, error: &Error) -> StartError {
        let fatal = |sentence: String| StartError::Fatal(Failure::run(sentence));
        match error.kind.as_ref() {
            ErrorKind::Authentication { .. } => fatal(self.refused_credentials()),
            ErrorKind::Command(command) if command.code == 18 => fatal(self.refused_credentials()),
            ErrorKind::Command(command) if command.code == 13 => fatal(format!(
                "the user of --mongo '{self}' may not open a change stream on database '{}': grant it the role read on that database",
                self.database
            )),
            ErrorKind::Command(command) if command.code == 40573 => fatal(self.no_replica_set()),
            _ => StartError::NotUp(format!("MongoDB at '{self}' cannot be reached: {}", self.reason(error))),
        }
    }

    fn no_replica_set(&self) -> String {
        format!(
            "the MongoDB of --mongo '{self}' is a standalone server, and change streams need a replica set: start mongod with --replSet rs0 and run rs.initiate() once, a single node is enough"
        )
    }

    fn refused_credentials(&self) -> String {
        format!(
            "MongoDB refused the user name or password of --mongo '{self}': correct them, and name the user's database with authSource if it is not admin"
        )
    }

    /// The driver's words for an error, short and without the password.
    pub(crate) fn reason(&self, error: &Error) -> String {
        let text = match error.kind.as_ref() {
            ErrorKind::ServerSelection { message, .. } => {
                // The driver appends its whole view of the topology.
                message.split("Topology:").next().unwrap_or(message).trim().to_owned()
            }
            ErrorKind::Command(command) => format!("{} (code {})", command.message, command.code),
            other => other.to_string(),
        };
        without_secret(&text, &self.uri)
    }
}

/// The password part of a URI, if it has one.
fn password(uri: &str) -> Option<&str> {
    let authority = uri.split_once("://")?.1;
    let (credentials, _) = authority.rsplit_once('@')?;
    Some(credentials.split_once(':')?.1).filter(|password| !password.is_empty())
}

/// A URI that can be shown: `***` for the password, no options (they may hold secrets too).
fn without_password(uri: &str) -> String {
    let shown = match password(uri) {
        Some(password) => uri.replacen(&format!(":{password}@"), ":***@", 1),
        None => uri.to_owned(),
    };
    shown.split_once('?').map_or(shown.clone(), |(before, _)| before.to_owned())
}

fn without_secret(text: &str, uri: &str) -> String {
    let hidden = password(uri).map_or(text.to_owned(), |password| text.replace(password, "***"));
    hidden.replace(uri, &without_password(uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let cases = [
            ("mongodb://u:s3cret@h:1/shop?authSource=admin", "mongodb://u:***@h:1/shop"),
            ("mongodb://u:p@ss@h/shop", "mongodb://u:***@h/shop"),
            ("mongodb://h:27017/shop", "mongodb://h:27017/shop"),
            ("nonsense", "nonsense"),
        ];
        for (uri, shown) in cases {
            assert_eq!(without_password(uri), shown);
        }
        assert_eq!(without_secret("bad s3cret here", "mongodb://u:s3cret@h"), "bad *** here");
    }

    #[tokio::test]
    async fn a_wrong_uri_says_what_is_allowed_and_hides_the_password() {
        for uri in
            ["postgres://u:s3cret@h/shop", "mongodb://u:s3cret@h:port/shop", "mongodb://u:s3:cret@h/shop"]
        {
            let failure = MongoAddress::parse(uri, None).await.expect_err(uri);
            assert_eq!(failure.exit_code.number(), 104);
            assert!(
                failure.sentence.contains("--mongo") && failure.sentence.contains("write for example"),
                "{failure}"
            );
            assert!(!failure.sentence.contains("s3"), "{failure}");
        }
        let failure = MongoAddress::parse("mongodb://h:1", None).await.expect_err("no database");
        assert!(failure.sentence.contains("--database"), "{failure}");
    }
}
