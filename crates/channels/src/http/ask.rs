//! Asking a service whether it carried out the send of a key.

use super::answer::hear;
use super::body;
use super::guard::checked;
use super::{WHOLE, client, headers, reason};
use crate::config::{AskConfig, HttpConfig, OkConfig};
use crate::template::{Text, Values};
use crate::tls::client_config;
use reqwest::header::HeaderMap;
use reqwest::{Client, Url};
use serde_json::json;
use std::path::Path;
use tidings_plan::{Asked, Key};

/// Where a service is asked.
pub(crate) struct Asker {
    client: Client,
    url: Text,
    headers: HeaderMap,
    ok: Option<OkConfig>,
}

impl Asker {
    /// Asks a service that also takes requests, with the same secrets and so on the same host.
    pub(super) fn beside(
        ask: &AskConfig,
        config: &HttpConfig,
        service: &Url,
        client: &Client,
        own: &HeaderMap,
        folder: &Path,
    ) -> Result<Asker, String> {
        let (url, _) = checked(&plain(&ask.url), config.private_network)?;
        if (url.host_str(), url.port_or_known_default())
            != (service.host_str(), service.port_or_known_default())
        {
            return Err(format!(
                "on_unknown: `{}` is not on the host of `{service}`, and would get its secrets",
                ask.url
            ));
        }
        let mut all = own.clone();
        all.extend(headers(&ask.headers, folder)?);
        let ok = ask.ok.as_ref().or(config.ok.as_ref()).cloned();
        Ok(Asker { client: client.clone(), url: compiled(&ask.url)?, headers: all, ok })
    }

    /// Asks a service that is otherwise reached in another way: what a mail provider knows of its mails.
    pub(crate) fn alone(ask: &AskConfig, folder: &Path) -> Result<Asker, String> {
        let (_, reach) = checked(&plain(&ask.url), false)?;
        let client = client(reach, client_config(None)?, WHOLE)?;
        let headers = headers(&ask.headers, folder)?;
        Ok(Asker { client, url: compiled(&ask.url)?, headers, ok: ask.ok.clone() })
    }

    /// 200 means that it happened, 404 that it did not. `code` is where a coupon's code stands in the answer.
    pub(crate) async fn ask(&self, key: Key, code: Option<&str>) -> Asked {
        let values = json!({"key": key.to_string()});
        let url = Values::new(values.as_object().unwrap_or(&Default::default()))
            .and_then(|v| self.url.render(&v.0, 4096));
        let url = match url {
            Ok(url) => url,
            Err(why) => return Asked::CannotTell(why),
        };
        match self.client.get(url).headers(self.headers.clone()).send().await {
            Ok(response) => hear(response, 0).await.asked(code, self.ok.as_ref()),
            Err(e) => Asked::CannotTell(reason(&e)),
        }
    }
}

/// The address without the braces of its values, which no address may have.
fn plain(url: &str) -> String {
    url.replace(['{', '}', ' '], "")
}

fn compiled(url: &str) -> Result<Text, String> {
    let program = body::compiled(url)?;
    if program.variables().iter().all(|(path, _)| path != "key") {
        return Err(format!("on_unknown: `{url}` has to contain {{{{ key }}}}"));
    }
    Ok(program)
}
