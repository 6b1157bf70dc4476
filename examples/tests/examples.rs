//! The examples run, on a home of their own and beside a serving process.
// A panic is the report.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use keyward::embedded::{Home, HomeDir, Options, RootSource};
use keyward::vault::Slot;
use keyward::{Result, Role};
use support::{Place, TOKEN, example, ok};

fn options(place: &Place) -> Options {
    let mut options = Options::with_root(RootSource::File);
    options.anchor = Some(place.folder().join("anchor"));
    options
}

#[tokio::test]
async fn the_examples_run_one_after_the_other() -> Result<()> {
    let place = Place::new();
    let dir = HomeDir::at(place.folder().join("home"));
    drop(Home::init(&dir, &options(&place)).await?);

    let said = ok(&place.run(&example("vault_seal"), &[], TOKEN));
    assert_eq!(
        said,
        "account.github_token 42 ghp_••••1234\n40 bytes for the API call\n"
    );
    let said = ok(&place.run(&example("vault_rotate"), &[], ""));
    for part in ["1 values moved, 0 left", "is destroyed"] {
        assert!(said.contains(part), "{part}: {said}");
    }

    let home = Home::open(&dir, &options(&place)).await?;
    let slot = Slot::new("acme", "account.github_token", "42")?;
    let opened = home.vault().open(&slot, &Role::none()).await?;
    assert_eq!(opened.bytes().expose(), TOKEN.as_bytes());
    Ok(())
}

#[tokio::test]
async fn a_key_is_replaced_to_the_end_beside_a_serving_process() -> Result<()> {
    let place = Place::new();
    let dir = HomeDir::at(place.folder().join("home"));
    drop(Home::init(&dir, &options(&place)).await?);
    ok(&place.run(&example("vault_seal"), &[], TOKEN));

    let mut serving = place.serve();
    let opens = |serving: &mut support::Serving| serving.open("acme", "account.github_token", "42");
    assert_eq!(opens(&mut serving), "40 bytes");
    // Twice: the second finds nothing that the first left behind.
    for _ in 0..2 {
        let said = ok(&place.run(&example("vault_rotate"), &[], ""));
        for part in ["1 values moved, 0 left", "is destroyed"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(opens(&mut serving), "40 bytes");
    }
    Ok(())
}

#[tokio::test]
async fn an_applications_own_column_is_rotated_with_the_vault() -> Result<()> {
    let place = Place::new();
    let dir = HomeDir::at(place.folder().join("home"));
    drop(Home::init(&dir, &options(&place)).await?);
    let column = |words: &str, input: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        place.run(&example("vault_column"), &words, input)
    };
    ok(&column("put acme web", "the first password"));
    ok(&column("put acme db", "the second password, longer"));
    ok(&column("put globex web", "of another tenant"));
    ok(&column("put acme web", "the first password anew"));
    assert!(
        !column("put acme empty", "").status.success(),
        "nothing to seal"
    );
    assert_eq!(ok(&column("count", "")), "3 values\n");
    let listed = ok(&column("list acme", ""));
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.starts_with("db "), "{listed}");
    assert!(!listed.contains("password"), "{listed}");

    // Every value moves; the old key is disabled, and destroyed when it has been for long enough.
    let said = ok(&column("rotate", ""));
    assert!(said.contains("3 values moved, 0 left"), "{said}");
    assert!(said.contains("is disabled"), "{said}");
    let again = ok(&column("rotate", ""));
    assert!(
        !again.contains("moved") && again.contains("is disabled"),
        "{again}"
    );
    assert_eq!(ok(&column("open acme web", "")), "23 bytes\n");
    assert_eq!(ok(&column("open globex web", "")), "17 bytes\n");
    assert!(!column("open globex db", "").status.success());

    // The command cannot count the column, and destroys nothing.
    let home = Home::open(&dir, &options(&place)).await?;
    let old = home.keyring().status().keys.first().unwrap().id;
    let refused = home.keyring().admin().destroy(old).await.unwrap_err();
    assert!(refused.to_string().contains("server.password"), "{refused}");
    Ok(())
}
