//! Brings a database to the schema that this build expects.
//!
//! The migrations are part of the binary. Several instances may start at once: the migrator holds an
//! advisory lock, so one of them migrates and the others find the work done.

use sqlx::PgConnection;
use sqlx::migrate::{Migrate as _, MigrateError, Migrator};

static MIGRATIONS: Migrator = sqlx::migrate!();

/// Applies what is missing. Fails when an applied migration has been edited since.
pub async fn migrate(connection: &mut PgConnection) -> Result<(), MigrateError> {
    MIGRATIONS.run(connection).await
}

/// How many migrations of this build the database lacks. It may have had later ones, of a newer build.
/// Changes nothing.
pub async fn lacking(connection: &mut PgConnection) -> Result<usize, MigrateError> {
    let applied = match connection
        .list_applied_migrations(&MIGRATIONS.table_name)
        .await
    {
        Ok(applied) => applied,
        Err(MigrateError::Execute(error)) if is_undefined_table(&error) => {
            return Ok(MIGRATIONS.iter().count());
        }
        Err(error) => return Err(error),
    };
    let is_lacking = |version: i64| !applied.iter().any(|known| known.version == version);
    let versions = MIGRATIONS.iter().map(|migration| migration.version);
    Ok(versions.filter(|version| is_lacking(*version)).count())
}

/// Nothing has ever been migrated here.
fn is_undefined_table(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.as_deref() == Some("42P01")
}
