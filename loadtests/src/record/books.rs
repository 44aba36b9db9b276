//! The service's books of points, coupons and seats at one moment. Read once, checked by the judge, not kept.

/// What a member has, the sum of every change of it, and the least that it ever was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    pub member: i64,
    pub balance: i64,
    pub sum: i64,
    pub lowest: i64,
}

/// A change of points that did not begin where the change before it had ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenEntry {
    pub id: i64,
    pub member: i64,
    pub began_at: i64,
    pub left_before: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouponRow {
    pub id: i64,
    pub quantity: i64,
    pub issued: i64,
    pub remaining: i64,
    /// Members who have one.
    pub holders: i64,
}

/// A transfer of points between two members, as far as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenTransfer {
    /// The ledger's entry of one of its sides.
    pub id: i64,
    /// What both sides together have changed.
    pub sum: i64,
}

/// What the books count, and what is no mistake.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Coupons of which as many were issued as there are, or more.
    pub sold_out_coupons: u64,
    /// Seats that somebody has taken, for a while or for good.
    pub seats_taken: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    pub broken_entries: Vec<BrokenEntry>,
    pub accounts: Vec<AccountRow>,
    pub coupons: Vec<CouponRow>,
    /// Transfers that do not keep the sum of points.
    pub broken_transfers: Vec<BrokenTransfer>,
    pub seats_taken: u64,
}

impl Tally {
    /// What has come since: none of it ever becomes less.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            sold_out_coupons: self
                .sold_out_coupons
                .saturating_sub(earlier.sold_out_coupons),
            seats_taken: self.seats_taken.saturating_sub(earlier.seats_taken),
        }
    }
}

impl Books {
    /// Nobody ever had points, a coupon or a seat.
    pub fn are_empty(&self) -> bool {
        self.accounts.is_empty()
            && self.seats_taken == 0
            && self.coupons.iter().all(|coupon| coupon.issued == 0)
    }

    pub fn tally(&self) -> Tally {
        let sold_out = |coupon: &&CouponRow| coupon.issued >= coupon.quantity;
        Tally {
            sold_out_coupons: self.coupons.iter().filter(sold_out).count() as u64,
            seats_taken: self.seats_taken,
        }
    }
}
