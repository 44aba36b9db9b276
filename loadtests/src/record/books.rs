//! The service's books of points and coupons at one moment. Read once, checked by the judge, not kept.

/// What a member has, and the sum of every change of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    pub member: i64,
    pub balance: i64,
    pub sum: i64,
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
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    pub broken_entries: Vec<BrokenEntry>,
    pub accounts: Vec<AccountRow>,
    pub coupons: Vec<CouponRow>,
}

impl Books {
    /// Nobody ever had points or a coupon.
    pub fn are_empty(&self) -> bool {
        self.accounts.is_empty() && self.coupons.iter().all(|coupon| coupon.issued == 0)
    }
}
