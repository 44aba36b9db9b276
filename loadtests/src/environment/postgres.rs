//! A private PostgreSQL server on a data directory of the run.
//!
//! TCP connections authenticate by SCRAM, as in production: a connect costs the same round trips.
//! Two roles exist: the owner of the database for the service, without special rights, and the
//! superuser, for which PostgreSQL keeps connections in reserve, so that its counters can be read
//! however many connections the service takes.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, PgConnection};

use super::error::EnvironmentError;
use super::keeper::StopBy;
use super::port;
use super::process::ServerProcess;
use super::programs::{PostgresInstall, STATEMENT_COUNTER};
use super::run::Run;

pub const NAME: &str = "postgres";
/// The database, and the role that owns it.
pub const DATABASE: &str = "squall";
pub const SUPERUSER: &str = "postgres";

const READY_LIMIT: Duration = Duration::from_mins(1);
/// Socket paths are limited to 103 bytes on macOS and 107 on Linux.
const LONGEST_SOCKET_DIRECTORY: usize = 80;

/// Chosen so that a trial measures the service and not maintenance work; what they are is read
/// back from the server and recorded. `fsync` and `synchronous_commit` stay on: without them
/// writes would look faster than they are.
const TRIAL_SETTINGS: [&str; 10] = [
    "max_connections=100",
    "shared_buffers=256MB",
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "autovacuum=off",
    "checkpoint_timeout=30min",
    "max_wal_size=4GB",
    "lc_messages=C",
    "log_checkpoints=off",
];
/// While a data directory is being built nothing in it is worth keeping; it is synced at the end.
const BUILD_SETTINGS: [&str; 7] = [
    "max_connections=20",
    "shared_buffers=256MB",
    "fsync=off",
    "autovacuum=off",
    // Spare log files are copied with the data.
    "max_wal_size=256MB",
    "maintenance_work_mem=256MB",
    "lc_messages=C",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Trial,
    Build,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Service,
    Superuser,
}

/// A data directory and what opens it.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub data: PathBuf,
    pub password: String,
}

impl Cluster {
    /// Has the system begin to write the fresh copy to disk: left to itself it would do so in the
    /// middle of the trial, and slow down the trial's own writes. Elsewhere than on Linux it is
    /// left to itself.
    pub fn write_back(&self) {
        #[cfg(target_os = "linux")]
        if let Ok(directory) = fs::File::open(&self.data) {
            // Not waited for, because others' writes are written with it; and it concerns speed
            // alone, so that a file system that cannot do it is no failure.
            std::thread::spawn(move || nix::unistd::syncfs(directory));
        }
    }
}

#[derive(Debug)]
pub struct Postgres {
    process: ServerProcess,
    cluster: Cluster,
    port: u16,
}

impl Postgres {
    /// Starts a server and waits until it takes connections.
    pub async fn start(
        run: &Run,
        install: &PostgresInstall,
        cluster: Cluster,
        purpose: Purpose,
    ) -> Result<Self, EnvironmentError> {
        port::start_on_free(async |port| {
            Self::start_on(run, install, &cluster, purpose, port).await
        })
        .await
    }

    async fn start_on(
        run: &Run,
        install: &PostgresInstall,
        cluster: &Cluster,
        purpose: Purpose,
        port: u16,
    ) -> Result<Self, EnvironmentError> {
        let mut launch = run.launch(NAME, &install.program("postgres"));
        launch.account = run.account();
        launch.stop_by = StopBy::Quit;
        launch.directory.clone_from(&cluster.data);
        launch.variables = vec![("LC_ALL", "C".into())];
        launch.arguments = server_arguments(&cluster.data, port, purpose);
        if purpose == Purpose::Trial && install.counts_statements() {
            launch.arguments.extend(statement_counter_arguments());
        }
        let server = Self {
            process: run.start(launch)?,
            cluster: cluster.clone(),
            port,
        };
        server.wait_until_ready().await?;
        Ok(server)
    }

    /// Starts it again on the same port and data, without waiting: recovery is part of what a
    /// restart costs.
    pub fn start_again(&self) -> Result<(), EnvironmentError> {
        self.process.spawn().map(drop)
    }

    /// Waits until it takes connections.
    pub async fn wait_until_ready(&self) -> Result<(), EnvironmentError> {
        self.process
            .wait_until_ready(READY_LIMIT, async || self.is_ready())
            .await
    }

    /// The server says so in its pid file; the file of one that was killed is still there.
    fn is_ready(&self) -> bool {
        let Ok(text) = fs::read_to_string(self.cluster.data.join("postmaster.pid")) else {
            return false;
        };
        let mut lines = text.lines();
        let is_ours = lines.next().and_then(|pid| pid.trim().parse().ok()) == self.process.pid();
        is_ours && self.process.is_running() && lines.nth(6).map(str::trim) == Some("ready")
    }

    /// Ends all connections, writes everything to disk and stops; is killed when that takes longer
    /// than `limit`.
    pub fn shut_down(&self, limit: Duration) {
        self.process.terminate(Signal::SIGINT, limit);
    }

    pub fn process(&self) -> &ServerProcess {
        &self.process
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// How `role` connects, to this server or to a proxy in front of it.
    pub fn url(&self, role: Role, address: &str) -> String {
        let user = match role {
            Role::Service => DATABASE,
            Role::Superuser => SUPERUSER,
        };
        let password = &self.cluster.password;
        format!("postgres://{user}:{password}@{address}/{DATABASE}?sslmode=disable")
    }

    pub async fn connect(&self, database: &str) -> Result<PgConnection, EnvironmentError> {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(SUPERUSER)
            .password(&self.cluster.password)
            .database(database)
            .ssl_mode(PgSslMode::Disable)
            .connect()
            .await
            .map_err(database_error("connecting"))
    }

    /// Has the server count the statements of the trial's database, where it can.
    pub async fn count_statements(
        &self,
        install: &PostgresInstall,
    ) -> Result<(), EnvironmentError> {
        if !install.counts_statements() {
            return Ok(());
        }
        let failed = "having it count statements";
        let mut connection = self.connect(DATABASE).await?;
        sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            .execute(&mut connection)
            .await
            .map_err(database_error(failed))?;
        connection.close().await.map_err(database_error(failed))
    }

    /// The version and every setting that differs from the default.
    pub async fn effective(&self) -> Result<serde_json::Value, EnvironmentError> {
        let failed = "reading its settings";
        let mut connection = self.connect(DATABASE).await?;
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT name, current_setting(name) FROM pg_settings
             WHERE source IN ('command line', 'configuration file')
                OR name IN ('server_version', 'fsync', 'synchronous_commit', 'autovacuum')
             ORDER BY name",
        )
        .fetch_all(&mut connection)
        .await
        .map_err(database_error(failed))?;
        connection.close().await.map_err(database_error(failed))?;
        let settings = rows
            .into_iter()
            // Where the run happens to lie says nothing about the server.
            .filter(|(name, _)| !PLACES.contains(&name.as_str()))
            .map(|(name, value)| (name, value.into()))
            .collect();
        Ok(serde_json::Value::Object(settings))
    }
}

const PLACES: [&str; 6] = [
    "config_file",
    "data_directory",
    "hba_file",
    "ident_file",
    "port",
    "unix_socket_directories",
];

fn server_arguments(data: &Path, port: u16, purpose: Purpose) -> Vec<OsString> {
    let settings: &[&str] = match purpose {
        Purpose::Trial => &TRIAL_SETTINGS,
        Purpose::Build => &BUILD_SETTINGS,
    };
    // The data directory itself: nobody else can enter it.
    let sockets = Some(data.to_string_lossy())
        .filter(|path| path.len() <= LONGEST_SOCKET_DIRECTORY)
        .unwrap_or_default();
    let mut arguments = vec!["-D".into(), data.into()];
    let own = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        format!("unix_socket_directories={sockets}"),
    ];
    for setting in own
        .iter()
        .map(String::as_str)
        .chain(settings.iter().copied())
    {
        arguments.extend(["-c".into(), setting.into()]);
    }
    arguments
}

/// The beginning and end of transactions are no statements of interest.
fn statement_counter_arguments() -> impl Iterator<Item = OsString> {
    let settings = [
        format!("shared_preload_libraries={STATEMENT_COUNTER}"),
        format!("{STATEMENT_COUNTER}.track_utility=off"),
    ];
    settings
        .into_iter()
        .flat_map(|setting| ["-c".into(), setting.into()])
}

pub fn database_error(doing: &'static str) -> impl FnOnce(sqlx::Error) -> EnvironmentError {
    move |source| EnvironmentError::Database { doing, source }
}
