//! Mail servers and services, and the mailboxes that bounces come to.

use super::{Part, Sheet};
use std::time::Duration;
use tidings_channels::{Clock, probe};
use tidings_project::Project;

/// How long each may take.
const LONGEST: Duration = Duration::from_secs(15);

pub(super) async fn look(project: &Project, alone: bool, clock: &Clock, sheet: &mut Sheet) {
    let delivery = &project.config.delivery;
    if delivery.is_empty() {
        sheet.fine(Part::Channels, "there are none: everything is caught in the sandbox");
        return;
    }
    mailboxes(project, sheet);
    if alone {
        sheet.fine(Part::Channels, "mail servers and services were not asked");
        return;
    }
    for probed in probe(delivery, &project.folder, LONGEST, clock).await {
        let of = &probed.of;
        match probed.result {
            Ok(answered) => {
                let took = answered.took.as_millis();
                sheet.fine(Part::Channels, format!("{of}: {}, after {took} ms", answered.said));
                let whose = format!("the clock of {of}");
                answered.ahead.into_iter().for_each(|ahead| sheet.clock(Part::Channels, &whose, ahead));
            }
            Err(why) => {
                let mend = "its sends wait, or fail, until that is mended";
                sheet.broken(Part::Channels, format!("{of}: {why}"), mend);
            }
        }
    }
}

fn mailboxes(project: &Project, sheet: &mut Sheet) {
    for (name, channel) in &project.config.delivery.channels {
        let mailbox = channel.smtp().and_then(|smtp| smtp.bounces.as_ref()?.mailbox.as_ref());
        let Some(mailbox) = mailbox.map(|mailbox| project.folder.join(mailbox)) else { continue };
        if let Err(error) = std::fs::metadata(&mailbox) {
            let said = format!("channels: {name}: the mailbox {} cannot be read: {error}", mailbox.display());
            sheet.warn(Part::Channels, said, "bounces are not noticed before it is there");
        }
    }
}
