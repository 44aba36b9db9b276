//! A transaction on a connection of its own.

use std::ops::{Deref, DerefMut};

use sqlx::postgres::PgConnection;

use super::connection::Connection;
use super::error::DatabaseError;
use super::limits::Limits;
use super::observe::observed;
use crate::context::RequestContext;

/// Dropped without a commit it is rolled back, before anybody else gets its connection.
#[derive(Debug)]
pub struct Transaction {
    connection: Connection,
    ctx: RequestContext,
}

impl Transaction {
    pub(super) async fn begin(
        mut connection: Connection,
        ctx: &RequestContext,
        limits: &Limits,
    ) -> Result<Self, DatabaseError> {
        observed(ctx, "BEGIN", connection.session_mut().begin(limits.bounds)).await?;
        Ok(Self {
            connection,
            ctx: ctx.clone(),
        })
    }

    /// When this fails because the connection was lost, the outcome is not known.
    pub async fn commit(mut self) -> Result<(), DatabaseError> {
        observed(&self.ctx, "COMMIT", self.connection.session_mut().commit()).await
    }
}

impl Deref for Transaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
