//! The configuration of mails (`mail.`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::knobs::Knobs;
use crate::strategy::{MailServer, WelcomeMail};

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
    /// fail or wait, with a database connection each. Default `outbox`. A knob.
    pub welcome: WelcomeMail,
}

impl Default for MailConfig {
    fn default() -> Self {
        let knobs = Knobs::default();
        Self {
            server: knobs.mail_server,
            slow_by: knobs.mail_slow_by,
            welcome: knobs.mail_welcome,
        }
    }
}
