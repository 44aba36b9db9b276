//! Brings a database to the schema that this build expects.
//!
//! The migrations are part of the binary. Several instances may start at once: the migrator holds an
//! advisory lock, so one of them migrates and the others find the work done.

use sqlx::PgConnection;
use sqlx::migrate::{MigrateError, Migrator};

static MIGRATIONS: Migrator = sqlx::migrate!();

/// Applies what is missing. Fails when an applied migration has been edited since.
pub async fn migrate(connection: &mut PgConnection) -> Result<(), MigrateError> {
    MIGRATIONS.run(connection).await
}
