//! Checks that everybody was told: what clients heard of their registrations, and what the service's rows say
//! has happened, against the mails that the mail server has taken.
//!
//! What the outbox marks as handled is believed by nobody here: a mark only tells what is late from what is
//! lost.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::record::{Deliveries, DeliveryCounts, MailRow};
use crate::scenario::Violation;

use super::violations::Violations;

const REGISTERED: &str = "member_registered";

/// Who was not told of something, or was told twice.
pub fn check_deliveries(deliveries: &Deliveries) -> Violations {
    let mut found = Violations::default();
    let open: HashSet<String> = deliveries
        .events
        .iter()
        .filter(|event| !event.is_done)
        .map(|event| name(&event.kind, event.subject))
        .collect();
    let mut missing = |event: &str, what: String| {
        let is_late = open.contains(event);
        let kind = if is_late {
            Violation::UndeliveredEvent
        } else {
            Violation::LostEvent
        };
        found.add(kind, what);
    };
    let welcomed: BTreeSet<&str> = welcomes(deliveries).map(|mail| &*mail.recipient).collect();
    let told: HashSet<&str> = deliveries.told.iter().map(String::as_str).collect();
    for member in &deliveries.members {
        let (id, email) = (member.id, &member.email);
        if !welcomed.contains(&**email) {
            let heard = if told.contains(&**email) {
                ", as the client was told"
            } else {
                ""
            };
            let what = format!("member {id} ({email}) is registered{heard}, and has no welcome");
            missing(&name(REGISTERED, id), what);
        }
    }
    let members: HashSet<&str> = deliveries.members.iter().map(|m| &*m.email).collect();
    for email in told.difference(&members) {
        let what = format!("{email} was told to be registered, and is no member");
        missing(email, what);
    }
    let sent: HashSet<&str> = deliveries.mails.iter().map(about).collect();
    for event in &deliveries.events {
        let event_name = name(&event.kind, event.subject);
        // A new member's is looked for by the address, above.
        if event.kind != REGISTERED && !sent.contains(&*event_name) {
            missing(&event_name, format!("no mail was sent of {event_name}"));
        }
    }
    for (to, mails) in mails_by_event(deliveries) {
        let count = mails.len();
        if count > 1 {
            let what = format!("{count} mails of {to}");
            found.add(Violation::DuplicateMail, what);
        }
    }
    found
}

/// What is counted besides.
pub fn count_deliveries(deliveries: &Deliveries) -> DeliveryCounts {
    let handed_over: i64 = deliveries.mails.iter().map(|mail| mail.handed_over).sum();
    let events = mails_by_event(deliveries).len() as u64;
    DeliveryCounts {
        told: deliveries.told.len() as u64,
        duplicates: handed_over.unsigned_abs().saturating_sub(events),
    }
}

fn name(kind: &str, subject: i64) -> String {
    format!("{kind}-{subject}")
}

/// The name of the event that a mail is about, without what makes the mail one of several.
fn about(mail: &MailRow) -> &str {
    let id = &*mail.message_id;
    let hyphens: Vec<usize> = id.match_indices('-').map(|(at, _)| at).collect();
    hyphens.get(1).map_or(id, |second| &id[..*second])
}

fn is_welcome(mail: &MailRow) -> bool {
    about(mail)
        .strip_prefix(REGISTERED)
        .is_some_and(|rest| rest.starts_with('-'))
}

fn welcomes(deliveries: &Deliveries) -> impl Iterator<Item = &MailRow> {
    deliveries.mails.iter().filter(|mail| is_welcome(mail))
}

/// Nobody is welcomed twice, whatever the mails are called.
fn mails_by_event(deliveries: &Deliveries) -> BTreeMap<String, Vec<&MailRow>> {
    let mut by_event: BTreeMap<String, Vec<&MailRow>> = BTreeMap::new();
    for mail in &deliveries.mails {
        let event = if is_welcome(mail) {
            format!("the registration of {}", mail.recipient)
        } else {
            about(mail).to_owned()
        };
        by_event.entry(event).or_default().push(mail);
    }
    by_event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{EventRow, MemberRow};

    fn event(kind: &str, is_done: bool) -> EventRow {
        EventRow {
            kind: kind.to_owned(),
            subject: 7,
            is_done,
        }
    }

    fn mail(message_id: &str) -> MailRow {
        MailRow {
            message_id: message_id.to_owned(),
            recipient: "kim@example.com".to_owned(),
            handed_over: 1,
        }
    }

    /// Everybody agrees.
    fn all_well() -> Deliveries {
        Deliveries {
            told: vec!["kim@example.com".to_owned()],
            members: vec![MemberRow {
                id: 7,
                email: "kim@example.com".to_owned(),
            }],
            events: vec![event(REGISTERED, true), event("order_paid", true)],
            mails: vec![mail("member_registered-7"), mail("order_paid-7")],
        }
    }

    fn codes(deliveries: &Deliveries) -> Vec<String> {
        let findings = check_deliveries(deliveries).findings(&BTreeSet::new());
        findings.into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn mails_of_all_that_has_happened_are_not_complained_of() {
        assert_eq!(codes(&all_well()), [""; 0]);
        assert_eq!(codes(&Deliveries::default()), [""; 0]);
        // Who hears nothing may be registered all the same.
        let unheard = Deliveries {
            told: Vec::new(),
            ..all_well()
        };
        assert_eq!(codes(&unheard), [""; 0]);
        let counts = DeliveryCounts {
            told: 1,
            duplicates: 0,
        };
        assert_eq!(count_deliveries(&all_well()), counts);
    }

    #[test]
    fn a_mail_that_is_missing_is_lost_whatever_the_outbox_says() {
        for lost in 0..2 {
            let mut one_lost = all_well();
            one_lost.mails.remove(lost);
            assert_eq!(codes(&one_lost), ["lost_event"]);
            // Nor does it need an event to be missed.
            one_lost.events.clear();
            let of_member = usize::from(lost == 0);
            assert_eq!(codes(&one_lost).len(), of_member);
        }
    }

    #[test]
    fn a_client_who_was_told_and_is_unknown_is_lost() {
        let unknown = Deliveries {
            told: vec!["kim@example.com".to_owned(), "lee@example.com".to_owned()],
            ..all_well()
        };
        assert_eq!(codes(&unknown), ["lost_event"]);
    }

    #[test]
    fn what_stands_in_the_outbox_still_is_late_and_not_lost() {
        let late = Deliveries {
            events: vec![event(REGISTERED, false), event("order_paid", false)],
            mails: Vec::new(),
            ..all_well()
        };
        let found = check_deliveries(&late);
        assert_eq!(codes(&late), ["undelivered_event"]);
        assert_eq!(
            found.counts([Violation::UndeliveredEvent].into_iter())[&Violation::UndeliveredEvent],
            2
        );
    }

    #[test]
    fn two_mails_of_one_event_are_one_too_many_under_whatever_names() {
        for second in ["member_registered-7-a1b2", "order_paid-7-a1b2"] {
            let mut twice = all_well();
            twice.mails.push(mail(second));
            assert_eq!(codes(&twice), ["duplicate_mail"], "{second}");
            assert_eq!(count_deliveries(&twice).duplicates, 1);
        }
        // The same mail, handed over again, is known and not sent.
        let mut again = all_well();
        again.mails[0].handed_over = 3;
        assert_eq!(codes(&again), [""; 0]);
        assert_eq!(count_deliveries(&again).duplicates, 2);
    }
}
