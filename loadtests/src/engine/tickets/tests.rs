//! Who gets which ticket, and what becomes of those that nobody takes up.

#![allow(clippy::unwrap_used)]

use super::*;

fn ticket(seq: u64) -> Assignment {
    Assignment {
        seq,
        phase: 0,
        journey: 0,
        intended: seq * 1000,
        released: Some(seq * 1000),
        waited: false,
    }
}

fn release(desk: &Desk, seqs: &[u64]) {
    desk.release(
        &mut seqs.iter().map(|seq| ticket(*seq)).collect(),
        &mut Vec::new(),
    );
}

fn seq_in_hand(desk: &Desk, user: usize) -> Option<u64> {
    desk.put_down(user).map(|assignment| assignment.seq)
}

#[test]
fn the_last_to_come_back_is_the_first_to_go() {
    let desk = Desk::new(3, 0);
    desk.join(0, true);
    desk.join(1, true);
    desk.join(2, false);
    release(&desk, &[10, 11]);
    assert_eq!(
        (seq_in_hand(&desk, 1), seq_in_hand(&desk, 0)),
        (Some(10), Some(11))
    );
    desk.come_back(0);
    desk.come_back(1);
    release(&desk, &[12]);
    assert_eq!(
        (seq_in_hand(&desk, 1), seq_in_hand(&desk, 2)),
        (Some(12), None)
    );
}

#[test]
fn without_an_idle_user_tickets_wait_in_order_and_are_marked() {
    let desk = Desk::new(1, 0);
    desk.join(0, true);
    release(&desk, &[1, 2, 3]);
    assert!(!desk.put_down(0).unwrap().waited);
    desk.come_back(0);
    let second = desk.put_down(0).unwrap();
    assert_eq!((second.seq, second.waited), (2, true));
    let mut expired = Vec::new();
    desk.take_waiting(2999, &mut expired);
    assert!(expired.is_empty());
    desk.take_waiting(3000, &mut expired);
    assert_eq!(
        expired
            .iter()
            .map(|assignment| assignment.seq)
            .collect::<Vec<_>>(),
        [3]
    );
    desk.come_back(0);
    assert!(desk.wait_for_quiet(Duration::ZERO));
}

/// Two users and a reserve of one, all idle.
fn with_reserve() -> Desk {
    let desk = Desk::new(3, 1);
    for user in 0..3 {
        desk.join(user, true);
    }
    desk
}

#[tokio::test]
async fn what_is_not_taken_up_in_time_is_dealt_to_the_reserve_once() {
    let desk = with_reserve();
    let mut handed = Vec::new();
    // User 1 has the older one.
    release(&desk, &[10, 11]);
    assert_eq!(desk.deal_again(10_499, 500, &mut handed), Some(10_500));
    assert_eq!(desk.deal_again(10_500, 500, &mut handed), Some(11_500));
    assert_eq!(seq_in_hand(&desk, 1), None);
    assert_eq!(desk.next(2).await.map(|ticket| ticket.seq), Some(10));
    assert_eq!(desk.next(0).await.map(|ticket| ticket.seq), Some(11));
    assert_eq!(desk.deal_again(20_000, 500, &mut handed), None);
    // Whoever was too slow is idle already.
    for user in [0, 2] {
        assert!(desk.put_down(user).is_some());
        desk.come_back(user);
    }
    assert!(desk.wait_for_quiet(Duration::ZERO));
}

#[tokio::test]
async fn users_that_are_busy_and_not_stopped_keep_their_tickets() {
    let desk = with_reserve();
    let mut handed = Vec::new();
    release(&desk, &[10, 11]);
    assert_eq!(desk.next(1).await.map(|ticket| ticket.seq), Some(10));
    // The second one is late, but the first was taken up a moment ago.
    assert_eq!(desk.deal_again(11_600, 500, &mut handed), Some(12_100));
    assert_eq!(seq_in_hand(&desk, 0), Some(11));
}

#[test]
fn without_an_idle_reserve_a_ticket_stays_where_it_is() {
    let desk = Desk::new(2, 1);
    desk.join(0, true);
    desk.join(1, true);
    release(&desk, &[10, 11]);
    assert_eq!(desk.deal_again(20_000, 500, &mut Vec::new()), None);
    assert_eq!(
        (seq_in_hand(&desk, 0), seq_in_hand(&desk, 1)),
        (Some(10), Some(11))
    );
}

#[tokio::test]
async fn a_closed_desk_gives_what_is_left_and_then_nothing() {
    let desk = Desk::new(1, 0);
    desk.join(0, true);
    assert!(desk.wait_for_users(Duration::ZERO));
    release(&desk, &[5]);
    assert!(!desk.wait_for_quiet(Duration::ZERO));
    desk.close();
    assert_eq!(desk.next(0).await.map(|assignment| assignment.seq), Some(5));
    assert!(desk.is_taken_up(0));
    assert!(
        desk.put_down(0).is_some() && desk.put_down(0).is_none(),
        "accounted for once"
    );
    desk.come_back(0);
    assert!(desk.next(0).await.is_none());
}
