//! Opens sessions. They know their timeouts from the first statement on, without a round trip of its own.

use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::time::Instant;

use super::config::Config;
use super::error::DatabaseError;
use super::limits::Bounds;
use super::meters::Meters;
use super::session::Session;

#[derive(Debug)]
pub(super) struct Connector {
    options: PgConnectOptions,
    timeout: Duration,
    meters: Arc<Meters>,
}

impl Connector {
    pub(super) fn new(config: &Config, meters: Arc<Meters>) -> Self {
        let options = config.url.options().clone();
        Self {
            options: options
                .application_name("target-service")
                .disable_statement_logging(),
            timeout: config.pool.connect_timeout,
            meters,
        }
    }

    pub(super) async fn connect(&self, bounds: Bounds) -> Result<Session, DatabaseError> {
        let begun = Instant::now();
        let session = self.establish(bounds).await?;
        self.meters.create_time.record(begun.elapsed());
        self.meters.opened.increment(1);
        Ok(session)
    }

    /// Connects, looks, and says goodbye. It is no connection of the service's work, and is not counted as one.
    pub(super) async fn probe<T>(
        &self,
        look: impl AsyncFnOnce(&mut PgConnection) -> T,
    ) -> Result<T, DatabaseError> {
        let mut session = self.establish(Bounds::none()).await?;
        let seen = look(session.connection_mut()).await;
        session.close().await;
        Ok(seen)
    }

    async fn establish(&self, bounds: Bounds) -> Result<Session, DatabaseError> {
        let options = self.options.clone().options([
            ("statement_timeout", bounds.statement.as_millis()),
            ("lock_timeout", bounds.lock.as_millis()),
        ]);
        let connection = tokio::time::timeout(self.timeout, options.connect())
            .await
            .map_err(|_| DatabaseError::ConnectTimeout {
                after: self.timeout,
            })?
            .map_err(|error| DatabaseError::Connect(Arc::new(error)))?;
        Ok(Session::new(connection, bounds))
    }
}
