//! The configuration of mails (`mail.`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::knobs::Knobs;
use crate::strategy::{MailServer, MessageIds, WelcomeMail};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailConfig {
    /// How the mail server is: `ok`, `down` or `slow`. Default `ok`. A knob.
    pub server: MailServer,
    /// How long a slow mail server takes for each mail. Default 5s. A knob.
    #[serde(with = "crate::duration")]
    pub slow_by: Duration,
    /// When the mail to a new member is sent. With `outbox` after the registration is committed, by way of
    /// an event; with `inline`, the mistake, before: a mail server that is down or slow makes registrations
    /// fail or wait, with a database connection each. With `after_commit`, the other mistake, straight after
    /// the commit and from memory: what the mail server does not take at once, or what this process has not
    /// sent when it dies, is lost. Default `outbox`. A knob.
    pub welcome: WelcomeMail,
    /// What the mail server knows a mail by that it was given before. An event that is handled again, after a
    /// crash between its mail and its mark, is handed over again; `per_event` makes that the same mail,
    /// `per_attempt`, the mistake, a second one. Default `per_event`. A knob.
    pub message_ids: MessageIds,
}

impl Default for MailConfig {
    fn default() -> Self {
        let knobs = Knobs::default();
        Self {
            server: knobs.mail_server,
            slow_by: knobs.mail_slow_by,
            welcome: knobs.mail_welcome,
            message_ids: knobs.mail_message_ids,
        }
    }
}
