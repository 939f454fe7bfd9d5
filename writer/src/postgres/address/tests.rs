use std::os::unix::fs::PermissionsExt;

use super::*;

fn read(text: &str, around: &Surroundings) -> Result<Address, Failure> {
    Address::parse(text, "--postgres", around)
}

fn alone(text: &str) -> Result<Address, Failure> {
    read(text, &Surroundings::of_test(&[], None))
}

#[test]
fn the_password_is_not_shown() {
    let cases = [
        ("postgresql://shop:s3cret@db.test:5433/orders", "shop@db.test:5433/orders"),
        ("postgres://shop:s3cret@db.test", "shop@db.test:5432/shop"),
        ("postgres://shop:s3%40cret@[::1]/orders?sslmode=disable", "shop@[::1]:5432/orders"),
        ("host=db.test user=shop password=s3cret dbname=orders", "shop@db.test:5432/orders"),
        ("postgres://db.test/orders?user=shop&password=s3cret", "shop@db.test:5432/orders"),
        ("postgresql:///orders?host=%2Ftmp%2Fsockets&user=shop", "shop@/tmp/sockets:5432/orders"),
        ("postgresql://shop:s3cret@h1,h2:6432/orders", "shop@h1:5432,h2:6432/orders"),
        ("hostaddr=10.0.0.1,10.0.0.2 port=6432 user=shop", "shop@10.0.0.1:6432,10.0.0.2:6432/shop"),
        ("postgresql://db.test", "me@db.test:5432/me"),
    ];
    for (text, expected) in cases {
        let address = alone(text).expect(text);
        assert_eq!(address.to_string(), expected, "{text}");
        assert!(!format!("{address:?} {:?}", address.places()).contains("cret"), "{text}");
    }
}

#[test]
fn a_malformed_string_is_refused_without_being_quoted() {
    let cases = [
        "",
        "s3cret",
        "postgres://shop:s3@cret@db.test/orders",
        "postgres://shop:s3@cret/x@db.test/orders",
        "postgres://shop:s3cret",
        "postgres://shop:s3cret/orders",
        "postgres://shop:s3cret@db.test:port-s3cret/orders",
        "postgres://shop:s3cret@db.test/orders?s3cret=1",
        "postgres://shop:s3cret@db.test/orders?s3cret",
        "host=db.test user=shop password='s3cret",
        "host=db.test sslmode=s3cret",
        "host=db.test connect_timeout=s3cret",
        "hostaddr=s3cret",
        "host=a,b port=1,2,3 password=s3cret",
        "host=a,b hostaddr=10.0.0.1 password=s3cret",
        "host=db.test target_session_attrs=standby password=s3cret",
    ];
    for text in cases {
        let failure = alone(text).expect_err(text);
        assert_eq!(failure.exit_code.number(), 104);
        assert!(!failure.sentence.contains("cret"), "{text}: {failure}");
        assert!(
            failure.sentence.contains("--postgres") && failure.sentence.contains(": "),
            "{text}: {failure}"
        );
    }
}

#[test]
fn what_libpq_takes_from_elsewhere_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let passfile = folder.path().join(".pgpass");
    fs::write(&passfile, "h2:*:*:*:s3cret\n*:*:other:*:no\n").expect("written");
    fs::set_permissions(&passfile, fs::Permissions::from_mode(0o600)).expect("set");
    let around = Surroundings::of_test(
        &[
            ("PGUSER", "u"),
            ("PGDATABASE", "d"),
            ("PGCONNECT_TIMEOUT", "1"),
            ("PGTARGETSESSIONATTRS", "read-write"),
        ],
        Some(folder.path()),
    );
    let address = read("postgresql://h1,h2", &around).expect("good");
    assert_eq!(address.to_string(), "u@h1:5432,h2:5432/d");
    let passwords: Vec<_> = address.places().iter().map(|place| place.password.as_deref()).collect();
    assert_eq!(passwords, [None, Some("s3cret")], "each host has its own");
    assert_eq!(
        (address.connect_timeout(), address.wanted),
        (Some(Duration::from_secs(2)), Wanted::ReadWrite)
    );

    fs::set_permissions(&passfile, fs::Permissions::from_mode(0o644)).expect("set");
    let address = read("postgresql://h2", &around).expect("good");
    assert_eq!(address.places()[0].password, None);
    assert!(address.notes().iter().any(|note| note.contains("0600")), "{:?}", address.notes());

    let given = Surroundings::of_test(&[("PGPASSWORD", "of-variable")], Some(folder.path()));
    let address = read("postgresql://h2", &given).expect("good");
    assert_eq!(address.places()[0].password.as_deref(), Some("of-variable"));
    let address = read("postgresql://u:own@h2", &given).expect("good");
    assert_eq!(address.places()[0].password.as_deref(), Some("own"));
}

#[test]
fn a_session_is_asked_for_as_the_string_says() {
    let text = "host=h user=u options='-c search_path=sales' application_name=mine channel_binding=require connect_timeout=0 keepalives_idle=30";
    let address = alone(text).expect("good");
    let config = address.config(&address.places()[0]);
    assert_eq!(config.get_options(), Some("-c search_path=sales"));
    assert_eq!(config.get_application_name(), Some("mine"));
    assert_eq!(config.get_channel_binding(), ChannelBinding::Require);
    assert_eq!((address.connect_timeout(), address.keepalive.idle), (None, Duration::from_secs(30)));
    assert_eq!((address.keepalive.on, address.wanted, address.shuffled), (true, Wanted::Any, false));
}

#[test]
fn a_file_holds_the_string_and_nothing_else_is_needed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("postgres");
    fs::write(&path, "\npostgresql://u:s3cret@h/d\n").expect("written");
    let address = Address::read(None, Some(&path)).expect("good");
    assert_eq!(address.places()[0].password.as_deref(), Some("s3cret"));
    fs::write(&path, " \n").expect("written");
    for (url, file, says) in [
        (None, Some(path.as_path()), "is empty"),
        (None, Some(Path::new("/nowhere/s")), "cannot be read"),
        (Some("postgresql://u:s3cret@h"), Some(path.as_path()), "both --postgres and --postgres-file"),
    ] {
        let failure = Address::read(url, file).expect_err(says);
        assert!(failure.sentence.contains(says) && !failure.sentence.contains("cret"), "{failure}");
    }
}
