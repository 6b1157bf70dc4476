//! Other processes that run a test of this very program: they begin together, say what they do line by
//! line, and can be killed in the midst of it.

use std::io::{BufRead as _, BufReader, Error, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What a child says when it may begin, and when it has come to an end.
const READY: &str = "ready";
const OVER: &str = "over";

/// Another process. Dropped, it is killed.
#[derive(Debug)]
pub struct Other {
    child: Child,
    stdin: ChildStdin,
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Other {
    /// Runs the test `test` of this program, with these variables in its environment, and waits until
    /// it is [`ready`].
    ///
    /// # Errors
    /// If there is no such process, or it ended before.
    pub fn start(test: &str, variables: &[(&str, &str)]) -> Result<Self, Error> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--exact", test, "--nocapture"])
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
            return Err(Error::other("a child without pipes"));
        };
        let lines = Some(BufReader::new(stdout).lines());
        let mut other = Self {
            child,
            stdin,
            lines,
        };
        while other.line()? != READY {}
        Ok(other)
    }

    /// Lets it go on from [`ready`].
    ///
    /// # Errors
    /// If it is gone.
    pub fn go(&mut self) -> Result<(), Error> {
        writeln!(self.stdin)
    }

    /// The next line that it says.
    ///
    /// # Errors
    /// If it ended.
    pub fn line(&mut self) -> Result<String, Error> {
        let lines = self.lines.as_mut();
        lines
            .and_then(Iterator::next)
            .unwrap_or_else(|| Err(Error::other("the child ended")))
    }

    /// How often it says `word` until it is [`over`].
    ///
    /// # Errors
    /// If it ended before.
    pub fn count(&mut self, word: &str) -> Result<usize, Error> {
        let mut count = 0_usize;
        loop {
            match self.line()? {
                line if line == OVER => return Ok(count),
                line if line == word => count = count.saturating_add(1),
                _ => {}
            }
        }
    }

    /// Kills it by SIGKILL; what it had said and was not read yet counts, if it is `word`.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn kill(mut self, word: &str) -> Result<usize, Error> {
        self.child.kill()?;
        self.child.wait()?;
        let rest = self.lines.take().into_iter().flatten();
        let said = rest.map_while(Result::ok).filter(|line| line == word);
        Ok(said.count())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the child: says one line, at once.
///
/// # Panics
/// If nobody reads it.
#[allow(clippy::expect_used)] // A child of a test.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .expect("nobody reads it");
}

/// In the child: waits until all others are there too ([`Other::go`]).
pub fn ready() {
    // The harness may have begun a line.
    say("");
    say(READY);
    wait();
}

/// In the child: says that it has come to an end, and waits until it is killed.
pub fn over() {
    say(OVER);
    wait();
}

fn wait() {
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
}
