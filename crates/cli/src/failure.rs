//! What keeps a command from being carried out, in words for people.

use std::fmt;

/// A message; errors from outside are taken as they speak.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure with its words.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure(error.to_string())
    }
}
