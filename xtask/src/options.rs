//! The options that `test` and `check` share.

use crate::Outcome;

#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) full: bool,
    pub(crate) only: Vec<String>,
    pub(crate) without: Vec<String>,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Outcome<Self> {
        let mut options = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut name = || args.next().cloned().ok_or(format!("{arg} needs a NAME"));
            match arg.as_str() {
                "--full" => options.full = true,
                "--only" => options.only.push(name()?),
                "--without" => options.without.push(name()?),
                _ => return Err(format!("unknown option {arg}\n{}", crate::USAGE)),
            }
        }
        Ok(options)
    }

    /// Refuses a name that stands for nothing: a misspelt `--without` must not pass for one.
    pub(crate) fn allow(&self, known: &[&str]) -> Outcome {
        match self
            .only
            .iter()
            .chain(&self.without)
            .find(|name| !known.contains(&name.as_str()))
        {
            Some(name) => Err(format!("unknown NAME {name}; known: {}", known.join(", "))),
            None => Ok(()),
        }
    }

    pub(crate) fn leaves_out(&self, name: &str) -> bool {
        self.without.iter().any(|n| n == name)
            || (!self.only.is_empty() && !self.only.iter().any(|n| n == name))
    }
}
