//! The pages that a reader sees who unsubscribes, in the reader's language. They name nobody, and load nothing.

use crate::template::escaped;

/// What the page allows itself: the one style below, and its own form.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'sha256-niaNx0aRTNK+0H05q0gP6JaAIBLSdtSyZGObWag8ptU='; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const STYLE: &str = "body{font:1.1em/1.6 system-ui,sans-serif;max-width:32em;margin:15vh auto;padding:0 1em}\
                     button{font:inherit;padding:.5em 1.5em}:root{color-scheme:light dark}";

/// What there is to say. Messages come through a channel: `email`, `sms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page<'a> {
    /// Asks: a link was followed, perhaps by a program, and nothing has changed. Its button POSTs to the same address.
    Asks(&'a str),
    /// It is done.
    Done(&'a str),
    /// The link was that of a test message.
    Test,
    /// It could not be noted.
    NotNow,
    /// The link is not one of ours.
    Unknown,
}

#[derive(Clone, Copy, PartialEq)]
enum Language {
    English,
    Chinese,
}

impl Page<'_> {
    /// The page as HTML. `accepted` is the request's `Accept-Language`: English unless Chinese is liked better.
    pub fn html(self, accepted: &str) -> String {
        let language = liked(accepted);
        let (tag, (title, text)) = match language {
            Language::English => ("en", self.english()),
            Language::Chinese => ("zh-Hans", self.chinese()),
        };
        let form = match self {
            Page::Asks(_) => format!("<form method=\"post\"><button>{title}</button></form>"),
            _ => String::new(),
        };
        format!(
            "<!doctype html>\n<html lang=\"{tag}\"><head><meta charset=\"utf-8\"><title>{title}</title>\
             <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"robots\" content=\"noindex\">\
             <style>{STYLE}</style></head><body><h1>{title}</h1><p>{text}</p>{form}</body></html>\n"
        )
    }

    fn english(self) -> (&'static str, String) {
        let named = |channel: &str| match channel {
            "sms" => "text message".to_owned(),
            other => escaped(other),
        };
        match self {
            Page::Asks(channel) => (
                "Unsubscribe",
                format!("Press the button, and you get no more advertising by {}.", named(channel)),
            ),
            Page::Done(channel) => {
                ("You are unsubscribed", format!("You get no more advertising by {}.", named(channel)))
            }
            Page::Test => ("A test", "This was the link of a test message. Nothing has changed.".into()),
            Page::NotNow => {
                ("Not yet", "This could not be noted just now. Please try again in a minute.".into())
            }
            Page::Unknown => (
                "This link is not valid",
                "Perhaps it was cut off. Please use the link in the latest message that you got.".into(),
            ),
        }
    }

    fn chinese(self) -> (&'static str, String) {
        let named = |channel: &str| match channel {
            "email" => "邮件".to_owned(),
            "sms" => "短信".to_owned(),
            other => format!("“{}”", escaped(other)),
        };
        match self {
            Page::Asks(channel) => {
                ("退订", format!("点击按钮后，您将不再收到通过{}发送的营销信息。", named(channel)))
            }
            Page::Done(channel) => ("已退订", format!("您将不再收到通过{}发送的营销信息。", named(channel))),
            Page::Test => ("测试", "这是测试消息中的链接，没有任何更改。".into()),
            Page::NotNow => ("暂时未能完成", "刚才未能保存您的选择，请稍后再试。".into()),
            Page::Unknown => ("链接无效", "链接可能不完整，请使用您收到的最新一条消息中的链接。".into()),
        }
    }
}

/// The language that is liked best; the first of several that are liked equally.
fn liked(accepted: &str) -> Language {
    let languages = accepted.split(',').take(20).filter_map(|part| {
        let (tag, quality) = part.split_once(";q=").unwrap_or((part, "1"));
        let quality = quality.trim().parse::<f32>().ok().filter(|q| *q > 0.0)?;
        match tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "en" => Some((quality, Language::English)),
            "zh" => Some((quality, Language::Chinese)),
            _ => None,
        }
    });
    let best = languages.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map_or(Language::English, |(_, language)| language)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    #[test]
    fn pages_are_in_the_readers_language() {
        for (accepted, tag) in [
            ("", "en"),
            ("fr", "en"),
            ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
            ("en;q=0.5, ZH-tw;q=0.7", "zh-Hans"),
            ("en,zh", "en"),
            ("zh;q=0,en;q=0.1", "en"),
            ("zh;q=x", "en"),
        ] {
            assert!(Page::Unknown.html(accepted).contains(&format!("lang=\"{tag}\"")), "{accepted}");
        }
    }

    #[test]
    fn only_the_page_that_asks_has_a_form_and_none_loads_anything() {
        let hostile = "<script>alert(1)</script>\"'";
        for accepted in ["en", "zh"] {
            for page in [Page::Asks(hostile), Page::Done(hostile), Page::Test, Page::NotNow, Page::Unknown] {
                let html = page.html(accepted);
                assert_eq!(html.contains("<form method=\"post\">"), page == Page::Asks(hostile));
                for never in ["<script", "http", "src=", "href=", "<img", "<link"] {
                    assert!(!html.contains(never), "{never}: {html}");
                }
            }
        }
        let hash = STANDARD.encode(Sha256::digest(STYLE));
        assert!(CONTENT_SECURITY_POLICY.contains(&format!("'sha256-{hash}'")), "the style's hash is {hash}");
    }
}
