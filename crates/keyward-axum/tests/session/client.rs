//! A client that keeps cookies as it is told to.

use std::net::SocketAddr;

use crate::web::{Answer, send};

/// Whom a client asks, under what name, and with which cookies.
#[derive(Clone)]
pub(crate) struct Client {
    pub to: SocketAddr,
    pub host: String,
    pub cookies: String,
}

impl Client {
    pub fn of(to: SocketAddr) -> Self {
        Self {
            to,
            host: format!("localhost:{}", to.port()),
            cookies: String::new(),
        }
    }

    /// The same with those cookies.
    pub fn with(&self, cookies: &str) -> Self {
        Self {
            cookies: cookies.to_owned(),
            ..self.clone()
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), "", "")
    }

    /// A form of a page of the service.
    pub fn post(&self, path: &str, form: &str) -> Answer {
        self.send(
            &format!("POST {path}"),
            "Sec-Fetch-Site: same-origin\n",
            form,
        )
    }

    pub fn send(&self, what: &str, headers: &str, form: &str) -> Answer {
        let cookies = match self.cookies.as_str() {
            "" => String::new(),
            some => format!("Cookie: {some}\n"),
        };
        let head = format!(
            "{what} HTTP/1.1\nHost: {}\n{cookies}{headers}\
             Content-Type: application/x-www-form-urlencoded\nContent-Length: {}",
            self.host,
            form.len()
        );
        send(self.to, &head, form.as_bytes())
    }

    /// Logs in, and keeps the cookie that is set, and no other.
    pub fn log_in(&mut self, form: &str) -> Answer {
        let answer = self.post("/login", form);
        assert_eq!(answer.status, 303, "{answer:?}");
        let set = answer.header("set-cookie").unwrap();
        self.cookies = set.split(';').next().unwrap().to_owned();
        answer
    }
}
