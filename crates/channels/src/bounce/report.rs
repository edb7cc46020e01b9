//! Reads reports: of delivery (RFC 3464) and of abuse (RFC 5965).

use super::BounceKind;
use mail_parser::{Message, MessageParser, MimeHeaders};

/// What a report says, and in which words; nothing where the mail is none, or reports that all went well.
pub(super) fn read(mail: &[u8]) -> Option<(BounceKind, String)> {
    let mail = MessageParser::default().parse(mail)?;
    if let Some(fields) = part(&mail, "delivery-status") {
        let statuses = fields.iter().filter(|(name, _)| name == "status").map(|(_, status)| status.as_str());
        return statuses.filter_map(delivery).max_by_key(|(kind, _)| *kind);
    }
    let fields = part(&mail, "feedback-report")?;
    let (_, kind) = fields.into_iter().find(|(name, _)| name == "feedback-type")?;
    match kind.to_ascii_lowercase().as_str() {
        "not-spam" | "auth-failure" => None,
        known @ ("abuse" | "fraud" | "virus" | "opt-out") => {
            Some((BounceKind::Complaint, format!("the reader's provider reported {known}")))
        }
        _ => Some((BounceKind::Complaint, "the reader's provider reported a complaint".to_owned())),
    }
}

/// An enhanced status (RFC 3463): `5.1.1`. What the receiver's policy or a full mailbox refuses may be an address that is
/// there, and suppressing those would empty a list on the day on which a server is on a block list.
fn delivery(status: &str) -> Option<(BounceKind, String)> {
    let mut numbers = status.split_whitespace().next()?.splitn(3, '.').map(|n| n.parse::<u16>().ok());
    let (class, subject, detail) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let kind = match (class, subject, detail) {
        (5, 7, _) | (5, 2, 2) | (4, ..) => BounceKind::Soft,
        (5, ..) => BounceKind::Hard,
        _ => return None,
    };
    Some((kind, format!("the receiver reported {class}.{subject}.{detail}")))
}

/// The fields of the part `message/…` of a report.
fn part(mail: &Message<'_>, subtype: &str) -> Option<Vec<(String, String)>> {
    let part = mail.parts.iter().find(|part| {
        part.content_type().is_some_and(|t| {
            t.ctype().eq_ignore_ascii_case("message")
                && t.subtype().is_some_and(|s| s.eq_ignore_ascii_case(subtype))
        })
    })?;
    let text = String::from_utf8_lossy(part.contents()).into_owned();
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    Some(fields.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned())).collect())
}
