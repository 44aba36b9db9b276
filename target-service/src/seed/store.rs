//! The loading: everything that makes an insert slow is taken away first and put back afterwards.
//!
//! Keys, indexes and foreign keys are dropped and made again by the definitions that the database itself
//! gives of them, so that they are written down in the migrations alone. All of it is one transaction:
//! a seeding that fails leaves the database as it was.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, FromRow};

use super::{SeedError, SeedPlan, rows, survey_rows};

const TABLES: [&str; 16] = [
    "members",
    "nickname_changes",
    "posts",
    "post_likes",
    "post_daily_counts",
    "point_accounts",
    "point_entries",
    "seats",
    "orders",
    "payments",
    "coupons",
    "coupon_issues",
    "surveys",
    "survey_answers",
    "survey_likes",
    "survey_events",
];
const CHUNK_BYTES: usize = 256 * 1024;

pub(super) async fn load(connection: &mut PgConnection, plan: &SeedPlan) -> Result<(), SeedError> {
    let mut transaction = connection.begin().await?;
    prepare_session(&mut transaction).await?;
    refuse_unless_empty(&mut transaction).await?;
    let dropped = drop_indexes_and_keys(&mut transaction).await?;

    copy(
        &mut transaction,
        "COPY members (id, email, email_key, nickname, birth_date, created_at) \
         FROM STDIN WITH (FREEZE)",
        rows::members(plan),
    )
    .await?;
    copy(
        &mut transaction,
        "COPY posts (id, member_id, contents, created_at, created_date) \
         FROM STDIN WITH (FREEZE)",
        rows::posts(plan),
    )
    .await?;
    copy_surveys(&mut transaction, plan).await?;
    derive_rows(&mut transaction).await?;
    advance_sequences(&mut transaction).await?;

    for definition in &dropped {
        execute(&mut transaction, &definition.redo).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Statistics for the planner, and pages that index-only scans may trust. Likes stay out: of a table that
/// was never vacuumed the planner assumes a few pages and uses the index, but of one known to be empty it
/// plans to read all, and prepared statements would keep to that while likes come in.
pub(super) async fn settle(
    connection: &mut PgConnection,
    plan: &SeedPlan,
) -> Result<(), SeedError> {
    let mut filled = "members, nickname_changes, posts, post_daily_counts".to_owned();
    if plan.surveys.surveys > 0 {
        filled.push_str(", surveys, survey_answers, survey_likes");
    }
    execute(connection, &format!("VACUUM (ANALYZE) {filled}")).await
}

/// Loading takes longer than any request may.
async fn prepare_session(connection: &mut PgConnection) -> Result<(), SeedError> {
    execute(connection, "SET LOCAL statement_timeout = 0").await?;
    execute(connection, "SET LOCAL lock_timeout = '10s'").await?;
    execute(connection, "SET LOCAL maintenance_work_mem = '256MB'").await
}

/// Looks under a lock, so that nobody writes between the look and the load. Truncating empty tables
/// lets COPY write rows that are frozen from the start, which spares the later vacuum a rewrite.
async fn refuse_unless_empty(connection: &mut PgConnection) -> Result<(), SeedError> {
    let migrated: bool = sqlx::query_scalar("SELECT to_regclass('survey_events') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !migrated {
        return Err(SeedError::NotMigrated);
    }
    let tables = TABLES.join(", ");
    execute(connection, &format!("LOCK TABLE {tables}")).await?;
    let occupied: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM members) OR EXISTS (SELECT FROM posts)")
            .fetch_one(&mut *connection)
            .await?;
    if occupied {
        return Err(SeedError::NotEmpty);
    }
    execute(connection, &format!("TRUNCATE {tables}")).await
}

#[derive(FromRow)]
struct Definition {
    undo: String,
    redo: String,
}

/// What was dropped, in the order in which it can be made again: keys, indexes, foreign keys.
async fn drop_indexes_and_keys(
    connection: &mut PgConnection,
) -> Result<Vec<Definition>, SeedError> {
    let definitions: Vec<Definition> = sqlx::query_as(
        "WITH tables AS (SELECT unnest($1::text[])::regclass AS oid), \
         definitions AS ( \
             SELECT CASE contype WHEN 'f' THEN 3 ELSE 1 END AS step, conname::text AS name, \
                    format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS undo, \
                    format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, \
                           pg_get_constraintdef(oid)) AS redo \
             FROM pg_constraint \
             WHERE contype IN ('p', 'u', 'f') AND conrelid IN (SELECT oid FROM tables) \
             UNION ALL \
             SELECT 2, indexrelid::regclass::text, \
                    format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid) \
             FROM pg_index \
             WHERE indrelid IN (SELECT oid FROM tables) \
               AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid \
                                                           AND contype IN ('p', 'u')) \
         ) \
         SELECT undo, redo FROM definitions ORDER BY step, name",
    )
    .bind(TABLES.as_slice())
    .fetch_all(&mut *connection)
    .await?;
    // A key goes after the foreign keys that lean on it.
    for definition in definitions.iter().rev() {
        execute(connection, &definition.undo).await?;
    }
    Ok(definitions)
}

async fn copy(
    connection: &mut PgConnection,
    statement: &'static str,
    lines: impl Iterator<Item = String>,
) -> Result<(), SeedError> {
    let mut target = connection.copy_in_raw(statement).await?;
    let mut chunk = String::with_capacity(2 * CHUNK_BYTES);
    for line in lines {
        chunk.push_str(&line);
        if chunk.len() >= CHUNK_BYTES {
            target.send(chunk.as_bytes()).await?;
            chunk.clear();
        }
    }
    target.send(chunk.as_bytes()).await?;
    target.finish().await?;
    Ok(())
}

async fn copy_surveys(connection: &mut PgConnection, plan: &SeedPlan) -> Result<(), SeedError> {
    copy(
        connection,
        "COPY surveys (id, member_id, title, created_at, answer_count, like_count) \
         FROM STDIN WITH (FREEZE)",
        survey_rows::surveys(plan),
    )
    .await?;
    copy(
        connection,
        "COPY survey_answers (id, survey_id, member_id, contents, answered_at) \
         FROM STDIN WITH (FREEZE)",
        survey_rows::answers(plan),
    )
    .await?;
    copy(
        connection,
        "COPY survey_likes (survey_id, member_id, liked_at) FROM STDIN WITH (FREEZE)",
        survey_rows::likes(plan),
    )
    .await
}

/// What follows from members and posts: each first nickname's history row, and the posts of each day.
async fn derive_rows(connection: &mut PgConnection) -> Result<(), SeedError> {
    execute(
        connection,
        "INSERT INTO nickname_changes (member_id, nickname, changed_at) \
         SELECT id, nickname, created_at FROM members ORDER BY id",
    )
    .await?;
    execute(
        connection,
        "INSERT INTO post_daily_counts (member_id, day, posts) \
         SELECT member_id, created_date, count(*) FROM posts GROUP BY 1, 2 ORDER BY 1, 2",
    )
    .await
}

/// COPY brought its own ids: the next insert must draw the one after them.
async fn advance_sequences(connection: &mut PgConnection) -> Result<(), SeedError> {
    for table in ["members", "posts", "surveys", "survey_answers"] {
        execute(
            connection,
            &format!(
                "SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) \
                 FROM {table} HAVING max(id) IS NOT NULL"
            ),
        )
        .await?;
    }
    Ok(())
}

/// Runs a statement made of this file's constants and the database's own definitions, never of input.
async fn execute(connection: &mut PgConnection, statement: &str) -> Result<(), SeedError> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut *connection)
        .await?;
    Ok(())
}
