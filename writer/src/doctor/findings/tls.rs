//! Whether the way to PostgreSQL is encrypted, by which protocol, and with whom.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::Inspected;
use crate::postgres::tls::Checked;

const CODE: &str = "tls";

pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    vec![one(inspected)]
}

fn one(inspected: &Inspected) -> Finding {
    let peer = &inspected.peer;
    let Some(version) = &peer.tls else {
        if peer.local {
            return Finding::fine(CODE, "no TLS, on a way within this machine");
        }
        return Finding::new(
            CODE,
            Severity::Info,
            "no TLS, on a way through a network",
            "everything that is written can be read and changed on the way; latencies are not spoiled by it",
            "set ssl = on in PostgreSQL and write sslmode=verify-full with sslrootcert=FILE in --postgres",
        );
    };
    match inspected.checked {
        Checked::ChainAndName => {
            Finding::fine(CODE, format!("{version}, the certificate is checked and is for this host"))
        }
        Checked::Chain => {
            Finding::fine(CODE, format!("{version}, the certificate is checked, its name is not"))
        }
        Checked::Nothing if peer.local => {
            Finding::fine(CODE, format!("{version}, the certificate is not checked"))
        }
        Checked::Nothing => Finding::new(
            CODE,
            Severity::Info,
            format!("{version}, the certificate is not checked"),
            "anybody on the way could stand in PostgreSQL's place; latencies are not spoiled by it",
            "write sslmode=verify-full with sslrootcert=FILE, or sslrootcert=system, in --postgres",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{found, healthy};
    use super::*;

    #[test]
    fn only_a_way_through_a_network_needs_tls() {
        let with = |local, tls: Option<&str>, checked| {
            found(|inspected| {
                inspected.peer.local = local;
                inspected.peer.tls = tls.map(str::to_owned);
                inspected.checked = checked;
            })
        };
        let told = [("tls", Severity::Info)];
        assert_eq!(with(true, None, Checked::Nothing), []);
        assert_eq!(with(false, None, Checked::Nothing), told);
        assert_eq!(with(false, Some("TLSv1.3"), Checked::Nothing), told);
        assert_eq!(with(true, Some("TLSv1.3"), Checked::Nothing), []);
        assert_eq!(with(false, Some("TLSv1.3"), Checked::Chain), []);
        assert_eq!(with(false, Some("TLSv1.3"), Checked::ChainAndName), []);
    }

    #[test]
    fn the_protocol_is_named() {
        let mut inspected = healthy();
        inspected.peer.tls = Some("TLSv1.2".into());
        assert!(one(&inspected).seen.starts_with("TLSv1.2, "));
        inspected.peer.tls = None;
        assert!(one(&inspected).seen.starts_with("no TLS"));
    }
}
