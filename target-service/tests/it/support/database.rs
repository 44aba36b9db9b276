//! A migrated database for one test alone, copied from a template that is made once.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use tokio::sync::OnceCell;

static TEMPLATE: OnceCell<String> = OnceCell::const_new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

#[derive(Debug)]
pub struct TestDatabase {
    name: String,
}

impl TestDatabase {
    pub async fn create() -> Self {
        let template = TEMPLATE.get_or_init(template).await;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        administer(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        Self { name }
    }

    pub fn url(&self) -> String {
        url_of(&self.name)
    }

    /// The same database by way of another address, such as a proxy's.
    pub fn url_at(&self, address: std::net::SocketAddr) -> String {
        let url = self.url();
        url.replace(&format!("@{}", self.address()), &format!("@{address}"))
    }

    /// Host and port, as written in the address.
    pub fn address(&self) -> String {
        let url = self.url();
        let (_, rest) = url.split_once('@').expect("DATABASE_URL names a user");
        rest.split(['/', '?']).next().unwrap().to_owned()
    }

    pub async fn connect(&self) -> PgConnection {
        options(&self.name).connect().await.unwrap()
    }

    /// The server's processes that work for the service.
    pub async fn backends(&self) -> Vec<i32> {
        sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity \
             WHERE datname = $1 AND application_name = 'target-service' ORDER BY pid",
        )
        .bind(&self.name)
        .fetch_all(&mut self.connect().await)
        .await
        .unwrap()
    }

    /// Statements of the service that are at work now.
    pub async fn active_statements(&self) -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity \
             WHERE datname = $1 AND application_name = 'target-service' AND state = 'active'",
        )
        .bind(&self.name)
        .fetch_one(&mut self.connect().await)
        .await
        .unwrap()
    }

    /// What a process of the server is at: `idle`, `active`, `idle in transaction`.
    pub async fn state_of(&self, backend: i32) -> String {
        sqlx::query_scalar("SELECT state FROM pg_stat_activity WHERE pid = $1")
            .bind(backend)
            .fetch_one(&mut self.connect().await)
            .await
            .unwrap()
    }

    pub async fn lock_waiters(&self) -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'",
        )
        .bind(&self.name)
        .fetch_one(&mut self.connect().await)
        .await
        .unwrap()
    }

    pub async fn has_lock_waiter(&self) -> bool {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock')",
        )
        .bind(&self.name)
        .fetch_one(&mut self.connect().await)
        .await
        .unwrap()
    }

    /// Ends the service's sessions, as an administrator or a restart would.
    pub async fn terminate_backends(&self) {
        sqlx::query(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
             WHERE datname = $1 AND application_name = 'target-service'",
        )
        .bind(&self.name)
        .execute(&mut self.connect().await)
        .await
        .unwrap();
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // The test's own runtime may be about to end.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(administer(&drop));
        });
        if dropping.join().is_err() {
            eprintln!("the database {} is left behind", self.name);
        }
    }
}

async fn template() -> String {
    let name = format!("test_template_{}", std::process::id());
    administer(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
    administer(&format!("CREATE DATABASE {name}")).await;
    let mut connection = options(&name).connect().await.unwrap();
    target_service::migrate::migrate(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    name
}

async fn administer(statement: &str) {
    let mut connection = server()
        .parse::<PgConnectOptions>()
        .unwrap()
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

fn options(name: &str) -> PgConnectOptions {
    url_of(name)
        .parse::<PgConnectOptions>()
        .unwrap()
        .application_name("test")
}

fn server() -> String {
    std::env::var("DATABASE_URL").expect("these tests need a PostgreSQL: run `./squall test`")
}

fn url_of(name: &str) -> String {
    let url = server();
    let (address, parameters) = url.split_once('?').unwrap_or((&url, ""));
    let (host, _) = address
        .rsplit_once('/')
        .expect("DATABASE_URL names a database");
    format!("{host}/{name}?{parameters}")
}
