//! Where the generator's threads run: in two places that share no processor.
//!
//! A processor of a virtual machine stands still whenever its host needs it for somebody else, for
//! milliseconds, with whatever ran on it or was to be woken there. The other one seldom stands still at the
//! same moment. So there is one thread in each place that can release a ticket, and users in each that can
//! take it up: whoever is not run in time is stood in for from the other place.

#[cfg(target_os = "linux")]
use std::sync::Arc;

#[cfg(target_os = "linux")]
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
#[cfg(target_os = "linux")]
use nix::unistd::Pid;

/// The processors that this program may use, in two parts.
#[derive(Debug, Clone)]
pub(super) struct Places {
    /// All but one. Most users live here, beside the second pacer.
    #[cfg(target_os = "linux")]
    home: Arc<CpuSet>,
    /// The other one: of the first pacer, and of the reserve.
    #[cfg(target_os = "linux")]
    away: Arc<CpuSet>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Home,
    Away,
}

impl Places {
    /// `None`: there is only one processor to use, or the system does not tell.
    #[cfg(target_os = "linux")]
    pub(super) fn find() -> Option<Self> {
        let usable = sched_getaffinity(Pid::from_raw(0)).ok()?;
        let mut usable = (0..CpuSet::count()).filter(|cpu| usable.is_set(*cpu).unwrap_or(false));
        let (mut home, mut away) = (CpuSet::new(), CpuSet::new());
        away.set(usable.next()?).ok()?;
        home.set(usable.next()?).ok()?;
        for cpu in usable {
            home.set(cpu).ok()?;
        }
        Some(Self {
            home: Arc::new(home),
            away: Arc::new(away),
        })
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn find() -> Option<Self> {
        None
    }

    /// The calling thread runs there and nowhere else from now on.
    pub(super) fn enter(&self, place: Place) {
        // Not permitted is not wrong: the lag tells whether it was needed.
        #[cfg(target_os = "linux")]
        let _ = sched_setaffinity(
            Pid::from_raw(0),
            match place {
                Place::Home => &self.home,
                Place::Away => &self.away,
            },
        );
        #[cfg(not(target_os = "linux"))]
        let _ = place;
    }
}
