//! An agent that asks before it acts: it sends what it wants and why, waits until a person has
//! decided, and obeys. The service runs what was approved; the agent never does.
//!
//! `approval_agent URL KEY-FILE JOB < ask.json`: JOB names this ask, the same when it is tried again.
#![allow(clippy::print_stdout)] // An example shows what it does.
#![allow(clippy::indexing_slicing)] // Of JSON: what is not there is null.

use std::process::ExitCode;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, Uri, client::conn::http1};
use hyper_util::rt::TokioIo;
use keyward::SecretBytes;
use serde_json::Value;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

// The agent.

struct Agent {
    at: String,
    key: SecretBytes,
    job: String,
}

impl Agent {
    /// The same request, until it is answered. To ask twice with one idempotency key is to ask once.
    async fn insist(&self, method: Method, at: &str, body: &[u8]) -> Result<Value> {
        for pause in [0, 1, 2, 4, 8, 16, 32, 60] {
            tokio::time::sleep(Duration::from_secs(pause)).await;
            if let Some(answer) = self.send(method.clone(), at, body.to_vec()).await? {
                return Ok(answer);
            }
        }
        Err("the service does not answer: run it again with the same JOB".into())
    }

    /// Asks, and waits until it is over: a long poll that ends before it is just asked anew.
    async fn ask(&self, ask: &[u8]) -> Result<Value> {
        let mut told = self.insist(Method::POST, &self.at, ask).await?;
        while told["is_over"] != true {
            let gate = told["gate"].as_str().ok_or("an answer without a gate")?;
            let at = format!("{}/{gate}?wait=30", self.at);
            // A service that is busy answers at once.
            tokio::time::sleep(Duration::from_secs(1)).await;
            told = self.insist(Method::GET, &at, &[]).await?;
        }
        Ok(told)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let mut words = std::env::args().skip(1);
    let (Some(at), Some(file), Some(job)) = (words.next(), words.next(), words.next()) else {
        return Err("approval_agent URL KEY-FILE JOB < ask.json".into());
    };
    let key = SecretBytes::read(std::fs::File::open(file)?, 4096)?;
    let told = Agent { at, key, job }
        .ask(std::io::read_to_string(std::io::stdin())?.as_bytes())
        .await?;
    // What others wrote is quoted, so that a terminal obeys none of it.
    println!("{} {}", told["gate"], told["state"]);
    for step in told["results"].as_array().into_iter().flatten() {
        println!(
            "{} {:?}",
            step["result"],
            step["said"].as_str().unwrap_or_default()
        );
    }
    if let Some(reason) = told["reason"].as_str() {
        println!("denied: {reason:?}");
    }
    // Nothing but `executed` means that it was done, and no other answer is a reason to try around it.
    Ok(ExitCode::from(u8::from(told["state"] != "executed")))
}

// One request.

impl Agent {
    /// One request: `None` where the service cannot answer now, so that it is sent again.
    async fn send(&self, method: Method, at: &str, body: Vec<u8>) -> Result<Option<Value>> {
        let uri: Uri = at.parse()?;
        let host = uri.authority().ok_or("the URL names no host")?;
        if uri.scheme_str() != Some("http") || !["127.0.0.1", "localhost"].contains(&host.host()) {
            return Err("a key goes in the clear to this machine alone: elsewhere, use TLS".into());
        }
        let key = std::str::from_utf8(self.key.expose())?.trim_end();
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", host.as_str())
            .header("authorization", format!("Bearer {key}"))
            .header("idempotency-key", &self.job)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let Ok(stream) =
            tokio::net::TcpStream::connect((host.host(), host.port_u16().unwrap_or(80))).await
        else {
            return Ok(None);
        };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let Ok(answer) = sender.send_request(request).await else {
            return Ok(None);
        };
        let status = answer.status();
        let body = Limited::new(answer, 1 << 20).collect().await?.to_bytes();
        match status.as_u16() {
            200 | 202 => Ok(Some(serde_json::from_slice(&body)?)),
            429 | 500.. => Ok(None),
            _ => Err(format!(
                "{status}: {}",
                String::from_utf8_lossy(&body).escape_debug()
            )
            .into()),
        }
    }
}
