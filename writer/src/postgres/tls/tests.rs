//! Against a TLS server of the test's own, with certificates made here.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;

use super::wire::NotEncrypted;
use super::*;

/// An authority, with its certificate in a file.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
    store: RootCertStore,
}

/// What a server shows, and wants to see.
struct Shown {
    certificate: rcgen::Certificate,
    key: KeyPair,
    clients: Option<RootCertStore>,
    alpn: bool,
}

impl Authority {
    fn new(folder: &TempDir, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).expect("signed");
        let file = folder.path().join(name);
        fs::write(&file, certificate.pem()).expect("written");
        let mut store = RootCertStore::empty();
        store.add(certificate.der().clone()).expect("an authority");
        Self { issuer: Issuer::new(params, key), file, store }
    }

    /// A certificate as `change` makes it; for the names of `db.test`, and the address 127.0.0.1.
    fn sign(&self, change: impl FnOnce(&mut CertificateParams)) -> Shown {
        let names = ["db.test".to_owned(), "*.hosts.test".to_owned(), "127.0.0.1".to_owned()];
        let (mut params, key) =
            (CertificateParams::new(names).expect("names"), KeyPair::generate().expect("a key"));
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        Shown { certificate, key, clients: None, alpn: false }
    }
}

fn own(change: impl FnOnce(&mut CertificateParams)) -> Shown {
    let (mut params, key) = (CertificateParams::default(), KeyPair::generate().expect("a key"));
    params.distinguished_name = rcgen::DistinguishedName::new();
    change(&mut params);
    let certificate = params.self_signed(&key).expect("signed");
    Shown { certificate, key, clients: None, alpn: false }
}

impl Shown {
    fn acceptor(&self) -> TlsAcceptor {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().expect("versions");
        let builder = match &self.clients {
            None => builder.with_no_client_auth(),
            Some(store) => {
                let store = Arc::new(store.clone());
                let verifier = WebPkiClientVerifier::builder_with_provider(store, provider).build();
                builder.with_client_cert_verifier(verifier.expect("a verifier"))
            }
        };
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key");
        let mut config =
            builder.with_single_cert(vec![self.certificate.der().clone()], key).expect("a server");
        if self.alpn {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        TlsAcceptor::from(Arc::new(config))
    }
}

/// How a server answers a client that asks for TLS.
enum Answer<'a> {
    /// With TLS; it writes one byte through it.
    Tls(&'a Shown),
    /// At once with TLS, as a client with `sslnegotiation=direct` wants it.
    Direct(&'a Shown),
    /// With these bytes.
    Bytes(&'static [u8]),
}

/// What becomes of a client with these settings; the version of TLS, or why there is none.
async fn meet(tls: &Tls, name: &str, answer: Answer<'_>) -> Result<String, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let at = listener.local_addr().expect("an address");
    let serve = async {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut asked = [0; 8];
        if !matches!(answer, Answer::Direct(_)) && stream.read_exact(&mut asked).await.is_err() {
            return;
        }
        assert!(matches!(answer, Answer::Direct(_)) || asked == [0, 0, 0, 8, 4, 210, 22, 47], "{asked:?}");
        match answer {
            Answer::Bytes(bytes) => stream.write_all(bytes).await.expect("written"),
            Answer::Tls(shown) => {
                stream.write_all(b"S").await.expect("written");
                greet(shown, stream).await;
            }
            Answer::Direct(shown) => greet(shown, stream).await,
        }
    };
    let ask = async {
        let stream = TcpStream::connect(at).await.expect("connected");
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        match tls.encrypt(stream, name).await {
            Ok(mut wire) => match wire.read_u8().await {
                Ok(b'R') => Ok(wire.tls_version().expect("encrypted")),
                Ok(other) => Err(format!("read {other}")),
                Err(error) => Err(match TlsFailure::behind(&error) {
                    Some(failure) => format!("{failure}; {}", failure.next),
                    None => error.to_string(),
                }),
            },
            Err(NotEncrypted::NotOffered(_)) => Err("not offered".to_owned()),
            Err(NotEncrypted::Broken(_)) => Err("broken".to_owned()),
            Err(NotEncrypted::Failed(failure)) => Err(format!("{failure}; {}", failure.next)),
        }
    };
    tokio::join!(serve, ask).1
}

async fn greet(shown: &Shown, stream: TcpStream) {
    // A handshake that fails is the client's to judge.
    if let Ok(mut stream) = shown.acceptor().accept(stream).await {
        stream.write_all(b"R").await.expect("written");
        stream.shutdown().await.unwrap_or_default();
    }
}

fn of(mode: TlsMode, files: &TlsFiles) -> Result<Tls, Failure> {
    Tls::new(Some(mode), Negotiation::Postgres, false, files)
}

fn with_root(file: &std::path::Path) -> TlsFiles {
    TlsFiles { root: Some(file.to_owned()), ..TlsFiles::default() }
}

#[tokio::test]
async fn a_certificate_is_checked_as_far_as_the_mode_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ours, theirs) = (Authority::new(&folder, "ours.pem"), Authority::new(&folder, "theirs.pem"));
    let good = ours.sign(|_| {});
    let expired = ours.sign(|params| {
        (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    });
    let future = ours.sign(|params| {
        (params.not_before, params.not_after) = (date_time_ymd(4001, 1, 1), date_time_ymd(4002, 1, 1));
    });
    let foreign = theirs.sign(|_| {});
    let plain = TlsFiles::default();
    let rooted = with_root(&ours.file);
    use TlsMode::{Prefer, Require, VerifyCa, VerifyFull};
    let unknown = "is signed by none of the authorities of sslrootcert=";
    let cases = [
        // Without authorities everything is taken.
        (Require, &plain, &good, "db.test", ""),
        (Require, &plain, &expired, "other.test", ""),
        (Prefer, &plain, &foreign, "other.test", ""),
        // With them, a chain is checked in every mode, and the name in one.
        (Require, &rooted, &good, "other.test", ""),
        (Require, &rooted, &foreign, "db.test", unknown),
        (VerifyCa, &rooted, &good, "other.test", ""),
        (VerifyCa, &rooted, &foreign, "db.test", unknown),
        (VerifyCa, &rooted, &expired, "db.test", "has expired"),
        (VerifyCa, &rooted, &future, "db.test", "is not valid yet"),
        (VerifyFull, &rooted, &good, "db.test", ""),
        (VerifyFull, &rooted, &good, "a.hosts.test", ""),
        (VerifyFull, &rooted, &good, "127.0.0.1", ""),
        (VerifyFull, &rooted, &good, "other.test", "and not for other.test"),
        (VerifyFull, &rooted, &good, "a.b.hosts.test", "and not for a.b.hosts.test"),
        (VerifyFull, &rooted, &good, "127.0.0.2", "and not for 127.0.0.2"),
        (VerifyFull, &rooted, &expired, "db.test", "has expired"),
        (VerifyFull, &rooted, &foreign, "db.test", unknown),
    ];
    for (mode, files, shown, name, says) in cases {
        let met = meet(&of(mode, files).expect("settings"), name, Answer::Tls(shown)).await;
        match says {
            "" => assert_eq!(met.as_deref(), Ok("TLSv1.3"), "{mode:?} {name}"),
            says => assert!(met.as_ref().is_err_and(|met| met.contains(says)), "{mode:?} {name}: {met:?}"),
        }
    }
}

/// What PostgreSQL's documentation tells people to make: names in the subject alone, and a server that is its own
/// authority.
#[tokio::test]
async fn certificates_of_postgresqls_own_recipes_are_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Authority::new(&folder, "ours.pem");
    let named = ours.sign(|params| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(DnType::CommonName, "db.test");
    });
    let rooted = of(TlsMode::VerifyFull, &with_root(&ours.file)).expect("settings");
    assert_eq!(meet(&rooted, "db.test", Answer::Tls(&named)).await.as_deref(), Ok("TLSv1.3"));
    let other = meet(&rooted, "other.test", Answer::Tls(&named)).await.expect_err("another name");
    assert!(other.contains("not for other.test"), "{other}");
    // A name that stands beside others does not count, as in libpq.
    let beside = ours.sign(|params| params.distinguished_name.push(DnType::CommonName, "common.test"));
    meet(&rooted, "common.test", Answer::Tls(&beside)).await.expect_err("only the alternative names count");

    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let itself = own(|params| {
            params.is_ca = is_ca;
            params.distinguished_name.push(DnType::CommonName, "db.test");
        });
        let file = folder.path().join("server.pem");
        fs::write(&file, itself.certificate.pem()).expect("written");
        let rooted = of(TlsMode::VerifyFull, &with_root(&file)).expect("settings");
        assert_eq!(
            meet(&rooted, "db.test", Answer::Tls(&itself)).await.as_deref(),
            Ok("TLSv1.3"),
            "{is_ca:?}"
        );
    }
    let late = own(|params| {
        params.distinguished_name.push(DnType::CommonName, "db.test");
        (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    });
    let file = folder.path().join("late.pem");
    fs::write(&file, late.certificate.pem()).expect("written");
    let rooted = of(TlsMode::VerifyCa, &with_root(&file)).expect("settings");
    let met = meet(&rooted, "db.test", Answer::Tls(&late)).await.expect_err("expired");
    assert!(met.contains("has expired"), "{met}");
}

#[tokio::test]
async fn a_server_may_want_a_certificate_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ours, theirs) = (Authority::new(&folder, "ours.pem"), Authority::new(&folder, "theirs.pem"));
    let mut server = ours.sign(|_| {});
    server.clients = Some(ours.store.clone());
    let identity = |authority: &Authority, name: &str| {
        let signed = authority.sign(|_| {});
        let (certificate, key) = (folder.path().join(name), folder.path().join(format!("{name}.key")));
        fs::write(&certificate, signed.certificate.pem()).expect("written");
        fs::write(&key, signed.key.serialize_pem()).expect("written");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("set");
        TlsFiles { certificate: Some(certificate), key: Some(key), ..TlsFiles::default() }
    };
    let known = identity(&ours, "known");
    let met = meet(&of(TlsMode::Require, &known).expect("settings"), "db.test", Answer::Tls(&server)).await;
    assert_eq!(met.as_deref(), Ok("TLSv1.3"));
    for files in [identity(&theirs, "stranger"), TlsFiles::default()] {
        let met =
            meet(&of(TlsMode::Require, &files).expect("settings"), "db.test", Answer::Tls(&server)).await;
        let met = met.expect_err("not accepted");
        assert!(
            met.contains("certificate of this client") && met.contains("give sslcert and sslkey"),
            "{met}"
        );
    }

    let key = known.key.clone().expect("a key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("set");
    let open = of(TlsMode::Require, &known).err().expect("anybody may read it");
    assert!(open.sentence.contains("chmod 0600"), "{open}");
    fs::remove_file(&key).expect("removed");
    let alone = of(TlsMode::Require, &known).err().expect("no key");
    assert!(alone.sentence.contains("give sslkey=FILE"), "{alone}");
}

#[tokio::test]
async fn a_server_without_tls_and_one_that_is_none_are_told_apart() {
    let tls = of(TlsMode::Require, &TlsFiles::default()).expect("settings");
    assert_eq!(meet(&tls, "db.test", Answer::Bytes(b"N")).await, Err("not offered".to_owned()));
    assert_eq!(meet(&tls, "db.test", Answer::Bytes(b"")).await, Err("broken".to_owned()));
    let met = meet(&tls, "db.test", Answer::Bytes(b"HTTP/1.0 400")).await.expect_err("no PostgreSQL");
    assert!(met.contains("does not speak PostgreSQL's protocol"), "{met}");
    let met = meet(&tls, "db.test", Answer::Bytes(b"S")).await.expect_err("it hangs up");
    assert!(met.contains("broke off"), "{met}");
    // Bytes that somebody on the way put behind the S are never read as the server's.
    let met = meet(&tls, "db.test", Answer::Bytes(b"SR\0\0\0\x08\0\0\0\0")).await.expect_err("no handshake");
    assert!(met.contains("TLS handshake"), "{met}");
}

#[tokio::test]
async fn tls_may_begin_at_once_and_in_one_version_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Authority::new(&folder, "ours.pem");
    let mut server = ours.sign(|_| {});
    server.alpn = true;
    let direct =
        Tls::new(Some(TlsMode::Require), Negotiation::Direct, true, &TlsFiles::default()).expect("settings");
    assert_eq!(meet(&direct, "db.test", Answer::Direct(&server)).await.as_deref(), Ok("TLSv1.3"));
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = |root: &str| with_root(std::path::Path::new(root));
    let refused = |mode, negotiation, files: &TlsFiles| {
        let failure = Tls::new(mode, negotiation, false, files).err().expect("refused");
        assert_eq!(failure.exit_code.number(), 104);
        failure.sentence
    };
    let (question, direct) = (Negotiation::Postgres, Negotiation::Direct);
    assert!(
        refused(Some(TlsMode::Require), question, &files("system")).contains("write sslmode=verify-full")
    );
    assert!(
        refused(None, direct, &TlsFiles::default())
            .contains("sslmode=prefer may not be used with sslnegotiation=direct")
    );
    for mode in [TlsMode::VerifyCa, TlsMode::VerifyFull] {
        let sentence = refused(Some(mode), question, &files("/nowhere/root.crt"));
        assert!(sentence.contains("'/nowhere/root.crt' does not exist"), "{sentence}");
        assert!(refused(Some(mode), question, &TlsFiles::default()).contains("no home folder"));
    }
    // As in libpq: a file that is not there is no mistake where nothing must be checked.
    let unchecked = of(TlsMode::Require, &files("/nowhere/root.crt")).expect("taken");
    assert_eq!((unchecked.checked(), unchecked.mode()), (Checked::Nothing, TlsMode::Require));
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "nothing").expect("written");
    assert!(refused(Some(TlsMode::VerifyCa), question, &with_root(&empty)).contains("holds no certificate"));
    let default = Tls::new(None, question, false, &TlsFiles::default()).expect("taken");
    assert_eq!(default.mode(), TlsMode::Prefer);
}

/// RFC 5929: the hash is the signature's, and not weaker than SHA-256.
#[test]
fn a_certificate_is_bound_by_the_hash_of_its_signature() {
    for (algorithm, length) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, Some(32)),
        (&rcgen::PKCS_ECDSA_P384_SHA384, Some(48)),
        (&rcgen::PKCS_ED25519, None),
    ] {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let certificate = CertificateParams::default().self_signed(&key).expect("signed");
        let bound = certificate::end_point(certificate.der());
        assert_eq!(bound.map(|hash| hash.len()), length, "{algorithm:?}");
    }
    assert_eq!(certificate::end_point(b"no certificate"), None);
}
