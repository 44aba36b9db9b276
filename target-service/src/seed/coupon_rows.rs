//! Generates the rows of coupons as lines in COPY's text format.

use super::SeedPlan;

/// Lines `id, name, quantity, remaining`.
pub(super) fn coupons(plan: &SeedPlan) -> impl Iterator<Item = String> {
    let quantity = plan.coupons.quantity_each;
    (1..=plan.coupons.coupons).map(move |id| format!("{id}\tcoupon {id}\t{quantity}\t{quantity}\n"))
}
