//! An agent that asks before it acts: it sends what it wants and why, waits until a person has
//! decided, and obeys. The service runs what was approved; the agent never does.
//!
//! `approval_agent URL KEY-FILE JOB < ask.json`: JOB names this ask, the same when it is tried again. It
//! ends with 0 if it was done, 1 if it was not, and 2 if that is not known, or nothing was asked.
#![allow(clippy::print_stdout, clippy::print_stderr)] // An example shows what it does.
#![allow(clippy::indexing_slicing)] // Of JSON: what is not there is null.

use std::process::ExitCode;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode, Uri, client::conn::http1};
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
        let mut why = String::new();
        for pause in [0, 1, 2, 4, 8, 16, 32, 60] {
            tokio::time::sleep(Duration::from_secs(pause)).await;
            match self.send(method.clone(), at, body.to_vec()).await? {
                Ok(answer) => return Ok(answer),
                Err(not_now) => why = not_now,
            }
        }
        Err(format!("{why}: run it again with the same JOB").into())
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
async fn main() -> ExitCode {
    run().await.unwrap_or_else(|e| {
        eprintln!("{e}");
        ExitCode::from(2)
    })
}

async fn run() -> Result<ExitCode> {
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
    /// One request; why not, where the service cannot answer now and it is to be sent again.
    async fn send(&self, method: Method, at: &str, body: Vec<u8>) -> Result<Now> {
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
        let to = (host.host(), host.port_u16().unwrap_or(80));
        // However it is cut off, it is not known what became of it: to send it again is to find out.
        let Ok(Ok((status, body))) = tokio::time::timeout(PATIENCE, exchange(to, request)).await
        else {
            return Ok(Err("the service does not answer".into()));
        };
        let said = || {
            let told: Value = serde_json::from_slice(&body).unwrap_or_default();
            let text = String::from_utf8_lossy(&body);
            format!("{status}: {:?}", told["error"].as_str().unwrap_or(&text))
        };
        match status.as_u16() {
            200 | 202 => Ok(Ok(serde_json::from_slice(&body)?)),
            429 | 500.. => Ok(Err(said())),
            _ => Err(said().into()),
        }
    }
}

type Now = std::result::Result<Value, String>;

/// Longer than a service waits with an answer.
const PATIENCE: Duration = Duration::from_secs(60);

async fn exchange(to: (&str, u16), request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes)> {
    let stream = tokio::net::TcpStream::connect(to).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = Limited::new(answer, 1 << 20).collect().await?;
    Ok((status, body.to_bytes()))
}
