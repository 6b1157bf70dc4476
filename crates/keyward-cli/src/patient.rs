//! Standard input and output as they are given to this process, without a buffer.
//!
//! An end may be non-blocking, since that is a property of what is open and not of who has it: Node
//! makes its pipes so, and whatever shares a terminal may do it at any moment, the command that is
//! run included. Then what cannot be read or written now is waited for.

use std::fs::File;
use std::io::{self, Read, Write};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// A file that is waited for.
#[derive(Debug)]
pub(crate) struct Patient(File);

impl Patient {
    pub(crate) const fn new(file: File) -> Self {
        Self(file)
    }

    /// Does `act` until it need not wait.
    fn until_done<T>(
        &mut self,
        ready: PollFlags,
        mut act: impl FnMut(&mut File) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match act(&mut self.0) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    match poll(&mut [PollFd::new(&self.0, ready)], None) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(e) => return Err(e.into()),
                    }
                }
                done => return done,
            }
        }
    }
}

impl Read for Patient {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.until_done(PollFlags::IN, |file| file.read(into))
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.until_done(PollFlags::OUT, |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
