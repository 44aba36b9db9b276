//! Kinds of routes, by how long their callers are ready to wait.

/// How long a request of this kind may wait for a connection and for a query, see `db.class`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RouteClass {
    /// A person waits for one row.
    Realtime,
    #[default]
    Standard,
    /// Reads much: calendars, and later exports and reports.
    Slow,
}
