//! One file from an address or from a folder to its place, whole and checked, or not at all.
//!
//! A dropped connection goes on where it ended (RFC 9110, section 14: `Range`, `If-Range`, `Content-Range`), as long as
//! it is sure that the bytes are of the same file: the server names its version with a strong `ETag`, or the SHA-256 is
//! known. Otherwise the file begins anew.

use super::part::Part;
use anyhow::{Context, Result, anyhow, bail};
use indicatif::ProgressBar;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, thread};
use ureq::http::header::{CONTENT_RANGE, ETAG, TRANSFER_ENCODING};
use ureq::http::{HeaderMap, Response, StatusCode};
use ureq::{Agent, Body, ResponseExt};
use vedette::infer::open_regular;
use vedette::zoo::{self, Expected};

/// A try that brings as much has not failed.
const PROGRESS_BYTES: u64 = 1 << 20;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
const REDIRECTS: u32 = 10;

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An address with `https://` or `http://`.
    Url(String),
    /// A file of a mirror on this machine.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// A file that is in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in lower-case hexadecimal.
    pub sha256: String,
    /// Bytes that an earlier fetch had left and that were not fetched again.
    pub kept: u64,
}

/// Why a file is not to be had: it is not where it was looked for. Others may be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Absent(String);

impl Absent {
    /// As the error of a command.
    pub fn error(reason: &impl ToString) -> anyhow::Error {
        Self(reason.to_string()).into()
    }
}

/// Fetches files, with patience but without end.
pub struct Downloader {
    agent: Agent,
    timeout: Duration,
    retries: u32,
}

/// Why a try failed.
enum Trouble {
    /// Another try may go better.
    Passing(String),
    /// No other try will.
    Lasting(anyhow::Error),
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Self::Lasting(error)
    }
}

impl Downloader {
    /// A server that sends nothing for `timeout` has stalled; after `retries` tries in a row that brought less than
    /// 1 MiB each, a file is given up. Proxies are those of the environment.
    pub fn new(timeout: Duration, retries: u32) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(REDIRECTS)
            // The bytes as they are: lengths and ranges are those of the file.
            .accept_encoding("identity")
            .user_agent(concat!("vedette/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(timeout))
            .timeout_connect(Some(timeout))
            .timeout_recv_response(Some(timeout))
            .timeout_per_read(Some(timeout))
            .timeout_per_write(Some(timeout))
            .build();
        Self { agent: config.into(), timeout, retries }
    }

    /// Brings a file to `target` under its `.part` name first, which stays for the next fetch when this one ends early.
    pub fn fetch(&self, origin: &Origin, target: &Path, expected: &Expected, bar: &ProgressBar) -> Result<Arrived> {
        let mut part = Part::open(target)?;
        let has_version = matches!(origin, Origin::Url(url) if part.etag(url).is_some());
        let is_sure = has_version || expected.sha256.is_some();
        if !is_sure || matches!(origin, Origin::File(_)) || expected.bytes.is_some_and(|bytes| part.length() > bytes) {
            part.restart()?;
        }
        match self.fill(&mut part, origin, expected, bar) {
            Ok(()) => {
                if let (None, Err(reason)) = (&expected.sha256, zoo::check_contents(part.path(), target)) {
                    part.discard()?;
                    bail!("{origin}: {reason}; nothing of it is kept");
                }
                let arrived = Arrived { bytes: part.length(), sha256: part.sha256(), kept: part.kept() };
                part.finish(target)?;
                Ok(arrived)
            }
            Err(error) if part.length() == 0 => {
                part.discard()?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Brings `part` to what is expected. Pieces of several answers may be of different files where no version told them
    /// apart: then it begins anew, once.
    fn fill(&self, part: &mut Part, origin: &Origin, expected: &Expected, bar: &ProgressBar) -> Result<()> {
        let bring = |part: &mut Part| match origin {
            Origin::Url(url) => self.fetch_with_retries(url, part, expected, bar),
            Origin::File(path) => copy(path, part, expected, bar).map(|()| false),
        };
        let fits = |part: &Part| expected.sha256.as_ref().is_none_or(|sha256| *sha256 == part.sha256());
        let is_of_pieces = bring(part)?;
        if !fits(part) && is_of_pieces {
            bar.suspend(|| tracing::warn!("{}: the pieces do not fit, begins anew", part.path().display()));
            part.restart()?;
            bring(part)?;
        }
        if !fits(part) {
            let (found, known) = (part.sha256(), expected.sha256.as_deref().unwrap_or_default());
            part.restart()?;
            bail!("{origin}: the bytes have sha256 {found}, expected {known}; nothing of them is kept");
        }
        Ok(())
    }

    /// Whether the bytes may be of more than one answer.
    fn fetch_with_retries(&self, url: &str, part: &mut Part, expected: &Expected, bar: &ProgressBar) -> Result<bool> {
        let mut failed = 0;
        let mut is_of_pieces = false;
        loop {
            let before = part.length();
            is_of_pieces |= before > 0;
            let reason = match self.try_once(url, part, expected, bar) {
                Ok(()) => return Ok(is_of_pieces),
                Err(Trouble::Passing(reason)) => reason,
                Err(Trouble::Lasting(error)) => return Err(error.context(url.to_owned())),
            };
            failed = if part.length() >= before.saturating_add(PROGRESS_BYTES) { 0 } else { failed + 1 };
            if failed > self.retries {
                let given_up = format!("{url}: {reason}; given up after {failed} tries");
                anyhow::ensure!(part.length() > 0, given_up);
                bail!("{given_up}, {} bytes stay in {} for the next fetch", part.length(), part.path().display());
            }
            let pause = LONGEST_PAUSE.min(FIRST_PAUSE * (1 << failed.min(8)) / 2);
            bar.suspend(|| tracing::warn!("{url}: {reason}; tries again in {:.1} s", pause.as_secs_f32()));
            thread::sleep(pause);
        }
    }

    /// One request, from where `part` ends to the end of the file.
    fn try_once(&self, url: &str, part: &mut Part, expected: &Expected, bar: &ProgressBar) -> Result<(), Trouble> {
        if expected.bytes == Some(part.length()) {
            return Ok(());
        }
        if part.length() > 0 && part.etag(url).is_none() && expected.sha256.is_none() {
            part.restart()?;
        }
        let mut request = self.agent.get(url);
        if part.length() > 0 {
            request = request.header("Range", format!("bytes={}-", part.length()));
            if let Some(etag) = part.etag(url) {
                request = request.header("If-Range", etag);
            }
        }
        let mut response = request.call().map_err(|error| self.trouble(error))?;
        if url.starts_with("https://") && response.get_uri().scheme_str() != Some("https") {
            return Err(anyhow!("leads to {}, which is not encrypted", response.get_uri()).into());
        }
        let length = length_of(&response, url, part)?;
        if let (Some(length), Some(bytes)) = (length, expected.bytes)
            && length != bytes
        {
            return Err(anyhow!("the server offers {length} bytes, expected {bytes}").into());
        }
        let is_chunked = response.headers().contains_key(TRANSFER_ENCODING);
        let Some(limit) = length.or(expected.bytes).or(is_chunked.then_some(u64::MAX)) else {
            return Err(anyhow!("neither the manifest nor the server says how long the file is").into());
        };
        part.remember(url, strong_etag(response.headers()))?;
        if limit < u64::MAX {
            bar.set_length(limit);
        }
        self.receive(response.body_mut(), part, limit, bar)?;
        let wanted = length.or(expected.bytes);
        match wanted.filter(|wanted| *wanted != part.length()) {
            Some(wanted) => Err(Trouble::Passing(format!("the body ended after {} of {wanted} bytes", part.length()))),
            None => Ok(()),
        }
    }

    fn receive(&self, body: &mut Body, part: &mut Part, limit: u64, bar: &ProgressBar) -> Result<(), Trouble> {
        let mut reader = body.as_reader();
        let mut piece = vec![0; 1 << 16];
        loop {
            bar.set_position(part.length());
            let count = match reader.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) => return Err(self.trouble(error.into())),
            };
            if part.length() + count as u64 > limit {
                part.restart()?;
                return Err(anyhow!("the server sends more than {limit} bytes").into());
            }
            part.append(piece.get(..count).unwrap_or_default())?;
        }
    }

    fn trouble(&self, error: ureq::Error) -> Trouble {
        use ureq::Error;
        match error {
            Error::Timeout(_) => Trouble::Passing(format!("the server sends nothing for {} s", self.timeout.as_secs())),
            Error::Io(error) => Trouble::Passing(error.to_string()),
            Error::ConnectionFailed | Error::Protocol(_) | Error::ConnectProxyFailed(_) | Error::BodyStalled => {
                Trouble::Passing(error.to_string())
            }
            error => Trouble::Lasting(error.into()),
        }
    }
}

/// How long the whole file is by the head of the answer, where it says so. After this, `part` ends where the body
/// begins.
fn length_of(response: &Response<Body>, url: &str, part: &mut Part) -> Result<Option<u64>, Trouble> {
    let (status, headers) = (response.status(), response.headers());
    match status {
        StatusCode::OK => {
            if part.length() > 0 {
                // The server knows no ranges, or its file is another one than before.
                part.restart()?;
            }
            Ok(response.body().content_length())
        }
        StatusCode::PARTIAL_CONTENT => {
            let range = headers.get(CONTENT_RANGE).and_then(|value| ContentRange::parse(value.to_str().ok()?));
            let same_version = match (part.etag(url), strong_etag(headers)) {
                (Some(before), Some(now)) => before == now,
                _ => true,
            };
            match range.filter(|range| same_version && range.first == part.length() && range.is_to_the_end()) {
                Some(range) => Ok(Some(range.length)),
                None => {
                    let found = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok()).unwrap_or("none");
                    let reason = format!("Content-Range is {found}, expected the rest from byte {}", part.length());
                    part.restart()?;
                    Err(Trouble::Passing(reason))
                }
            }
        }
        StatusCode::RANGE_NOT_SATISFIABLE if part.length() > 0 => {
            let reason = format!("the server's file ends before byte {}", part.length());
            part.restart()?;
            Err(Trouble::Passing(reason))
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Err(Trouble::Passing(format!("the server answers {status}")))
        }
        status if status.is_server_error() => Err(Trouble::Passing(format!("the server answers {status}"))),
        status @ (StatusCode::NOT_FOUND | StatusCode::GONE) => {
            Err(Absent::error(&format!("the server answers {status}")).into())
        }
        status => Err(anyhow!("the server answers {status}").into()),
    }
}

/// A weak one (`W/"…"`) names what is alike, not what is equal.
fn strong_etag(headers: &HeaderMap) -> Option<&str> {
    headers.get(ETAG)?.to_str().ok().filter(|etag| etag.starts_with('"'))
}

/// `Content-Range: bytes 5-9/10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ContentRange {
    first: u64,
    last: u64,
    length: u64,
}

impl ContentRange {
    fn parse(text: &str) -> Option<Self> {
        let (range, length) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let number = |text: &str| text.trim().parse().ok();
        Some(Self { first: number(first)?, last: number(last)?, length: number(length)? })
    }

    fn is_to_the_end(&self) -> bool {
        self.last.checked_add(1) == Some(self.length)
    }
}

fn copy(from: &Path, part: &mut Part, expected: &Expected, bar: &ProgressBar) -> Result<()> {
    let mut file = match open_regular(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!(Absent(format!("{} is not there", from.display())));
        }
        opened => opened.with_context(|| from.display().to_string())?,
    };
    // Before its length is compared: a pointer in place of a file has another one, and the better reason.
    zoo::check_contents(from, from).map_err(|reason| anyhow!("{reason}"))?;
    let length = file.metadata().with_context(|| from.display().to_string())?.len();
    if let Some(bytes) = expected.bytes.filter(|bytes| *bytes != length) {
        bail!("{} holds {length} bytes, expected {bytes}", from.display());
    }
    bar.set_length(length);
    let mut piece = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut piece).with_context(|| from.display().to_string())?;
        if count == 0 {
            return Ok(());
        }
        part.append(piece.get(..count).unwrap_or_default())?;
        bar.set_position(part.length());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_is_read_or_refused() {
        let range = ContentRange::parse("bytes 5-9/10").unwrap();
        assert_eq!(range, ContentRange { first: 5, last: 9, length: 10 });
        assert!(range.is_to_the_end());
        assert!(!ContentRange::parse("bytes 5-8/10").unwrap().is_to_the_end());
        for text in ["", "bytes */10", "bytes 5-9/*", "bytes 5-9", "items 5-9/10", "bytes -5-9/10", "bytes 5-9/1e9"] {
            assert_eq!(ContentRange::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_a_strong_etag_names_bytes() {
        let mut headers = HeaderMap::new();
        assert_eq!(strong_etag(&headers), None);
        headers.insert(ETAG, "W/\"a\"".parse().unwrap());
        assert_eq!(strong_etag(&headers), None);
        headers.insert(ETAG, "\"a\"".parse().unwrap());
        assert_eq!(strong_etag(&headers), Some("\"a\""));
    }
}
