//! What the three parties to a trial's payments say of them: its clients, the service's database,
//! and the gateway's ledger. Gathered once, compared by the judge, not kept.

/// What one client tried to pay, and what it was told last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub paid: Paid,
    /// The payment or order that the service named, if it did.
    pub id: Option<i64>,
    pub word: Word,
}

/// What the client calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paid {
    /// A payment for an order of this id, which exists nowhere else.
    Order(i64),
    /// A new order, under this key and those that were made from it for further attempts (`KEY.1`).
    Checkout(String),
}

/// The last word about the latest attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It was sent, perhaps, and no answer said anything of the payment.
    Nothing,
    Pending,
    Succeeded,
    Failed,
}

/// A row of the service's `payments`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRow {
    pub id: i64,
    pub order_id: i64,
    pub amount: i64,
    pub status: String,
}

/// A row of the service's `orders`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRow {
    pub id: i64,
    pub status: String,
    /// What was to be paid with money.
    pub due: i64,
    /// What was to be paid with points.
    pub points: i64,
    /// What the ledger of points says was taken for it and not given back.
    pub points_taken: i64,
    pub key: Option<String>,
    pub goods: Goods,
}

/// What a member has of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goods {
    /// Nothing was ordered that could be had.
    None,
    /// Neither granted nor held.
    Missing,
    /// Kept from everybody else, and not the member's.
    Held,
    /// The member's.
    Granted,
}

/// A charge of the gateway's ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeRow {
    /// The gateway's name for it.
    pub id: String,
    /// The service's payment, as the gateway was told.
    pub payment: String,
    pub amount: i64,
    /// Not cancelled.
    pub stands: bool,
}

/// All that is compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaymentHistory {
    pub told: Vec<Told>,
    /// Whether everybody who tried to pay is in `told`: a scenario's own journeys, and people's own
    /// transactions, tell nothing.
    pub told_is_all: bool,
    pub payments: Vec<PaymentRow>,
    pub orders: Vec<OrderRow>,
    pub charges: Vec<ChargeRow>,
}
