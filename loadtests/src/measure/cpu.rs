//! CPU time of this process: what the generator itself costs.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike as _};

/// User and system seconds so far; 0 where the system does not tell.
pub fn own_seconds() -> f64 {
    let seconds = |time: TimeVal| time.num_microseconds() as f64 / 1e6;
    getrusage(UsageWho::RUSAGE_SELF).map_or(0.0, |usage| {
        seconds(usage.user_time()) + seconds(usage.system_time())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_done_shows_up() {
        let before = own_seconds();
        let mut x = 1_u64;
        while own_seconds() - before < 0.01 {
            x = std::hint::black_box(x.wrapping_mul(31));
        }
        assert!(own_seconds() > before);
    }
}
