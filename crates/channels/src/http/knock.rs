//! Whether a service is there.

use super::guard::checked;
use super::{Clock, WHOLE, client, reason};
use crate::config::HttpConfig;
use crate::tls::client_config;
use chrono::DateTime;
use reqwest::Method;
use reqwest::header::{AGE, CACHE_CONTROL, DATE, HeaderName};
use std::path::Path;

/// Asks a service's server for the headers of `/`. Neither the address's path nor our headers go there, which may be
/// secrets, so any answer says that it is there. With it, how far its clock is ahead of ours, in microseconds: a proxy
/// that answers in its place hands on the server's time of then, and says how long ago that was.
pub(crate) async fn knock(
    config: &HttpConfig,
    folder: &Path,
    clock: &Clock,
) -> Result<(String, Option<i64>), String> {
    let (mut url, reach) = checked(&config.url, config.private_network)?;
    url.set_path("/");
    url.set_query(None);
    url.set_fragment(None);
    let ca_file = config.ca_file.as_ref().map(|file| folder.join(file));
    let client = client(reach, client_config(ca_file.as_deref())?, WHOLE)?;
    let request = client.request(Method::HEAD, url.clone()).header(CACHE_CONTROL, "no-cache");
    let answer = request.send().await.map_err(|e| reason(&e))?;
    let header = |name: HeaderName| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let date = header(DATE).and_then(|date| DateTime::parse_from_rfc2822(date).ok());
    let age = header(AGE).and_then(|age| age.trim().parse::<u32>().ok()).map_or(0, i64::from);
    let host = url.host_str().unwrap_or_default();
    let said = format!("{host} is there ({} to HEAD /)", answer.status().as_u16());
    Ok((said, date.map(|date| date.timestamp_micros() + age * 1_000_000 - clock())))
}
