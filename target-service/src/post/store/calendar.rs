//! The SQL of the calendar.
//!
//! Both queries carry the simulated delay: as a condition that does not look at the row, it is evaluated
//! once per execution, so the query as a whole takes longer, as one would whose plan went bad.

use std::time::Duration;

use sqlx::PgConnection;

use super::super::calendar::{DayCount, DayRange};
use crate::context::RequestContext;
use crate::database::{DatabaseError, observed};
use crate::ids::MemberId;
use crate::strategy::CalendarSource;

const RAW: &str = "SELECT created_date AS date, count(*) AS count FROM posts \
     WHERE member_id = $1 AND created_date BETWEEN $2 AND $3 \
       AND (SELECT pg_sleep($4)) IS NOT NULL \
     GROUP BY created_date ORDER BY created_date";

const PREAGGREGATED: &str = "SELECT day AS date, posts AS count FROM post_daily_counts \
     WHERE member_id = $1 AND day BETWEEN $2 AND $3 \
       AND (SELECT pg_sleep($4)) IS NOT NULL \
     ORDER BY day";

/// Only days with posts, ascending.
pub(in crate::post) async fn day_counts(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    author: MemberId,
    range: DayRange,
    source: CalendarSource,
    simulated_delay: Duration,
) -> Result<Vec<DayCount>, DatabaseError> {
    let sql = match source {
        CalendarSource::Raw => RAW,
        CalendarSource::Preaggregated => PREAGGREGATED,
    };
    let query = sqlx::query_as(sql)
        .bind(author)
        .bind(range.from())
        .bind(range.to())
        .bind(simulated_delay.as_secs_f64())
        .fetch_all(connection);
    observed(ctx, "post.calendar", query).await
}
