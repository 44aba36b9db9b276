//! After the load of a trial with a gateway: waits until no payment is open any more, then compares
//! what clients were told, the service's rows and the gateway's ledger.
//!
//! A comparison that cannot be made is a finding by itself: nothing unchecked passes for checked.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::time::{sleep, timeout};

use super::checks::Checked;
use crate::environment::{EnvironmentError, Gateway, Lab};
use crate::gateway::{Charge, ChargeStatus};
use crate::journey::Journeys;
use crate::judge;
use crate::measure::payments::{self, LastRows};
use crate::record::{ChargeRow, Event, HEALED, PaymentHistory, Told};
use crate::scenario::{JourneyDefinition, Trial, Violation};

/// Between two looks at what is open.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Looks in a row that find nothing open: a request may be between two of its steps at one of them.
const CALM_LOOKS: u32 = 3;
const GATHER_LIMIT: Duration = Duration::from_mins(2);

#[derive(Debug, Error)]
enum Unchecked {
    #[error("the service's rows could not be read: {0}")]
    Rows(#[from] sqlx::Error),
    #[error(transparent)]
    Ledger(#[from] EnvironmentError),
    #[error("the service's rows and the ledger could not be read in time")]
    TooSlow,
}

/// Where a trial's payments begin, in servers that may have seen others.
pub(super) struct PaymentCheck<'a> {
    url: String,
    gateway: &'a Gateway,
    before: Result<LastRows, Unchecked>,
    heal: Duration,
}

impl<'a> PaymentCheck<'a> {
    /// To be called before the load. `None`: there is no gateway.
    pub(super) async fn prepare(lab: &'a Lab) -> Option<Self> {
        let gateway = lab.gateway()?;
        let url = lab.database_url();
        Some(Self {
            before: payments::last_rows(&url).await.map_err(Unchecked::from),
            heal: lab.heal(),
            url,
            gateway,
        })
    }

    /// `zero` is the start of the timeline.
    pub(super) async fn compare(self, trial: &Trial, told: Vec<Told>, zero: Instant) -> Checked {
        match self.history(told, all_tell(trial)).await {
            Ok((history, calm)) => {
                let violations = judge::check_payments(&history);
                Checked {
                    violations: Some(violations.counts(Violation::of_payments())),
                    findings: violations.findings(&trial.expects),
                    tried: Some(history.told.len() as u64),
                    healed: calm.map(|calm| healed(calm.saturating_duration_since(zero))),
                    ..Checked::default()
                }
            }
            Err(error) => Checked::undone("payments_unchecked", &error),
        }
    }

    /// All that is compared, and since when nothing was open.
    async fn history(
        self,
        told: Vec<Told>,
        told_is_all: bool,
    ) -> Result<(PaymentHistory, Option<Instant>), Unchecked> {
        let Self {
            url,
            gateway,
            before,
            heal,
        } = self;
        let before = before?;
        let calm = heal_for(heal, &url, before, gateway).await;
        let gather = async {
            let earlier = gateway.ledger().await?;
            let (payments, orders) = payments::rows(&url, before).await?;
            // What has not come to rest goes on meanwhile. A row that says paid has its charge by
            // now; a charge that is new and without a row belongs to a row that was made since.
            let later = gateway.ledger().await?;
            let earlier: HashSet<&str> = earlier.iter().map(|charge| &*charge.payment_id).collect();
            let known: HashSet<i64> = payments.iter().map(|payment| payment.id).collect();
            let of_trial = |charge: &Charge| match charge.order_id.parse::<i64>() {
                Ok(id) if id <= before.payment => false,
                Ok(id) => known.contains(&id) || earlier.contains(&*charge.payment_id),
                Err(_) => true,
            };
            let charges = later.into_iter().filter(of_trial).map(charge_row);
            let history = PaymentHistory {
                told,
                told_is_all,
                payments,
                orders,
                charges: charges.collect(),
            };
            Ok((history, calm))
        };
        timeout(GATHER_LIMIT, gather)
            .await
            .map_err(|_| Unchecked::TooSlow)?
    }
}

/// Whether all journeys of the trial are built in; those tell what they were told.
fn all_tell(trial: &Trial) -> bool {
    let load = &trial.load;
    load.journeys.iter().all(|journey| {
        let mut built_in = Journeys::built_in().iter();
        let is_own = |own: &JourneyDefinition| own.name == journey.name;
        built_in.any(|(name, _)| *name == journey.name) && !load.definitions.iter().any(is_own)
    })
}

fn healed(after: Duration) -> Event {
    Event {
        at_s: after.as_secs_f64(),
        kind: HEALED.to_owned(),
        detail: "no payment and no order is open any more".to_owned(),
        in_flight: None,
    }
}

/// Until nothing is open in the service and nothing is worked on at the gateway, at most so long.
/// `None`: something is open still, which is for the comparison to find.
async fn heal_for(
    heal: Duration,
    url: &str,
    before: LastRows,
    gateway: &Gateway,
) -> Option<Instant> {
    let calm = async {
        let mut calm_looks = 0;
        let mut since = Instant::now();
        while calm_looks < CALM_LOOKS {
            let looked = Instant::now();
            // A database that does not answer has not healed.
            let is_calm = matches!(payments::open_rows(url, before).await, Ok(0))
                && matches!(gateway.under_way().await, Ok(0));
            if calm_looks == 0 {
                since = looked;
            }
            calm_looks = if is_calm { calm_looks + 1 } else { 0 };
            sleep(LOOK_EVERY).await;
        }
        since
    };
    timeout(heal, calm).await.ok()
}

fn charge_row(charge: Charge) -> ChargeRow {
    ChargeRow {
        id: charge.payment_id,
        payment: charge.order_id,
        // A sum that no bigint holds is none that a payment has.
        amount: i64::try_from(charge.amount).unwrap_or(i64::MAX),
        stands: charge.status == ChargeStatus::Approved,
    }
}
