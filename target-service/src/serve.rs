//! Runs the service from the first connection to the last.

use std::io::Write as _;
use std::net::SocketAddr;

use serde::Serialize;
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::config::Config;
use crate::http::server::Server;
use crate::knobs::KnobError;
use crate::telemetry::{Exposition, MetricsError};
use crate::{admin, router};

#[derive(Debug, Error)]
pub enum ServeError {
    #[error(transparent)]
    Knob(#[from] KnobError),
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    #[error("{address} cannot be listened on: {error}")]
    Listen {
        address: SocketAddr,
        error: std::io::Error,
    },
    #[error("signals cannot be waited for: {0}")]
    Signals(std::io::Error),
    #[error("the addresses cannot be printed: {0}")]
    Print(std::io::Error),
}

/// Where the service listens: its first line of output.
#[derive(Debug, Serialize)]
struct Addresses {
    service: SocketAddr,
    admin: SocketAddr,
}

/// Serves until SIGTERM or SIGINT, then finishes what is under way, within `http.shutdown_grace`.
pub async fn serve(config: Config) -> Result<(), ServeError> {
    let exposition = if config.telemetry.enabled {
        Exposition::install()?
    } else {
        Exposition::default()
    };
    let stop = stop_on_signal().map_err(ServeError::Signals)?;
    let http = config.http.clone();
    let service = bind(http.listen, &config).await?;
    let admin = bind(config.admin.listen, &config).await?;
    let app = App::new(config, exposition)?;
    print(&Addresses {
        service: service.address(),
        admin: admin.address(),
    })?;

    let (router, _) = router::build(&app);
    let (connections, workers) = (TaskTracker::new(), TaskTracker::new());
    app.payments.start_workers(&app.knobs, &stop, &workers);
    // Knobs can be turned to the end, also while requests under way finish.
    tokio::spawn(admin.run(
        admin::router(app.clone()),
        CancellationToken::new(),
        TaskTracker::new(),
    ));
    start_workers(&app, &stop);
    let (warming, stopped) = (app.clone(), stop.clone());
    let warming = async move {
        stopped
            .run_until_cancelled(Box::pin(warming.prewarm()))
            .await
    };
    app.work.spawn(warming);
    service.run(router, stop, connections.clone()).await;

    if tokio::time::timeout(http.shutdown_grace, finish(&app, &connections, &workers))
        .await
        .is_err()
    {
        tracing::warn!(grace = ?http.shutdown_grace, "requests still under way after the grace are broken off");
    }
    app.database.close().await;
    if let Some(redis) = &app.redis {
        redis.close();
    }
    Ok(())
}

/// What goes on beside the requests, until it is told to stop.
fn start_workers(app: &App, stop: &CancellationToken) {
    let (config, knobs) = (&app.config, &app.knobs);
    if config.flow.settlement {
        let settling = app.settlement().run(knobs.clone(), stop.clone());
        app.work.spawn(settling);
    }
    let writing = app.view_writer().run(knobs.clone(), stop.clone());
    app.work.spawn(writing);
    if config.survey.folding {
        let folding = app.survey_fold().run(knobs.clone(), stop.clone());
        app.work.spawn(folding);
    }
    if config.outbox.relay {
        let relaying = app.relay().run(knobs.clone(), stop.clone());
        app.work.spawn(relaying);
    }
    if config.outbox.consumer
        && let Some(consumer) = app.consumer()
    {
        app.work.spawn(consumer.run(knobs.clone(), stop.clone()));
    }
}

async fn bind(listen: SocketAddr, config: &Config) -> Result<Server, ServeError> {
    Server::bind(listen, config.http.header_read_timeout)
        .await
        .map_err(|error| ServeError::Listen {
            address: listen,
            error,
        })
}

/// What is under way: on connections, in tasks of its own, and in workers; and what they leave to be written.
async fn finish(app: &App, connections: &TaskTracker, workers: &TaskTracker) {
    connections.close();
    connections.wait().await;
    app.work.close();
    app.work.wait().await;
    workers.close();
    workers.wait().await;
    app.view_writer().write_all(&app.knobs).await;
}

fn stop_on_signal() -> std::io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopped.cancel();
    });
    Ok(stop)
}

fn print(addresses: &Addresses) -> Result<(), ServeError> {
    let line = serde_json::to_string(addresses).map_err(|error| ServeError::Print(error.into()))?;
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")
        .and_then(|()| output.flush())
        .map_err(ServeError::Print)
}
