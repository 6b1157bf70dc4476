//! Files and folders that are their owner's alone.

#[cfg(not(unix))]
pub(crate) use other::{check, file, folder};
#[cfg(unix)]
pub(crate) use unix::{check, file, folder};

#[cfg(unix)]
mod unix {
    use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
    use std::path::Path;

    use keyward_base::{Error, Result};

    /// Makes a folder of mode 0700. A umask can only have taken bits away: here they are put back.
    pub(crate) fn folder(path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o700))
    }

    /// Makes a file of mode 0600, whatever the umask.
    pub(crate) fn file(path: &Path) -> io::Result<File> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        Ok(file)
    }

    /// Refuses what others may use, and what is another user's: whose it is may change its mode.
    pub(crate) fn check(path: &Path, told: &Metadata) -> Result<()> {
        let shown = path.display();
        if told.permissions().mode() & 0o077 != 0 {
            return Err(Error::misuse(format!(
                "others than its owner may use {shown}: chmod 600 {shown}"
            )));
        }
        match effective_user() {
            Some(user) if told.uid() != user && told.uid() != 0 => Err(Error::misuse(format!(
                "{shown} belongs to another user, and this process is user {user}: run it as user {}, or chown {user} {shown}",
                told.uid()
            ))),
            _ => Ok(()),
        }
    }

    /// The second of the four ids in the line `Uid:`, see proc_pid_status(5). Where the system
    /// does not say it, the mode has to do.
    fn effective_user() -> Option<u32> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        ids.split_whitespace().nth(1)?.parse().ok()
    }
}

#[cfg(not(unix))]
mod other {
    use std::fs::{self, File, Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

    use keyward_base::Result;

    pub(crate) fn folder(path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    pub(crate) fn file(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    pub(crate) fn check(_: &Path, _: &Metadata) -> Result<()> {
        Ok(())
    }
}
