//! Owners, modes and ways of opening, as Unix has them.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::Path;

use rustix::fs::OFlags;

/// The effective user of this process.
#[must_use]
pub fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The user id of the owner.
#[must_use]
pub fn owner(meta: &Metadata) -> u32 {
    meta.uid()
}

/// The mode bits, sticky bit and all.
#[must_use]
pub fn mode(meta: &Metadata) -> u32 {
    meta.mode() & 0o7777
}

pub(crate) fn own_group(meta: &Metadata) -> bool {
    meta.gid() == rustix::process::getegid().as_raw()
}

/// Opening follows no link in the last place and waits for nobody.
pub(crate) fn quick(options: &mut OpenOptions) -> &mut OpenOptions {
    let flags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK);
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
}

pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)?;
    // A umask can only have taken bits away: the owner's own, here put back.
    set_mode(folder, 0o700)
}

pub(crate) fn private(options: &mut OpenOptions) {
    options.mode(0o600);
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}

pub(crate) fn set_file_mode(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o600))
}
