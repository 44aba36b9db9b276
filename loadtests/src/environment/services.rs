//! PostgreSQL and Redis alone, empty, for whoever tests against them.

use super::dataset;
use super::error::EnvironmentError;
use super::keeper::{KeeperEntry, RUN_MARK};
use super::postgres::{Postgres, Purpose, Role};
use super::redis::Redis;
use super::run::{Run, Settings};

/// Dropping it stops both.
#[derive(Debug)]
pub struct Services {
    database: Postgres,
    redis: Redis,
    run: Run,
}

impl Services {
    pub async fn start(settings: &Settings) -> Result<Self, EnvironmentError> {
        let install = settings.programs.postgres()?;
        settings.programs.redis()?;
        let run = Run::open(settings)?;
        let cluster = dataset::empty(&run, &install, "database").await?;
        let database = Postgres::start(&run, &install, cluster, Purpose::Trial).await?;
        let redis = Redis::start(&run).await?;
        Ok(Self {
            database,
            redis,
            run,
        })
    }

    pub fn database_url(&self) -> String {
        self.database.url(Role::Service, &self.database.address())
    }

    pub fn redis_url(&self) -> String {
        self.redis.url()
    }

    /// With whom a process is entered that is to end when the harness dies.
    pub fn keeper(&self) -> KeeperEntry {
        self.run.keeper()
    }

    /// The variable that marks processes as belonging to this run.
    pub fn mark(&self) -> (&'static str, &std::path::Path) {
        (RUN_MARK, self.run.directory().path())
    }
}
