//! What each keyword of libpq's connection string means here. The lists are closed: what stands in none of them is
//! no keyword of libpq's. Pure.

use streamgauge_shared::exit_code::Failure;

/// Keywords that are taken, with the variable that libpq reads where the string and the service have none.
pub(super) const TAKEN: [(&str, &str); 26] = [
    ("application_name", "PGAPPNAME"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("dbname", "PGDATABASE"),
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("keepalives", ""),
    ("keepalives_count", ""),
    ("keepalives_idle", ""),
    ("keepalives_interval", ""),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    ("options", "PGOPTIONS"),
    ("passfile", "PGPASSFILE"),
    ("password", "PGPASSWORD"),
    ("port", "PGPORT"),
    ("service", "PGSERVICE"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslmode", "PGSSLMODE"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("tcp_user_timeout", ""),
    ("user", "PGUSER"),
    // Of libpq's own examples; it names us where application_name does not, and we always have a name.
    ("fallback_application_name", ""),
];

/// Keywords of libpq that are not taken, the variables that stand for them, and the values with which they ask for
/// what is done anyway.
const NOT_TAKEN: [(&str, &str, &[&str]); 22] = [
    ("client_encoding", "PGCLIENTENCODING", &["UTF8", "utf8", "UTF-8", "utf-8", "auto"]),
    ("gssdelegation", "PGGSSDELEGATION", &["0"]),
    ("gssencmode", "PGGSSENCMODE", &["disable", "prefer"]),
    ("gsslib", "PGGSSLIB", &[]),
    ("krbsrvname", "PGKRBSRVNAME", &[]),
    ("max_protocol_version", "PGMAXPROTOCOLVERSION", &["3.0", "latest"]),
    ("min_protocol_version", "PGMINPROTOCOLVERSION", &["3.0"]),
    ("oauth_client_id", "", &[]),
    ("oauth_client_secret", "", &[]),
    ("oauth_issuer", "", &[]),
    ("oauth_scope", "", &[]),
    ("replication", "", &["false", "off", "no", "0"]),
    ("require_auth", "PGREQUIREAUTH", &[]),
    ("requirepeer", "PGREQUIREPEER", &[]),
    ("servicefile", "", &[]),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", &["TLSv1.3"]),
    ("sslcertmode", "PGSSLCERTMODE", &["allow"]),
    ("sslcompression", "PGSSLCOMPRESSION", &["0"]),
    ("sslcrl", "PGSSLCRL", &[]),
    ("sslcrldir", "PGSSLCRLDIR", &[]),
    ("sslpassword", "", &[]),
    ("sslsni", "PGSSLSNI", &["1"]),
];

/// Parameters of other programs that people leave in a string, whose they are, and what does the same here.
const FOREIGN: [(&str, &str, &str); 20] = [
    ("ApplicationName", "the JDBC driver's", "write application_name=…"),
    (
        "currentSchema",
        "the JDBC driver's",
        "write options=-c%20search_path=NAME, or table = \"NAME.…\" in the model",
    ),
    ("loginTimeout", "the JDBC driver's", "write connect_timeout=…"),
    ("prepareThreshold", "the JDBC driver's", "leave it out"),
    ("ssl", "the JDBC driver's", "write sslmode=require, or sslmode=verify-full"),
    ("sslfactory", "the JDBC driver's", "write sslmode=require, or sslmode=verify-full"),
    ("targetServerType", "the JDBC driver's", "write target_session_attrs=read-write"),
    ("tcpKeepAlive", "the JDBC driver's", "write keepalives=1"),
    ("connection_limit", "Prisma's", "give --connections"),
    ("pgbouncer", "Prisma's", "leave it out"),
    ("pool_timeout", "Prisma's", "leave it out"),
    ("schema", "Prisma's", "write options=-c%20search_path=NAME, or table = \"NAME.…\" in the model"),
    ("socket_timeout", "Prisma's", "leave it out"),
    ("sslaccept", "Prisma's", "write sslmode=require (accept_invalid_certs) or sslmode=verify-full (strict)"),
    ("sslidentity", "Prisma's", "write sslcert=… and sslkey=…"),
    ("statement_cache_size", "Prisma's", "leave it out"),
    ("pool_max_conns", "pgx's", "give --connections"),
    ("search_path", "a setting of the server", "write options=-c%20search_path=NAME"),
    ("statement_timeout", "a setting of the server", "write options=-c%20statement_timeout=…"),
    ("uselibpqcompat", "node-postgres'", "leave it out"),
];

/// What is to be done with a keyword of a string or a service.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It is one of these.
    Taken(&'static str),
    /// It asks for what is done anyway.
    Nothing,
}

/// What a keyword means; `source` is where it stands, `number` which one it is there, from 1.
///
/// # Errors
/// It is not taken, with its name if that is a known one; 104. An unknown name may be part of a password that is not
/// encoded, so it is not shown.
pub(super) fn meaning(keyword: &str, value: &str, source: &str, number: usize) -> Result<Meaning, Failure> {
    if let Some((known, _)) = TAKEN.iter().find(|(known, _)| *known == keyword) {
        return Ok(Meaning::Taken(known));
    }
    let refused = |sentence: String| Err(Failure::configuration(sentence));
    if let Some((known, whose, instead)) = FOREIGN.iter().find(|(known, ..)| *known == keyword) {
        return refused(format!(
            "{source} has the option {known}, which is {whose} and not PostgreSQL's: {instead}"
        ));
    }
    match NOT_TAKEN.iter().find(|(known, ..)| *known == keyword) {
        Some((_, _, idle)) if idle.contains(&value) => return Ok(Meaning::Nothing),
        Some((known, _, [])) => {
            return refused(format!(
                "{source} has the option {known}, which is not taken here: leave it out"
            ));
        }
        Some((known, _, idle)) => {
            let idle = idle.join(", ");
            return refused(format!(
                "{source} has the option {known}, which is taken only as {idle}: write that, or leave it out"
            ));
        }
        None => {}
    }
    let near = TAKEN.iter().map(|(known, _)| *known).find(|known| is_near(known, keyword));
    let hint = near.map_or_else(
        || {
            "it is not shown, because it may be part of a password: percent-encode @ : / ? # % & in it"
                .to_owned()
        },
        |near| format!("did you mean {near}?"),
    );
    refused(format!("option {number} of {source} is none of PostgreSQL's; {hint}"))
}

/// Variables of libpq that are set to something that is not done, by name.
pub(super) fn variables_not_taken<'a>(of: impl Fn(&str) -> Option<&'a str>) -> Vec<&'static str> {
    let asked = |(_, variable, idle): &&(&str, &str, &[&str])| {
        !variable.is_empty() && of(variable).is_some_and(|value| !idle.contains(&value))
    };
    NOT_TAKEN.iter().filter(asked).map(|(_, variable, _)| *variable).collect()
}

/// At most two letters apart, and one where the name is short.
fn is_near(known: &str, found: &str) -> bool {
    let most = if known.len() < 6 { 1 } else { 2 };
    strsim::damerau_levenshtein(known, &found.to_lowercase()) <= most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(keyword: &str, value: &str) -> String {
        let failure = meaning(keyword, value, "--postgres", 2).expect_err(keyword);
        assert_eq!(failure.exit_code.number(), 104);
        failure.sentence
    }

    #[test]
    fn an_option_that_is_not_taken_is_named_and_its_value_is_not() {
        for (keyword, says) in [
            ("schema", "Prisma's and not PostgreSQL's: write options=-c%20search_path="),
            ("currentSchema", "the JDBC driver's"),
            ("sslcrl", "option sslcrl, which is not taken here"),
            ("gssencmode", "option gssencmode, which is taken only as disable, prefer"),
            ("sslmod", "did you mean sslmode?"),
            ("Host", "did you mean host?"),
            ("hunter2", "option 2 of --postgres is none of PostgreSQL's"),
        ] {
            let sentence = refused(keyword, "s3cret");
            assert!(sentence.contains(says) && !sentence.contains("s3cret"), "{sentence}");
            assert!(!sentence.contains("hunter2"), "it may be a password's: {sentence}");
        }
    }

    #[test]
    fn what_is_done_anyway_is_no_mistake() {
        for (keyword, value) in [("gssencmode", "disable"), ("sslsni", "1"), ("client_encoding", "UTF8")] {
            assert_eq!(meaning(keyword, value, "--postgres", 1), Ok(Meaning::Nothing), "{keyword}");
        }
        assert_eq!(meaning("sslmode", "anything", "--postgres", 1), Ok(Meaning::Taken("sslmode")));
    }

    #[test]
    fn variables_that_ask_for_more_are_named() {
        let set = [("PGREQUIREAUTH", "scram-sha-256"), ("PGGSSENCMODE", "disable"), ("PGSSLCRL", "/crl")];
        let of = |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| *value);
        assert_eq!(variables_not_taken(of), ["PGREQUIREAUTH", "PGSSLCRL"]);
    }

    #[test]
    fn every_keyword_that_is_taken_is_documented_with_its_variable() {
        let documented = include_str!("../../../../docs/connecting.md");
        for (keyword, variable) in TAKEN {
            let row = documented
                .lines()
                .find(|line| line.starts_with("| `") && line.contains(&format!("`{keyword}`")));
            let row = row.unwrap_or_else(|| panic!("{keyword} has no row"));
            assert!(
                variable.is_empty() || row.contains(&format!("`{variable}`")),
                "{variable} is not in: {row}"
            );
        }
    }

    #[test]
    fn no_keyword_stands_in_two_lists() {
        let taken = TAKEN.iter().map(|(known, _)| *known);
        let all: Vec<&str> = taken
            .chain(NOT_TAKEN.iter().map(|(known, ..)| *known))
            .chain(FOREIGN.iter().map(|(known, ..)| *known))
            .collect();
        for (index, known) in all.iter().enumerate() {
            assert!(!all[..index].contains(known), "{known}");
        }
    }
}
