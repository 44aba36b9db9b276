//! `target-service serve | migrate | seed | check`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use chrono::{DateTime, NaiveTime, Utc};
use clap::{Args, Parser, Subcommand};
use sqlx::{ConnectOptions as _, PgConnection};
use target_service::config::{self, Config, ConfigError};
use target_service::migrate::migrate;
use target_service::seed::{CouponPlan, SeedPlan, Skew, SurveyPlan, seed};
use target_service::serve::serve;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The status of bad usage: arguments or a configuration that cannot be read.
const BAD_USAGE: u8 = 2;

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// A TOML file. `TARGET_SERVICE__DB__POOL__MAX_SIZE=20` in the environment goes before
    /// `db.pool.max_size` in the file.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until SIGTERM or SIGINT; the first line of output says where, as JSON.
    Serve,
    /// Brings the database `db.url` to the schema that this build expects.
    Migrate,
    /// Reads the configuration as `serve` would, and does nothing else; says what is wrong with it.
    Check {
        /// Says it as a JSON object with `key` and `reason`, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Fills the migrated, empty database `db.url` with members 1 to N, their posts, surveys and coupons.
    Seed(SeedArguments),
}

#[derive(Args)]
struct SeedArguments {
    #[arg(long, value_name = "N")]
    members: u32,
    /// Spread over the last 365 days.
    #[arg(long, value_name = "N", default_value_t = 0)]
    posts: u32,
    #[arg(long, value_name = "N", default_value_t = 0)]
    surveys: u32,
    /// Of each survey.
    #[arg(long, value_name = "N", default_value_t = 0)]
    survey_answers: u32,
    /// Of each survey, of as many members: at most N of --members.
    #[arg(long, value_name = "N", default_value_t = 0)]
    survey_likes: u32,
    #[arg(long, value_name = "N", default_value_t = 0)]
    coupons: u32,
    /// Of each coupon.
    #[arg(long, value_name = "N", default_value_t = 100)]
    coupon_quantity: u32,
    /// How the posts are spread over the members.
    #[arg(long, value_enum, default_value_t = Skew::Uniform)]
    skew: Skew,
    /// The same seed on the same day gives the same rows.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = match config::load(arguments.config.as_deref(), std::env::vars_os()) {
        Ok(config) => config,
        Err(error) => {
            refuse(&error, &arguments.command);
            return ExitCode::from(BAD_USAGE);
        }
    };
    match run(&arguments.command, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn refuse(error: &ConfigError, command: &Command) {
    if let Command::Check { json: true } = command {
        let refusal = serde_json::json!({ "key": error.key(), "reason": error.reason() });
        println!("{refusal}");
    } else {
        eprintln!("{error}");
    }
}

fn run(command: &Command, config: Config) -> anyhow::Result<()> {
    if let Command::Check { .. } = command {
        return Ok(());
    }
    config.telemetry.log.install()?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        match command {
            Command::Serve => Box::pin(serve(config)).await?,
            Command::Migrate => migrate(&mut connect(&config).await?).await?,
            Command::Seed(arguments) => fill(&config, arguments).await?,
            Command::Check { .. } => {}
        }
        anyhow::Ok(())
    })
}

async fn connect(config: &Config) -> anyhow::Result<PgConnection> {
    let connecting = config.db.url.options().connect().await;
    connecting.with_context(|| format!("{:?} cannot be connected to", config.db.url))
}

async fn fill(config: &Config, arguments: &SeedArguments) -> anyhow::Result<()> {
    let begun = Instant::now();
    let plan = SeedPlan {
        members: arguments.members,
        posts: arguments.posts,
        surveys: SurveyPlan {
            surveys: arguments.surveys,
            answers_each: arguments.survey_answers,
            likes_each: arguments.survey_likes,
        },
        coupons: CouponPlan {
            coupons: arguments.coupons,
            quantity_each: arguments.coupon_quantity,
        },
        skew: arguments.skew,
        seed: arguments.seed,
        until: midnight(),
        time_zone: config.calendar.time_zone,
    };
    seed(&mut connect(config).await?, &plan).await?;
    println!(
        "{} members, {} posts, {} surveys and {} coupons in {:.1?}",
        plan.members,
        plan.posts,
        plan.surveys.surveys,
        plan.coupons.coupons,
        begun.elapsed()
    );
    Ok(())
}

/// The last one in UTC: what is seeded depends on the day and not on the time of day.
fn midnight() -> DateTime<Utc> {
    Utc::now().date_naive().and_time(NaiveTime::MIN).and_utc()
}
