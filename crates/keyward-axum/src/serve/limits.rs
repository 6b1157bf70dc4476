//! The knobs of the server, and the reason for each default.

use std::time::Duration;

/// The longest time for headers: a deadline so far ahead that it cannot be written would end each
/// connection at once.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What a client may take of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(super) header_time: Duration,
    pub(super) header_bytes: usize,
    pub(super) body_stall: Duration,
    pub(super) body_time: Duration,
    pub(super) answer_stall: Duration,
    pub(super) requests: u32,
    pub(super) connections: usize,
    pub(super) from_one: u32,
    pub(super) drain: Duration,
}

impl Limits {
    /// How long the headers of a request may take, from the start of the connection on or from the end
    /// of the request before: 15 seconds. A browser sends them at once; a connection that is kept
    /// for later is opened anew where it is needed. Never above a day.
    #[must_use]
    pub const fn header_time(mut self, time: Duration) -> Self {
        self.header_time = if time.as_secs() < LONGEST.as_secs() {
            time
        } else {
            LONGEST
        };
        self
    }

    /// The most bytes of request line and headers: 64 KiB, of which cookies may take 16. It is never
    /// below 8 KiB.
    #[must_use]
    pub const fn header_bytes(mut self, bytes: usize) -> Self {
        self.header_bytes = if bytes < 8192 { 8192 } else { bytes };
        self
    }

    /// How long a body may pause while a handler waits for it: 15 seconds, beyond the retransmissions
    /// of a bad line (RFC 6298: 1, 2, 4 and 8 seconds).
    #[must_use]
    pub const fn body_stall(mut self, time: Duration) -> Self {
        self.body_stall = time;
        self
    }

    /// How long a body may take in all: 5 minutes, in which 25 MiB come over 0.7 Mbit/s.
    #[must_use]
    pub const fn body_time(mut self, time: Duration) -> Self {
        self.body_time = time;
        self
    }

    /// How long a client may take nothing of an answer that waits for it: 60 seconds, as nginx has it
    /// (`send_timeout`). An answer that has nothing to send waits for as long as it likes.
    #[must_use]
    pub const fn answer_stall(mut self, time: Duration) -> Self {
        self.answer_stall = time;
        self
    }

    /// Requests of a connection: 1,000, as nginx has it (`keepalive_requests`). At least 1.
    #[must_use]
    pub const fn requests(mut self, most: u32) -> Self {
        self.requests = most;
        self
    }

    /// Connections at once: 512, half of the 1,024 open files that a process often may have. Further
    /// ones wait in the system's queue. Never 0.
    #[must_use]
    pub const fn connections(mut self, most: usize) -> Self {
        // What a semaphore takes.
        self.connections = if most == 0 {
            1
        } else if most > tokio::sync::Semaphore::MAX_PERMITS {
            tokio::sync::Semaphore::MAX_PERMITS
        } else {
            most
        };
        self
    }

    /// Connections at once from one address of IPv4, or one /64 of IPv6: 64, for an office behind one
    /// address whose browsers open 6 each. A further one is closed at once. Never 0.
    #[must_use]
    pub const fn from_one(mut self, most: u32) -> Self {
        self.from_one = if most == 0 { 1 } else { most };
        self
    }

    /// How long what goes on may take to end when the server stops: 20 seconds, less than the 30 after
    /// which Kubernetes kills.
    #[must_use]
    pub const fn drain(mut self, time: Duration) -> Self {
        self.drain = time;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_time: Duration::from_secs(15),
            header_bytes: 64 * 1024,
            body_stall: Duration::from_secs(15),
            body_time: Duration::from_secs(5 * 60),
            answer_stall: Duration::from_secs(60),
            requests: 1000,
            connections: 512,
            from_one: 64,
            drain: Duration::from_secs(20),
        }
    }
}
