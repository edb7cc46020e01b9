//! Secrets: named in the configuration as `env:NAME` or `file:PATH`, read when they are needed, never shown.

use secrecy::{ExposeSecret, SecretString};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a secret is kept. Its value is nowhere but in what [`Secret::resolve`] answers.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// In a variable of the environment.
    Env(String),
    /// In a file, whose last line break does not count. A relative path is the project's.
    File(PathBuf),
}

/// The value of a header field: text, and perhaps a secret after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What stands before the secret, or all of it.
    pub text: String,
    /// The secret.
    pub secret: Option<Secret>,
}

impl Secret {
    /// Reads `env:NAME` or `file:PATH`.
    pub fn parse(text: &str) -> Option<Secret> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() && !name.contains(['=', '\0', ' ']) => {
                Some(Secret::Env(name.into()))
            }
            Some(("file", path)) if !path.is_empty() => Some(Secret::File(path.into())),
            _ => None,
        }
    }

    /// The value. `folder` is the project's. The error names the place, never the value.
    pub fn resolve(&self, folder: &Path) -> Result<SecretString, String> {
        let value = match self {
            Secret::Env(name) => std::env::var(name).map_err(|_| {
                format!("the environment variable {name} is not set; `env:{name}` stands for its value")
            })?,
            Secret::File(path) => std::fs::read_to_string(folder.join(path))
                .map_err(|e| format!("the secret in {} cannot be read: {e}", folder.join(path).display()))?,
        };
        let value = value.trim_end_matches(['\r', '\n']);
        if value.is_empty() {
            return Err(format!("the secret in {self:?} is empty"));
        }
        Ok(value.into())
    }
}

impl Header {
    /// Reads `application/json` or `Bearer env:TOKEN`.
    fn parse(text: &str) -> Header {
        let (before, last) = text.rsplit_once(' ').map_or(("", text), |(a, b)| (a, b));
        match Secret::parse(last) {
            Some(secret) if before.is_empty() => Header { text: String::new(), secret: Some(secret) },
            Some(secret) => Header { text: format!("{before} "), secret: Some(secret) },
            None => Header { text: text.into(), secret: None },
        }
    }

    /// The whole value.
    pub fn resolve(&self, folder: &Path) -> Result<SecretString, String> {
        match &self.secret {
            None => Ok(self.text.as_str().into()),
            Some(secret) => Ok(format!("{}{}", self.text, secret.resolve(folder)?.expose_secret()).into()),
        }
    }
}

impl fmt::Debug for Secret {
    /// The place, as it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::Env(name) => write!(f, "env:{name}"),
            Secret::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Secret, D::Error> {
        d.deserialize_any(Place)
    }
}

/// Refuses everything but a place, without a word of what was written: it may be the secret itself.
struct Place;

impl<'de> Visitor<'de> for Place {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the place of a secret, as env:NAME or file:PATH")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
        Secret::parse(text).ok_or_else(literal)
    }
    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Secret, E> {
        Err(literal())
    }
    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Secret, E> {
        Err(literal())
    }
    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Secret, E> {
        Err(literal())
    }
    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Secret, E> {
        Err(literal())
    }
}

fn literal<E: de::Error>() -> E {
    E::custom(
        "a secret does not stand in this file; put it into an environment variable and write env:NAME, \
         or into a file and write file:PATH",
    )
}

/// Header fields. Those whose names say that they carry a secret must name its place.
pub(crate) fn headers<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<String, Header>, D::Error> {
    let written = BTreeMap::<String, String>::deserialize(d)?;
    let mut fields = BTreeMap::new();
    for (name, text) in written {
        let header = Header::parse(&text);
        let lower = name.to_ascii_lowercase();
        let words = ["authorization", "cookie", "token", "secret", "password", "api-key", "apikey"];
        if header.secret.is_none() && words.iter().any(|w| lower.contains(w)) {
            return Err(de::Error::custom(format!(
                "the header {name} carries a secret, and secrets do not stand in this file; put it into an \
                 environment variable and write `{name}: Bearer env:NAME` or `{name}: env:NAME`"
            )));
        }
        fields.insert(name, header);
    }
    Ok(fields)
}
