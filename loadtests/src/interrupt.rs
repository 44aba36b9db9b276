//! Ctrl-C: once to stop and keep what was measured, twice to leave at once.
//!
//! Installed before goose starts: goose's own handler then finds the place taken, and an
//! interrupt reaches it only through the engine.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_util::sync::CancellationToken;

/// What the user's interrupts have asked for so far.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    /// Cancelled by the first: stop, clean up, report.
    pub stop: CancellationToken,
    /// Cancelled by the second: leave now; the keeper cleans up.
    pub leave: CancellationToken,
}

static INSTALLED: OnceLock<Interrupt> = OnceLock::new();
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Takes SIGINT, SIGTERM and SIGHUP for this process; further calls return the same tokens.
pub fn install() -> Interrupt {
    INSTALLED
        .get_or_init(|| {
            let interrupt = Interrupt::default();
            let tokens = interrupt.clone();
            let taken = ctrlc::set_handler(move || match COUNT.fetch_add(1, Ordering::SeqCst) {
                0 => tokens.stop.cancel(),
                _ => tokens.leave.cancel(),
            });
            if let Err(error) = taken {
                eprintln!("squall: Ctrl-C will not stop this run cleanly: {error}");
            }
            interrupt
        })
        .clone()
}
