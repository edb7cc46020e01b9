//! Addresses as customers' data has them, and the one spelling of each.

use lettre::Address;
use std::collections::BTreeSet;
use tidings_plan::Addresses;
use url::Host;

/// Reads the addresses of a project's channels.
#[derive(Clone, Debug, Default)]
pub struct AddressBook {
    mail: BTreeSet<String>,
}

impl AddressBook {
    /// `mail` are the channels, besides `email`, whose addresses are mail addresses.
    pub fn new(mail: impl IntoIterator<Item = String>) -> AddressBook {
        AddressBook { mail: mail.into_iter().collect() }
    }
}

impl Addresses for AddressBook {
    fn normalise(&self, channel: &str, raw: &str) -> Option<String> {
        match channel {
            "email" => email_address(raw),
            "sms" | "mms" | "phone" | "whatsapp" => phone(raw),
            other if self.mail.contains(other) => email_address(raw),
            _ => {
                let name = raw.trim();
                let fits = !name.is_empty() && name.len() <= 256 && !name.contains(char::is_control);
                fits.then(|| name.to_owned())
            }
        }
    }
}

/// A mail address: without the blanks around it, the domain in lower case and in its ASCII spelling.
/// What stands before the `@` is left as it is, since its case may matter.
pub fn email_address(raw: &str) -> Option<String> {
    let (local, domain) = raw.trim().rsplit_once('@')?;
    let Ok(Host::Domain(domain)) = Host::parse(domain) else { return None };
    let domain = domain.trim_end_matches('.');
    if local.is_empty() || local.chars().count() > 64 || !domain.contains('.') {
        return None;
    }
    let address = Address::new(local, domain).ok()?.to_string();
    (address.len() <= 254 && !address.contains(|c: char| c.is_control() || c.is_whitespace()))
        .then_some(address)
}

/// A phone number: 6 to 15 digits, perhaps with a `+` before them; blanks and dashes are taken out.
pub fn phone(raw: &str) -> Option<String> {
    let number: String = raw.trim().chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let digits = number.strip_prefix('+').unwrap_or(&number);
    (digits.bytes().all(|b| b.is_ascii_digit()) && (6..=15).contains(&digits.len())).then_some(number)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses_have_one_spelling() {
        for (raw, want) in [
            (" Ann@Shop.Example ", "Ann@shop.example"),
            ("li@公司.cn", "li@xn--55qx5d.cn"),
            ("o'neil+x@a-b.co.uk", "o'neil+x@a-b.co.uk"),
            ("ann@shop.example.", "ann@shop.example"),
        ] {
            assert_eq!(email_address(raw).unwrap(), want);
        }
        let long = format!("{}@shop.example", "x".repeat(65));
        for raw in [
            "",
            "ann",
            "@shop.example",
            "ann@",
            "ann@localhost",
            "ann@1.2.3.4",
            "ann@[::1]",
            "a b@shop.example",
            "ann@shop.example\r\nRCPT TO:<all@shop.example>",
            "ann\0@shop.example",
            "\"ann lee\"@shop.example",
            "<ann@shop.example>",
            "ann@shop.example, bob@shop.example",
            &long,
        ] {
            assert_eq!(email_address(raw), None, "{raw}");
        }
    }

    #[test]
    fn phone_numbers_have_one_spelling() {
        assert_eq!(phone(" +86 138-0013 8000").unwrap(), "+8613800138000");
        assert_eq!(phone("10086 0").unwrap(), "100860");
        for raw in
            ["", "12345", "1234567890123456", "+", "86+13800138000", "１３８００１３８０００", "call me"]
        {
            assert_eq!(phone(raw), None, "{raw}");
        }
    }

    #[test]
    fn each_channel_reads_its_own_kind() {
        let book = AddressBook::new(["newsletter".to_owned()]);
        assert_eq!(book.normalise("newsletter", "A@B.example").unwrap(), "A@b.example");
        assert_eq!(book.normalise("sms", "A@B.example"), None);
        assert_eq!(book.normalise("wechat", " oX4-_ "), Some("oX4-_".into()));
        assert_eq!(book.normalise("wechat", " \n "), None);
    }
}
