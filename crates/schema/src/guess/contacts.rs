//! How customers are reached, and whether they said yes. A consent is never invented.

use super::words::Words;
use super::{ContactGuess, CustomerTable};
use crate::types::Type;
use crate::vocabulary::Attribute;

const EMAIL: &[&str] = &["email", "mail", "邮箱", "邮件"];
const PHONE: &[&str] = &["phone", "mobile", "tel", "telephone", "sms", "cell", "手机", "电话", "短信"];
const CONSENT: &[&str] =
    &["consent", "optin", "subscribed", "subscription", "newsletter", "marketing", "同意", "订阅", "许可"];
/// Yes in these columns means no.
const REFUSAL: &[&str] =
    &["unsub", "optout", "optedout", "nocontact", "donot", "blocked", "bounced", "退订", "拒", "不"];

/// Finds the channels, email first.
pub(super) fn find(customer: &CustomerTable, notes: &mut Vec<String>) -> Vec<ContactGuess> {
    let channels: [(&str, &[&str], &[&str]); 2] = [("email", EMAIL, PHONE), ("sms", PHONE, EMAIL)];
    let found = channels.into_iter().filter_map(|(channel, words, others)| {
        let address = customer.attributes.iter().find(|a| a.ty == Type::Text && words_of(a).has(words))?;
        let consents = || customer.attributes.iter().filter(|a| is_consent(a));
        let own = consents().find(|a| words_of(a).has(words));
        let shared = consents().find(|a| !words_of(a).has(others));
        notes.push(match (own, shared) {
            (Some(consent), _) => format!("{channel} goes to {}, with consent in {}", address.name, consent.name),
            (None, Some(consent)) => {
                format!("{channel} goes to {}, with consent in {}: make sure that it is meant for {channel} too", address.name, consent.name)
            }
            (None, None) => {
                format!("{channel} could go to {}, but no column says who agreed: name one in schema.yaml to use it", address.name)
            }
        });
        let consent = own.or(shared).map(|a| a.name.clone());
        Some(ContactGuess { channel, address: address.name.clone(), consent })
    });
    found.collect()
}

fn words_of(attribute: &Attribute) -> Words {
    Words::of(&attribute.storage.column)
}

fn is_consent(attribute: &Attribute) -> bool {
    let name = words_of(attribute).joined();
    attribute.ty == Type::YesNo
        && CONSENT.iter().any(|c| name.contains(c))
        && !REFUSAL.iter().any(|r| name.contains(r))
}
