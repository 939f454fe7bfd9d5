//! What an error of MongoDB means for who wants to watch it: whether it goes away by waiting, and what its cause is. Pure.
//!
//! A server that answers can be reached, so no answer of it is ever told as an address that cannot be. What is not known
//! to go away ends the wait: a person reads the cause then, and an observer that is started again asks again.

use mongodb::error::{Error, ErrorKind};
use streamgauge_shared::exit_code::Failure;

use super::server::{MongoAddress, StartError};

/// Codes of a server that starts, stops, or has no primary at the moment: the driver's own list of reads to be tried
/// again (6, 7, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436), and 50 `MaxTimeMSExpired`, 94
/// `NotYetInitialized`, 133 `FailedToSatisfyReadPreference`, 211 `KeyNotFound`, which a set that has just begun gives.
const PASSING: [i32; 17] =
    [6, 7, 50, 89, 91, 94, 133, 134, 189, 211, 262, 9001, 10107, 11600, 11602, 13435, 13436];
/// `AuthenticationFailed`, `UserNotFound`.
const CREDENTIALS: [i32; 2] = [18, 11];
/// `Unauthorized`, and what a hosted MongoDB gives in its place.
const PERMISSION: [i32; 2] = [13, 8000];
/// A standalone server: of the stage itself, and `NoReplicationEnabled`.
const NO_REPLICA_SET: [i32; 2] = [40573, 76];
/// `InvalidOptions`, which a read concern without change streams gives, and `ReadConcernMajorityNotEnabled`.
const READ_CONCERN: [i32; 2] = [72, 148];

/// Whether the user name or the password was refused.
pub(super) fn refuses_credentials(error: &Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Authentication { .. } => true,
        ErrorKind::Command(command) => CREDENTIALS.contains(&command.code),
        _ => false,
    }
}

/// Whether a server said something that waiting helps against.
pub(super) fn is_passing(error: &Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Command(command) if PASSING.contains(&command.code))
}

impl MongoAddress {
    /// What an error at the start means for the user. Never holds the password.
    pub(crate) fn start_error(&self, error: &Error) -> StartError {
        let fatal = |sentence: String| StartError::Fatal(Failure::run(sentence));
        let (database, reason) = (self.database(), self.reason(error));
        if refuses_credentials(error) {
            return fatal(format!(
                "MongoDB refused the user name or password of --mongo '{self}': correct them, and name the user's database with authSource if it is not admin"
            ));
        }
        if is_passing(error) {
            return StartError::NotUp(format!(
                "MongoDB at '{self}' answers and cannot be watched yet: {reason}"
            ));
        }
        match error.kind.as_ref() {
            ErrorKind::Command(command) if PERMISSION.contains(&command.code) => fatal(format!(
                "the user of --mongo '{self}' may not open a change stream on database '{database}': grant it the role read on that database ({reason})"
            )),
            ErrorKind::Command(command) if NO_REPLICA_SET.contains(&command.code) => {
                fatal(self.no_replica_set())
            }
            ErrorKind::Command(command) if READ_CONCERN.contains(&command.code) => fatal(format!(
                "MongoDB at '{self}' has no change streams with this read concern: {reason}; remove readConcernLevel from --mongo or say majority, and let the server keep enableMajorityReadConcern"
            )),
            ErrorKind::Command(_) => fatal(format!(
                "MongoDB at '{self}' can be reached and refuses a change stream on database '{database}': {reason}; what only imitates MongoDB, or stands between, may have none of a whole database: use MongoDB 5.0 or later itself, a replica set of one node is enough"
            )),
            ErrorKind::InvalidTlsConfig { .. } | ErrorKind::InvalidArgument { .. } => StartError::Fatal(
                Failure::configuration(format!("--mongo '{self}' cannot be used: {reason}")),
            ),
            ErrorKind::IncompatibleServer { .. } => fatal(format!(
                "MongoDB at '{self}' is of a version that cannot be watched: {reason}; use 5.0 or later"
            )),
            _ => StartError::NotUp(format!("MongoDB at '{self}' cannot be reached: {reason}")),
        }
    }

    pub(super) fn no_replica_set(&self) -> String {
        format!(
            "the MongoDB of --mongo '{self}' is a standalone server, and change streams need a replica set: start mongod with --replSet rs0 and run rs.initiate() once, a single node is enough"
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(code: i32, message: &str) -> Error {
        let command = serde_json::from_value(json!({ "code": code, "codeName": "C", "errmsg": message }));
        ErrorKind::Command(command.expect("an error of a command")).into()
    }

    async fn told(error: &Error) -> (bool, String) {
        let address = MongoAddress::parse("mongodb://u:s3cret@h:1/shop", None).await.expect("a URI");
        match address.start_error(error) {
            StartError::Fatal(failure) => (true, failure.sentence),
            StartError::NotUp(reason) => (false, reason),
        }
    }

    #[tokio::test]
    async fn an_answer_is_told_with_its_cause_and_never_as_an_address_that_cannot_be_reached() {
        let cases = [
            (18, "Authentication failed.", true, "password"),
            (11, "no user", true, "password"),
            (13, "not authorized on shop to execute command", true, "grant it the role read"),
            (40573, "The $changeStream stage is only supported on replica sets", true, "rs.initiate()"),
            (76, "not running with --replSet", true, "rs.initiate()"),
            (72, "$changeStream does not support read concern local", true, "readConcernLevel"),
            (148, "majority is not enabled", true, "enableMajorityReadConcern"),
            // As emulations say it: FerretDB, Cosmos DB, DocumentDB.
            (
                238,
                "`aggregate` stage `$changeStream` is not implemented yet",
                true,
                "not implemented yet (code 238)",
            ),
            (115, "Command is not supported", true, "a replica set of one node is enough"),
            (40324, "Unrecognized pipeline stage name: $changeStream", true, "MongoDB 5.0 or later itself"),
            (
                303,
                "Aggregation stage not supported: '$changeStream'",
                true,
                "refuses a change stream on database 'shop'",
            ),
            // What passes.
            (13436, "node is recovering", false, "cannot be watched yet: node is recovering (code 13436)"),
            (91, "shutting down", false, "answers and cannot be watched yet"),
            (94, "no replset config has been received", false, "answers and cannot be watched yet"),
        ];
        for (code, message, is_fatal, says) in cases {
            let (fatal, sentence) = told(&said(code, message)).await;
            assert_eq!(fatal, is_fatal, "{code}: {sentence}");
            assert!(sentence.contains(says), "'{says}' is missing: {sentence}");
            assert!(!sentence.contains("cannot be reached") && !sentence.contains("s3cret"), "{sentence}");
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_worth_another_try() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let (fatal, sentence) = told(&ErrorKind::Io(std::sync::Arc::new(refused)).into()).await;
        assert!(!fatal && sentence.contains("'mongodb://u:***@h:1/shop' cannot be reached"), "{sentence}");
    }
}
