//! The MongoDB that is watched: its address without a password, and what must be true of it.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use streamgauge_shared::exit_code::Failure;

use crate::cli::Mongo;

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
    /// Reads what the command line says: `--mongo` or the file of `--mongo-file`, and `--database`.
    ///
    /// # Errors
    /// Neither or both of the two, a file that cannot be read, or as [`MongoAddress::parse`]: 104.
    pub async fn read(options: &Mongo) -> Result<Self, Failure> {
        let uri = match (&options.uri, &options.file) {
            (Some(uri), None) => uri.clone(),
            (None, Some(file)) => of_file(file)?,
            (None, None) => {
                return Err(Failure::configuration(
                    "no MongoDB is given: give --mongo mongodb://HOST:27017/DATABASE, or --mongo-file FILE with such a line",
                ));
            }
            (Some(_), Some(_)) => {
                return Err(Failure::configuration(
                    "both --mongo and --mongo-file are given (or STREAMGAUGE_MONGO and STREAMGAUGE_MONGO_FILE): leave one of them out",
                ));
            }
        };
        Self::parse(&uri, options.database.as_deref()).await
    }

    /// Reads a URI and the name of a database.
    ///
    /// # Errors
    /// A URI that the driver does not take, or no database in either: 104.
    pub async fn parse(uri: &str, database: Option<&str>) -> Result<Self, Failure> {
        let shown = without_password(uri);
        let options = ClientOptions::parse(uri).await.map_err(|error| {
            let reason = match error.kind.as_ref() {
                // The driver quotes the whole text where it cannot read it: say what is allowed instead.
                ErrorKind::InvalidArgument { message, .. } if !reveals(message, uri) => message.clone(),
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
        Ok(Client::with_options(self.options().await?)?.database(&self.database))
    }

    /// What the URI says, with what it leaves to us.
    pub(super) async fn options(&self) -> Result<ClientOptions, Error> {
        let mut options = ClientOptions::parse(&self.uri).await?;
        options.server_selection_timeout = Some(SERVER_SELECTION_MAX);
        options.connect_timeout.get_or_insert(SERVER_SELECTION_MAX);
        options.app_name.get_or_insert_with(|| "streamgauge-observer".to_owned());
        Ok(options)
    }

    /// Asks the server what it is: `hello`, `buildInfo`, and whether a change stream can be opened.
    /// These are the only questions besides the change stream itself.
    ///
    /// # Errors
    /// [`StartError::NotUp`] while it may still come up; [`StartError::Fatal`] for wrong credentials, no
    /// replica set, no permission.
    pub async fn ask(&self) -> Result<Server, StartError> {
        let database = self.connect().await.map_err(|error| self.start_error(&error))?;
        let asked = self.ask_through(&database).await;
        database.client().clone().shutdown().immediate(true).await;
        asked
    }

    async fn ask_through(&self, database: &Database) -> Result<Server, StartError> {
        let hello = match database.run_command(doc! { "hello": 1 }).await {
            Ok(hello) => hello,
            Err(error) => return Err(self.explain(&error).await),
        };
        if hello.get_bool("isreplicaset").unwrap_or(false) {
            return Err(StartError::NotUp(self.not_initiated()));
        }
        if !hello.contains_key("setName") && hello.get_str("msg").ok() != Some("isdbgrid") {
            return Err(StartError::Fatal(Failure::run(self.no_replica_set())));
        }
        let info = database.run_command(doc! { "buildInfo": 1 }).await;
        let info = info.map_err(|error| self.start_error(&error))?;
        let stages: Vec<Document> = vec![doc! { "$changeStream": {} }];
        let probe = database.aggregate(stages).batch().await;
        drop(probe.map_err(|error| self.start_error(&error))?);
        Ok(Server { version: info.get_str("version").unwrap_or("unknown").to_owned() })
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

/// The URI of a file: all of it but the white space around.
fn of_file(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::configuration(format!(
            "--mongo-file '{shown}' cannot be read: {error}; correct its name or its permissions"
        ))
    })?;
    match text.trim() {
        "" => Err(Failure::configuration(format!(
            "--mongo-file '{shown}' is empty: write mongodb://HOST:27017/DATABASE into it"
        ))),
        text => Ok(text.to_owned()),
    }
}

/// The password part of a URI, if it has one.
fn password(uri: &str) -> Option<&str> {
    let authority = uri.split_once("://")?.1;
    let (credentials, _) = authority.rsplit_once('@')?;
    Some(credentials.split_once(':')?.1).filter(|password| !password.is_empty())
}

/// Whether a text has the URI in it, or a part of its password: one that is not percent-encoded is cut at its `/`, `:`
/// or `@`, and the driver quotes what it takes for a host or a port.
fn reveals(text: &str, uri: &str) -> bool {
    let parts = password(uri).unwrap_or_default().split(['/', ':', '@', '?', '#', '%', ',']);
    text.contains(uri) || parts.filter(|part| !part.is_empty()).any(|part| text.contains(part))
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
    async fn a_uri_may_stand_in_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mongo");
        let read = async |uri: Option<&str>, file: &Path| {
            let uri = uri.map(str::to_owned);
            MongoAddress::read(&Mongo { uri, file: Some(file.to_owned()), database: None }).await
        };
        fs::write(&path, "mongodb://u:s3cret@127.0.0.1:1/shop\n").expect("written");
        assert_eq!(read(None, &path).await.expect("good").to_string(), "mongodb://u:***@127.0.0.1:1/shop");
        let both = read(Some("mongodb://u:s3cret@h/shop"), &path).await.expect_err("both");
        assert!(both.sentence.contains("--mongo-file") && !both.sentence.contains("s3cret"), "{both}");
        fs::write(&path, "\n").expect("written");
        assert!(read(None, &path).await.expect_err("empty").sentence.contains("is empty"));
        let gone = read(None, Path::new("/nowhere/s")).await.expect_err("no file");
        assert!(gone.sentence.contains("cannot be read"), "{gone}");
        let neither = MongoAddress::read(&Mongo { uri: None, file: None, database: None }).await;
        assert!(neither.expect_err("neither").sentence.contains("--mongo-file FILE"));
    }

    #[tokio::test]
    async fn a_wrong_uri_says_what_is_allowed_and_hides_the_password() {
        for uri in [
            "postgres://u:s3cret@h/shop",
            "mongodb://u:s3cret@h:port/shop",
            "mongodb://u:s3:cret@h/shop",
            "mongodb://u:s3/cret@h/shop",
            "mongodb://u:12s3/cret@h/shop",
            "mongodb://u:s3?cret@h/shop",
            "mongodb://u:s3%zzcret@h/shop",
        ] {
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
