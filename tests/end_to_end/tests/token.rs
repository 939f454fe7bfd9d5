//! An observer with a token answers nobody without it, and says nothing of its runs.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use streamgauge_end_to_end::{Observer, START_LIMIT, finish, get, get_as, scenario, start_run};
use streamgauge_testbed::Testbed;

const TOKEN: &str = "a-token-of-this-test";
const LIMIT: Duration = Duration::from_secs(60);
/// Everything that tells of a run.
const GUARDED: [&str; 4] = ["/metrics", "/api/snapshot", "/api/rows/0/0", "/ledger"];

#[tokio::test]
async fn what_an_observer_knows_is_for_those_with_its_token() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let file = |name: &str, content: &str| -> Result<String> {
        let path = bed.folder().join(name);
        fs::write(&path, content)?;
        Ok(path.display().to_string())
    };
    // A file ends with a line end as a rule, and the token does not.
    let (right, wrong) = (file("token", &format!("{TOKEN}\n"))?, file("another", "a-token-of-another\n")?);
    let observer = Observer::start(&bed, &["--token-file", &right]).await?;
    let path = scenario(&bed, 40, 2)?;
    for extra in [&["--prepare"][..], &["--prepare", "--token-file", &wrong]] {
        let refused = finish(&start_run(&bed, &observer, &path, extra).await?, START_LIMIT).await?;
        assert_eq!(refused.code, 107, "{}", refused.stderr);
        assert!(refused.stderr.contains("--token-file"), "{}", refused.stderr);
        assert!(!refused.stderr.contains("a-token-of"), "{}", refused.stderr);
    }
    let run = start_run(&bed, &observer, &path, &["--prepare", "--token-file", &right]).await?;
    let finished = finish(&run, LIMIT).await?;
    let report = observer.report()?;
    assert_eq!(finished.code, i32::from(report.verdict.exit_code), "{}", finished.stderr);
    assert_eq!((report.account.entries, report.account.delivered), (160, 160), "{}", finished.stdout);

    for path in GUARDED {
        for headers in ["", "Authorization: Bearer a-token-of-another\r\n", "Authorization: Bearer \r\n"] {
            let answer = get_as(&observer.address, path, headers).await?;
            assert_eq!(answer.status, 401, "{path} with '{headers}': {}", answer.body);
        }
    }
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    for path in &GUARDED[..3] {
        assert_eq!(get_as(&observer.address, path, &bearer).await?.status, 200, "{path}");
    }
    // Whether it lives tells nothing of a run, and who restarts containers has no token.
    for path in ["/livez", "/readyz"] {
        assert_eq!(get(&observer.address, path).await?.status, 200, "{path}");
    }
    bed.stop()
}
