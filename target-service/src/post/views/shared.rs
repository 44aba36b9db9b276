//! Views that all instances count together, in Redis.
//!
//! A batch is set aside under a number of its own and stays there until it is written, so that whoever dies
//! on the way leaves it to the next; the database knows by the number whether it has it.

use std::collections::HashMap;
use std::sync::LazyLock;

use redis::{Script, cmd};
use uuid::Uuid;

use crate::context::RequestContext;
use crate::ids::PostId;
use crate::redis::{Redis, RedisError};

const COUNTED: &str = "target:post:views";
const SET_ASIDE: &str = "target:post:views:batch";
/// The field of a batch that holds its number; no post has such an id.
const NUMBER: &str = "number";

/// The batch that is set aside, or a new one. `ARGV`: the field of the number, the number of a new batch.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[2]) == 0 then \
             if redis.call('EXISTS', KEYS[1]) == 0 then return {} end \
             redis.call('RENAME', KEYS[1], KEYS[2]) \
             redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) \
         end \
         return redis.call('HGETALL', KEYS[2])",
    )
});

/// Drops the batch if it is still that one. `ARGV`: the field of the number, the number.
static DROP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('DEL', KEYS[1]) end",
    )
});

#[derive(Debug)]
pub(super) struct SharedTally {
    redis: Redis,
}

#[derive(Debug)]
pub(super) struct Batch {
    pub number: String,
    pub views: Vec<(PostId, i64)>,
}

impl SharedTally {
    pub(super) fn new(redis: Redis) -> Self {
        Self { redis }
    }

    pub(super) async fn add(&self, ctx: &RequestContext, post: PostId) -> Result<(), RedisError> {
        let mut command = cmd("HINCRBY");
        command.arg(COUNTED).arg(post.0).arg(1);
        self.redis.query(ctx, "views.add", &command).await
    }

    /// `None`: there are no views.
    pub(super) async fn take(&self, ctx: &RequestContext) -> Result<Option<Batch>, RedisError> {
        let mut script = TAKE.key(COUNTED);
        script
            .key(SET_ASIDE)
            .arg(NUMBER)
            .arg(Uuid::new_v4().to_string());
        let mut fields: HashMap<String, String> =
            self.redis.script(ctx, "views.take", &script).await?;
        let Some(number) = fields.remove(NUMBER) else {
            return Ok(None);
        };
        // Whatever else somebody has put there is no view.
        let views = fields
            .into_iter()
            .filter_map(|(post, views)| Some((PostId(post.parse().ok()?), views.parse().ok()?)));
        Ok(Some(Batch {
            views: views.collect(),
            number,
        }))
    }

    pub(super) async fn drop_batch(
        &self,
        ctx: &RequestContext,
        number: &str,
    ) -> Result<(), RedisError> {
        let mut script = DROP.key(SET_ASIDE);
        script.arg(NUMBER).arg(number);
        self.redis.script(ctx, "views.drop", &script).await
    }
}
