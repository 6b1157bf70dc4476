//! Inputs that are wrong in one way each: the exit code, one line that names what mends it, and
//! that following the line works.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use support::Bench;

/// What a shell has at hand in every line: a home with one key and one value; `$KEY`, the active
/// ring key; `$SLOT` and `$SLOT2`, whole slots; `$REVISION` of the first, and `$NOW` to read it again; files `secret`, `token.json`, `id`, `id.pub`.
struct Mistake {
    name: &'static str,
    /// What comes before: it succeeds.
    before: &'static str,
    /// The line that is wrong in one way.
    wrong: &'static str,
    code: i32,
    /// What the answer says, of what is wrong and of what mends it.
    says: &'static [&'static str],
    /// The line done as the answer says: it succeeds.
    mended: &'static str,
}

const fn mistake(
    name: &'static str,
    before: &'static str,
    wrong: &'static str,
    code: i32,
    says: &'static [&'static str],
    mended: &'static str,
) -> Mistake {
    Mistake {
        name,
        before,
        wrong,
        code,
        says,
        mended,
    }
}

const NOTHING: &str = ":";

#[rustfmt::skip]
const MISTAKES: &[Mistake] = &[
    // The command line.
    mistake("a command that is misspelt", NOTHING, "keyward kyes status", 2,
        &["no such command", "keys"], "keyward keys status"),
    mistake("a subcommand that is misspelt", NOTHING, "keyward vault lst", 2,
        &["no such command", "did you mean list"], "keyward vault list --tenant acme"),
    mistake("an option that is misspelt", NOTHING, "keyward vault list --tennant acme", 2,
        &["--tennant", "did you mean --tenant"], "keyward vault list --tenant acme"),
    mistake("an option that is missing", NOTHING, "keyward vault list", 2,
        &["--tenant <TENANT> is missing", "keyward vault list --help"], "keyward vault list --tenant acme"),
    mistake("a secret as an argument", NOTHING, "keyward vault seal $SLOT2 hunter2-hunter2 < /dev/null", 2,
        &["standard input or --file"], "printf hunter2-hunter2 | keyward vault seal $SLOT2"),
    mistake("two options that exclude each other", NOTHING, "keyward vault seal $SLOT2 --new --stdout < secret", 2,
        &["--new", "--stdout", "cannot stand beside"], "keyward vault seal $SLOT2 --new < secret"),
    mistake("a number that is none", NOTHING, "keyward vault delete $SLOT --if-revision one", 2,
        &["--if-revision", "as `keyward vault list` shows it", "keyward vault delete --help"], "keyward vault delete $SLOT --if-revision $REVISION"),
    mistake("a shell that is not known", NOTHING, "keyward completions basch", 2,
        &["did you mean bash"], "keyward completions bash"),
    mistake("a tenant with a space", NOTHING, "keyward vault list --tenant 'a cme'", 2,
        &["a tenant must be", "visible ASCII", "keyward vault list --help"], "keyward vault list --tenant a-cme"),
    mistake("a place without a column", NOTHING, "keyward vault seal --tenant acme --at account --id 1 < secret", 2,
        &["table.column", "keyward vault seal --help"], "keyward vault seal --tenant acme --at account.token --id 1 < secret"),
    mistake("a record id that is empty", NOTHING, "keyward vault seal --tenant acme --at t.c --id '' < secret", 2,
        &["a record id must be", "keyward vault seal --help"], "keyward vault seal --tenant acme --at t.c --id 9 < secret"),
    mistake("a kind that is not known", NOTHING, "keyward vault seal $SLOT2 --kind apikey < secret", 2,
        &["a kind is", "api-key"], "keyward vault seal $SLOT2 --kind api-key < secret"),
    mistake("a role with a space", NOTHING, "keyward vault seal $SLOT2 --role 'the admin' < secret", 2,
        &["a role must be"], "keyward vault seal $SLOT2 --role admin < secret"),
    mistake("a purpose in capitals", NOTHING, "keyward keys rotate --purpose Vault", 2,
        &["a purpose must be", "lower-case", "keyward keys rotate --help"], "keyward keys rotate --purpose vault"),
    mistake("a key id that is cut short", NOTHING, "keyward keys disable ${KEY%???}", 2,
        &["keyward keys disable --help", "16"], "keyward keys rotate && keyward keys disable $KEY"),
    mistake("a limit of nothing", NOTHING, "keyward vault tenants --limit 0", 2,
        &["--limit", "a number from 1 on"], "keyward vault tenants --limit 1"),
    // What comes in.
    mistake("an empty secret", NOTHING, "keyward vault seal $SLOT2 < /dev/null", 2,
        &["is empty", "printf"], "printf %s \"x$KEY\" | keyward vault seal $SLOT2"),
    mistake("a file that is not there", NOTHING, "keyward vault seal $SLOT2 --file secrte", 2,
        &["there is no file secrte"], "keyward vault seal $SLOT2 --file secret"),
    mistake("a folder in place of a file", "mkdir keys.d && cp id keys.d", "keyward vault seal $SLOT2 --file keys.d", 2,
        &["keys.d is a folder", "name the file in it"], "keyward vault seal $SLOT2 --file keys.d/id"),
    mistake("an option without its value", NOTHING, "keyward vault seal $SLOT2 --file", 2,
        &["--file <PATH> is without its value", "keyward vault seal --help"], "keyward vault seal $SLOT2 --file secret"),
    mistake("a public key in place of a private one", NOTHING, "keyward vault seal $SLOT2 --kind ssh-key --file id.pub", 2,
        &["public"], "keyward vault seal $SLOT2 --kind ssh-key --file id"),
    mistake("an API key of two lines", "printf 'key-1234567890abcdef\\nmore' > two", "keyward vault seal $SLOT2 --kind api-key < two", 2,
        &["one line"], "head -n 1 two | keyward vault seal $SLOT2 --kind api-key"),
    mistake("an OAuth answer that is no JSON", NOTHING, "keyward vault seal $SLOT2 --kind oauth-token < secret", 2,
        &["an oauth-token is a JSON object", "Accept: application/json"], "keyward vault seal $SLOT2 --kind oauth-token < token.json"),
    mistake("a secret that is too long", "head -c 1100000 /dev/zero | tr '\\0' x > long", "keyward vault seal $SLOT2 < long", 2,
        &["longer than 1048576 bytes: give one that is not"], "head -c 1048576 long | keyward vault seal $SLOT2"),
    mistake("an ssh key given as an environment", NOTHING, "keyward vault seal $SLOT2 --kind env < id", 2,
        &["looks like an OpenSSH private key, which is no env", "use kind ssh-key"], "keyward vault seal $SLOT2 --kind ssh-key < id"),
    mistake("a dotenv file with a line that is none", "printf 'A=1\\nthis is no variable\\n' > env", "keyward vault seal $SLOT2 --kind env < env", 2,
        &["line 2"], "grep = env | keyward vault seal $SLOT2 --kind env"),
    // What is there.
    mistake("a value that is not there", NOTHING, "keyward vault open --tenant acme --at account.token --id 43", 1,
        &["no such credential", "keyward vault list --tenant TENANT"], "keyward vault list --tenant acme && keyward vault open $SLOT"),
    mistake("a value of another tenant", NOTHING, "keyward vault open --tenant umbrella --at account.token --id 42", 1,
        &["no such credential", "keyward vault tenants"], "keyward vault open --tenant $(keyward vault tenants) --at account.token --id 42"),
    mistake("a role that it was not sealed for", NOTHING, "keyward vault open $SLOT --role admin", 1,
        &["role"], "keyward vault open $SLOT"),
    mistake("a slot that is taken", NOTHING, "keyward vault seal $SLOT --new < secret", 1,
        &["leave out --new"], "keyward vault seal $SLOT < secret"),
    mistake("a revision that has passed", "keyward vault seal $SLOT < secret", "keyward vault seal $SLOT --if-revision $REVISION < secret", 1,
        &["revision", "keyward vault list"], "keyward vault list --tenant acme && keyward vault seal $SLOT --if-revision $(sh -c \"$NOW\") < secret"),
    mistake("a file that is there already", "echo x > out", "keyward vault open $SLOT --out out", 2,
        &["out exists", "name a new file"], "keyward vault open $SLOT --out out.new"),
    mistake("a folder for the output that is not there", NOTHING, "keyward vault open $SLOT --out no/out", 2,
        &["no/out cannot be made"], "mkdir no && keyward vault open $SLOT --out no/out"),
    // Keys.
    mistake("a key that the ring does not have", NOTHING, "keyward keys disable 0011223344556677", 2,
        &["has no key"], "keyward keys rotate && keyward keys disable $KEY"),
    mistake("a tenant's key in place of a ring key", NOTHING, "keyward keys disable $(keyward keys status --tenant acme --json | grep -o '\"id\": \"[0-9a-f]*' | cut -d'\"' -f4)", 2,
        &["a key of tenant acme", "wants a ring key"], "keyward keys rotate && keyward keys disable $KEY"),
    mistake("a destroyed key that is to come back", "keyward keys rotate && keyward vault rewrap && keyward keys disable $KEY && keyward keys destroy $KEY", "keyward keys enable $KEY", 2,
        &["is destroyed, for good", "keyward keys status"], "keyward keys status"),
    mistake("disabling the active key", NOTHING, "keyward keys disable $KEY", 2,
        &["keyward keys rotate"], "keyward keys rotate && keyward keys disable $KEY"),
    mistake("destroying a key that is not disabled", "keyward keys rotate && keyward vault rewrap", "keyward keys destroy $KEY", 2,
        &["keyward keys disable"], "keyward keys disable $KEY && keyward keys destroy $KEY"),
    mistake("destroying a key that rows need", "keyward keys rotate && keyward keys disable $KEY", "keyward keys destroy $KEY", 2,
        &["1 value", "keyward keys enable", "keyward vault rewrap"], "keyward keys enable $KEY && keyward vault rewrap && keyward keys disable $KEY && keyward keys destroy $KEY"),
    mistake("destroying a key that sealed what is stored nowhere", "keyward vault seal $SLOT --stdout < secret && keyward keys rotate && keyward vault rewrap && keyward keys disable $KEY", "keyward keys destroy $KEY", 2,
        &["--even-unregistered"], "keyward keys destroy $KEY --even-unregistered"),
    mistake("opening with a disabled key", "keyward keys rotate && keyward keys disable $KEY", "keyward vault open $SLOT", 3,
        &["disabled", "keyward keys enable"], "keyward keys enable $KEY && keyward vault open $SLOT"),
    mistake("a purpose that has no keys", NOTHING, "keyward keys rotate --purpose mail", 2,
        &["one of vault", "keyward keys add-purpose"], "keyward keys add-purpose mail && keyward keys rotate --purpose mail"),
    mistake("finding a key that is not known", NOTHING, "keyward keys find 0011223344556677 --db app.db", 2,
        &["has no key", "keyward keys status"], "keyward keys status && keyward keys find $KEY --db app.db"),
    mistake("looking through a file that is no database", NOTHING, "keyward keys find $KEY --db secret", 4,
        &["no SQLite database"], "keyward keys find $KEY --db app.db"),
    mistake("looking through a database that is not there", NOTHING, "keyward keys find $KEY --db ap.db", 2,
        &["there is no file ap.db"], "keyward keys find $KEY --db app.db"),
    mistake("looking through a compressed dump", "printf 'INSERT INTO t VALUES (1);\\n' | gzip > dump.gz", "keyward keys find $KEY < dump.gz", 2,
        &["gzip -dc"], "gzip -dc dump.gz | keyward keys find $KEY"),
    mistake("a database in place of its dump", NOTHING, "keyward keys find $KEY < app.db", 2,
        &["--db"], "keyward keys find $KEY --db app.db"),
    // What is explained.
    mistake("a value that was cut short", "keyward vault seal $SLOT --stdout < secret > value", "keyward explain $(head -c 60 value)", 1,
        &["cut short", "copy it"], "keyward explain $(cat value)"),
    mistake("a value with a line break in it", "keyward vault seal $SLOT --stdout < secret > value", "(head -c 60 value; echo; tail -c +61 value) | keyward explain", 1,
        &["character 61", "copy it"], "keyward explain < value"),
    mistake("a token as an argument", NOTHING, "keyward explain kws_AQARIjNEVWZ3AAAAAAAAAAAAAAAAAAAA", 2,
        &["standard input"], "printf kws_AQARIjNEVWZ3AAAAAAAAAAAAAAAAAAAA | keyward explain"),
    mistake("a detached value opened for another record", "keyward vault seal $SLOT2 --stdout < secret > value", "keyward vault open $SLOT --value value", 1,
        &["tenant, place, id"], "keyward vault open $SLOT2 --value value"),
    // The home.
    mistake("a second init", NOTHING, "keyward keys init", 2,
        &["keyring"], "keyward keys status"),
    mistake("a home that is not there", NOTHING, "keyward keys status --home elsewhere", 2,
        &["keyward keys init", "KEYWARD_HOME"], "KEYWARD_HOME=$PWD/home keyward keys status"),
    mistake("a home that others may read", "chmod 755 home", "keyward keys status", 2,
        &["chmod 700"], "chmod 700 home && keyward keys status"),
    mistake("a store that others may read", "chmod 644 home/data.db", "keyward vault list --tenant acme", 2,
        &["chmod 600"], "chmod 600 home/data.db && keyward vault list --tenant acme"),
    mistake("a root file that others may read", "chmod 644 home/root", "keyward vault open $SLOT", 2,
        &["chmod 600"], "chmod 600 home/root && keyward vault open $SLOT"),
    mistake("a root that is another's", NOTHING, "KEYWARD_ROOT=v1:$(head -c 32 /dev/urandom | base64) keyward vault open $SLOT", 3,
        &["does not open the keyring: give the root that it was made with"], "KEYWARD_ROOT=$(cat home/root) keyward vault open $SLOT"),
    mistake("a root that is too short", NOTHING, "KEYWARD_ROOT=v1:$(head -c 16 /dev/urandom | base64) keyward vault open $SLOT", 2,
        &["32"], "keyward vault open $SLOT"),
    mistake("a root without its version", NOTHING, "KEYWARD_ROOT=$(head -c 32 /dev/urandom | base64) keyward vault open $SLOT", 2,
        &["v1:"], "KEYWARD_ROOT=$(cat home/root) keyward vault open $SLOT"),
    mistake("an anchor that is empty", ": > state/anchor", "keyward keys status", 4,
        &["is empty: if the key store was not put back", "move that file away"], "mv state/anchor away && keyward keys accept-restore && keyward keys status"),
    mistake("an anchor that is missing", "rm state/anchor", "keyward vault open $SLOT", 3,
        &["is missing", "keyward keys accept-restore"], "keyward keys accept-restore && keyward vault open $SLOT"),
    mistake("a keyring that was put back", "cp -r home backup && keyward keys rotate && rm -r home && mv backup home", "keyward vault open $SLOT", 3,
        &["keyward keys accept-restore"], "keyward keys accept-restore && keyward vault open $SLOT"),
    mistake("a data store that is missing", "mv home/data.db kept", "keyward vault open $SLOT", 3,
        &["data.db", "restore"], "mv kept home/data.db && keyward vault open $SLOT"),
];

fn prepared() -> (Bench, Vec<(&'static str, String)>) {
    let bench = Bench::new();
    let files = "printf 'a-secret-of-somebody' > secret \
                 && printf '{\"access_token\":\"gho_0123456789abcdef\",\"token_type\":\"bearer\"}' > token.json \
                 && ssh-keygen -q -t ed25519 -N '' -C me@example.org -f id";
    bench.sh(files, &[]).ok();
    let app = rusqlite::Connection::open(bench.folder().join("app.db")).unwrap();
    app.execute_batch("CREATE TABLE t (a TEXT)").unwrap();
    bench.seal("account.token", "42", "opaque", b"first").ok();
    let key = bench.keys_in("active").remove(0);
    let listed = bench.json(&["vault", "list", "--tenant", "acme"]);
    let revision = listed["credentials"][0]["revision"].to_string();
    let now = "keyward vault list --tenant acme --json | grep -o '\"revision\": [0-9]*' | grep -o '[0-9]*$'";
    let slot = |id| format!("--tenant acme --at account.token --id {id}");
    (
        bench,
        vec![
            ("KEY", key),
            ("SLOT", slot(42)),
            ("SLOT2", slot(77)),
            ("REVISION", revision),
            ("NOW", now.to_owned()),
        ],
    )
}

fn one_of(from: usize, of: usize) {
    assert!(MISTAKES.len() >= 50, "{}", MISTAKES.len());
    let mut wrong = Vec::new();
    for mistake in MISTAKES.iter().skip(from).step_by(of) {
        let (bench, variables) = prepared();
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let sh = |line: &str| bench.sh(line, &variables);
        let before = sh(mistake.before);
        assert_eq!(before.code(), 0, "{}: {}", mistake.name, before.said());
        let ran = sh(mistake.wrong);
        let said = ran.said();
        let is_one_line = said.starts_with("keyward: ") && said.trim_end().lines().count() == 1;
        let names_it = mistake.says.iter().all(|part| said.contains(part));
        let mended = sh(mistake.mended);
        if ran.code() != mistake.code
            || !is_one_line
            || !names_it
            || !ran.out().is_empty()
            || mended.code() != 0
        {
            wrong.push(format!(
                "{}\n  {} (wanted {} and {:?})\n  {said}  then {}: {}",
                mistake.name,
                ran.code(),
                mistake.code,
                mistake.says,
                mended.code(),
                mended.said()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_mistake_is_told_in_one_line_that_mends_it_0() {
    one_of(0, 2);
}

#[test]
fn each_mistake_is_told_in_one_line_that_mends_it_1() {
    one_of(1, 2);
}
