//! What becomes of orders whose checkout did not come to its end, or has not yet.

use futures_util::future::join_all;
use serde_json::json;
use target_service::flow::payer::PaymentStatus::{Failed, Pending, Refunded, Succeeded};

use super::{assert_given_back, assert_granted, assert_still_created, order, shop};
use crate::support::{Answer, Says, Shop, until};

#[tokio::test]
async fn an_order_whose_payment_is_not_certain_keeps_its_goods_until_it_is() {
    for (outcome, is_granted) in [(Succeeded, true), (Failed, false), (Refunded, false)] {
        let (shop, member) = shop().await;
        // However old it is: as long as the payment is not certain, nothing is.
        shop.set_knobs(&json!({"flow.settle_after": "0s"}));
        shop.payer.now_says(Says::Payment(Pending));
        let placed = shop.order_with_key(&order(member), "a").await;
        assert_eq!(
            (placed.status, &placed.body["status"]),
            (202, &json!("CREATED"))
        );
        assert_still_created(&shop, member, 1).await;
        shop.settle().await;
        assert_still_created(&shop, member, 1).await;
        let again = shop.order_with_key(&order(member), "a").await;
        assert_eq!((again.status, again.body), (202, placed.body));

        shop.payer.settle(1, outcome);
        // Several instances at once.
        join_all((0..8).map(|_| shop.settle())).await;
        if is_granted {
            assert_granted(&shop, member, 1).await;
            let again = shop.order_with_key(&order(member), "a").await;
            assert_eq!((again.status, &again.body["status"]), (201, &json!("PAID")));
        } else {
            assert_given_back(&shop, member, 1, "payment_failed").await;
        }
        assert_eq!(shop.payer.calls(), 1);
        assert_eq!(shop.payer.refunds(), [0]);
    }
}

#[tokio::test]
async fn an_order_whose_payment_went_through_unseen_is_granted_later() {
    let (shop, member) = shop().await;
    shop.payer.now_says(Says::UnclearButPaid);
    assert_eq!(shop.order(&order(member)).await.status, 202);
    assert_still_created(&shop, member, 1).await;
    shop.settle().await;
    assert_granted(&shop, member, 1).await;
}

#[tokio::test]
async fn an_order_without_a_payment_is_given_up_after_its_time_and_what_is_paid_then_goes_back() {
    let (shop, member) = shop().await;
    shop.payer.now_says(Says::UnclearAndNothing);
    assert_eq!(shop.order_with_key(&order(member), "a").await.status, 202);
    shop.settle().await;
    assert_still_created(&shop, member, 1).await;

    shop.set_knobs(&json!({"flow.settle_after": "0s"}));
    join_all((0..8).map(|_| shop.settle())).await;
    assert_given_back(&shop, member, 1, "never_paid").await;

    shop.payer.pay_late(1, member, 20);
    shop.settle().await;
    shop.settle().await;
    assert_eq!(shop.payer.payments(), [(20, Refunded)]);
    assert_eq!(shop.payer.refunds(), [1]);
    assert_given_back(&shop, member, 1, "never_paid").await;
    let left = "SELECT count(*) FROM orders WHERE look_at IS NOT NULL";
    assert_eq!(shop.number(left).await, 0);
}

#[tokio::test]
async fn a_payment_under_the_orders_id_that_is_not_for_it_does_not_count() {
    let (shop, member) = shop().await;
    shop.payer.now_says(Says::UnclearAndNothing);
    assert_eq!(shop.order(&order(member)).await.status, 202);
    shop.payer.pay_late(1, member, 19);
    shop.payer.pay_late(1, member + 1, 20);
    shop.settle().await;
    assert_still_created(&shop, member, 1).await;
    assert_eq!(shop.payer.refunds(), [0, 0]);
}

#[tokio::test]
async fn goods_that_cannot_be_granted_any_more_are_paid_back() {
    let (shop, member) = shop().await;
    shop.payer.now_says(Says::Payment(Pending));
    assert_eq!(shop.order(&order(member)).await.status, 202);
    shop.execute("UPDATE seats SET status = 'FREE', member_id = NULL, order_id = NULL")
        .await;
    shop.payer.settle(1, Succeeded);
    shop.settle().await;
    shop.settle().await;
    assert_given_back(&shop, member, 1, "goods_gone").await;
    assert_eq!(shop.payer.payments(), [(20, Refunded)]);
    assert_eq!(shop.payer.refunds(), [1]);
}

/// The payment has gone through, and its answer is still on its way to the checkout.
async fn with_the_answer_on_its_way<T>(
    shop: &Shop,
    member: i64,
    meanwhile: impl Future<Output = T>,
) -> Answer {
    let kept_back = shop.payer.keep_answers_back().await;
    let body = order(member);
    let placing = shop.order(&body);
    let meanwhile = async {
        until("the payment is made", async || shop.payer.calls() == 1).await;
        meanwhile.await;
        drop(kept_back);
    };
    let (answer, ()) = tokio::join!(placing, meanwhile);
    answer
}

#[tokio::test]
async fn what_the_settlement_has_granted_is_not_granted_again_by_the_checkout() {
    let (shop, member) = shop().await;
    let answer = with_the_answer_on_its_way(&shop, member, shop.settle()).await;
    assert_eq!(
        (answer.status, &answer.body["status"]),
        (201, &json!("PAID"))
    );
    assert_granted(&shop, member, 1).await;
    assert_eq!(shop.payer.refunds(), [0]);
}

#[tokio::test]
async fn what_the_settlement_has_given_up_is_not_granted_by_the_checkout_but_paid_back() {
    let (shop, member) = shop().await;
    shop.set_knobs(&json!({"flow.settle_after": "0s"}));
    let give_up = async {
        // It looks before the payment is to be seen.
        shop.payer.hide(true);
        shop.settle().await;
        shop.payer.hide(false);
    };
    let answer = with_the_answer_on_its_way(&shop, member, give_up).await;
    answer.assert_problem(409, "order_not_granted");
    assert_given_back(&shop, member, 1, "never_paid").await;
    assert_eq!(shop.payer.payments(), [(20, Refunded)]);
    assert_eq!(shop.payer.refunds(), [1]);
}

#[tokio::test]
async fn checkout_and_settlement_that_race_grant_once() {
    for _ in 0..5 {
        let (shop, member) = shop().await;
        let kept_back = shop.payer.keep_answers_back().await;
        let body = order(member);
        let race = async {
            until("the payment is made", async || shop.payer.calls() == 1).await;
            drop(kept_back);
            join_all((0..8).map(|_| shop.settle())).await;
        };
        let (answer, ()) = tokio::join!(shop.order(&body), race);
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_granted(&shop, member, 1).await;
        assert_eq!(shop.payer.refunds(), [0]);
    }
}

#[tokio::test]
async fn of_several_instances_each_order_has_one_at_a_time() {
    let (shop, member) = shop().await;
    shop.payer.now_says(Says::Payment(Pending));
    let body = json!({"member_id": member, "points": 1, "amount": 50});
    for _ in 0..30 {
        assert_eq!(shop.order(&body).await.status, 202);
    }
    assert_eq!(shop.sweep().await, 0, "it is not time yet");
    shop.let_the_time_come().await;
    let looked_at = join_all((0..6).map(|_| shop.sweep())).await;
    assert_eq!(looked_at.iter().sum::<usize>(), 30, "{looked_at:?}");
}
