//! What the gateway's answers say. Only an answer that is whole and about this payment is believed.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::AttemptError;
use super::transport::Answer;
use super::{Charge, Charged, Standing};
use crate::ids::PaymentId;

const APPROVED: &str = "APPROVED";
const CANCELLED: &str = "CANCELLED";

#[derive(Deserialize)]
struct ChargeDocument {
    payment_id: String,
    order_id: String,
    amount: i64,
    status: String,
}

#[derive(Deserialize)]
struct StandingDocument {
    order_id: String,
    status: String,
    #[serde(default)]
    amount: i64,
    #[serde(default)]
    charges: Vec<ChargeLine>,
}

#[derive(Deserialize)]
struct ChargeLine {
    payment_id: String,
    status: String,
}

#[derive(Deserialize)]
struct ProblemDocument {
    code: String,
}

pub(super) fn charged(answer: &Answer, charge: &Charge) -> Result<Charged, AttemptError> {
    match answer.status {
        200 | 201 => {
            let document: ChargeDocument = document(answer)?;
            let is_ours = document.order_id == charge.payment.to_string()
                && document.amount == charge.amount
                && document.status == APPROVED;
            if is_ours {
                Ok(Charged::Approved {
                    gateway_id: document.payment_id,
                })
            } else {
                Err(unreadable(answer, "it is not about this payment"))
            }
        }
        402 if code(answer).as_deref() == Some("declined") => Ok(Charged::Declined),
        409 if code(answer).as_deref() == Some("cancelled") => Ok(Charged::Cancelled),
        _ => Err(other(answer)),
    }
}

pub(super) fn standing(answer: &Answer, payment: PaymentId) -> Result<Standing, AttemptError> {
    match answer.status {
        200 => {
            let document = about(answer, payment)?;
            match document.status.as_str() {
                CANCELLED => Ok(Standing::Cancelled),
                APPROVED => {
                    let stands = |charge: &ChargeLine| charge.status == APPROVED;
                    let charge = document.charges.into_iter().find(stands);
                    let charge =
                        charge.ok_or_else(|| unreadable(answer, "an approval without a charge"))?;
                    Ok(Standing::Charged {
                        gateway_id: charge.payment_id,
                        amount: document.amount,
                    })
                }
                _ => Err(unreadable(answer, "an unknown status")),
            }
        }
        // Of the gateway itself, and not of something on the way to it.
        404 if code(answer).is_some() => Ok(Standing::Unknown),
        _ => Err(other(answer)),
    }
}

pub(super) fn cancelled(answer: &Answer, payment: PaymentId) -> Result<(), AttemptError> {
    match answer.status {
        200 if about(answer, payment)?.status == CANCELLED => Ok(()),
        200 => Err(unreadable(answer, "it does not say that it cancelled")),
        _ => Err(other(answer)),
    }
}

fn about(answer: &Answer, payment: PaymentId) -> Result<StandingDocument, AttemptError> {
    let document: StandingDocument = document(answer)?;
    if document.order_id == payment.to_string() {
        Ok(document)
    } else {
        Err(unreadable(answer, "it is about another payment"))
    }
}

fn document<T: DeserializeOwned>(answer: &Answer) -> Result<T, AttemptError> {
    serde_json::from_slice(&answer.body).map_err(|error| unreadable(answer, &error.to_string()))
}

fn code(answer: &Answer) -> Option<String> {
    let document: ProblemDocument = serde_json::from_slice(&answer.body).ok()?;
    Some(document.code)
}

fn unreadable(answer: &Answer, reason: &str) -> AttemptError {
    AttemptError::Unreadable {
        status: answer.status,
        reason: reason.to_owned(),
    }
}

/// A success that nobody asked for is no outcome; everything else is what its status says.
fn other(answer: &Answer) -> AttemptError {
    if answer.status < 400 {
        return unreadable(answer, "not a status of this call");
    }
    AttemptError::Status {
        status: answer.status,
        retry_after: answer.retry_after,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(status: u16, body: &Value) -> Answer {
        Answer {
            status,
            retry_after: None,
            body: body.to_string().into(),
        }
    }

    const CHARGE: Charge = Charge {
        payment: PaymentId(7),
        amount: 500,
    };

    fn approved() -> Value {
        json!({"payment_id": "g1", "order_id": "7", "amount": 500, "status": "APPROVED", "more": 1})
    }

    #[test]
    fn only_an_approval_of_this_payment_and_amount_is_one() {
        let charged_by = |status, body: &Value| charged(&answer(status, body), &CHARGE);
        assert!(matches!(
            charged_by(201, &approved()),
            Ok(Charged::Approved { gateway_id }) if gateway_id == "g1"
        ));
        for (name, value) in [
            ("order_id", json!("8")),
            ("amount", json!(501)),
            ("status", json!("CANCELLED")),
            ("payment_id", json!(null)),
        ] {
            let mut body = approved();
            body[name] = value;
            let error = charged_by(201, &body).unwrap_err();
            assert!(matches!(error, AttemptError::Unreadable { .. }), "{error}");
            assert!(error.may_have_been_done(), "{error}");
        }
        let error = charged_by(200, &json!({"code": "internal"})).unwrap_err();
        assert!(matches!(error, AttemptError::Unreadable { .. }), "{error}");
        let error = charged_by(302, &json!({})).unwrap_err();
        assert!(matches!(error, AttemptError::Unreadable { .. }), "{error}");
    }

    #[test]
    fn a_refusal_is_final_only_in_the_gateways_own_words() {
        let charged_by =
            |status, code: &str| charged(&answer(status, &json!({"code": code})), &CHARGE);
        assert!(matches!(charged_by(402, "declined"), Ok(Charged::Declined)));
        assert!(matches!(
            charged_by(409, "cancelled"),
            Ok(Charged::Cancelled)
        ));
        for (status, code) in [
            (402, "proxy"),
            (409, "in_progress"),
            (422, "idempotency_key_reused"),
        ] {
            let error = charged_by(status, code).unwrap_err();
            assert!(matches!(error, AttemptError::Status { .. }), "{error}");
            assert!(error.may_have_been_done(), "{error}");
        }
    }

    #[test]
    fn a_payment_is_unknown_only_when_the_gateway_says_so() {
        let standing_by = |status, body: &Value| standing(&answer(status, body), PaymentId(7));
        assert_eq!(
            standing_by(404, &json!({"code": "not_found"})).unwrap(),
            Standing::Unknown
        );
        assert!(standing_by(404, &json!("no such page")).is_err());
        assert_eq!(
            standing_by(
                200,
                &json!({"order_id": "7", "status": "CANCELLED", "charges": []})
            )
            .unwrap(),
            Standing::Cancelled
        );
        assert!(standing_by(200, &json!({"order_id": "8", "status": "CANCELLED"})).is_err());
        let body = json!({"order_id": "7", "status": "APPROVED", "amount": 500, "charges": [
            {"payment_id": "g0", "status": "CANCELLED"}, {"payment_id": "g1", "status": "APPROVED"},
        ]});
        let charged = Standing::Charged {
            gateway_id: "g1".to_owned(),
            amount: 500,
        };
        assert_eq!(standing_by(200, &body).unwrap(), charged);
    }
}
