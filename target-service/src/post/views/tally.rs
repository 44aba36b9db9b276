//! Views that only this process knows of.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use metrics::gauge;

use crate::ids::PostId;

#[derive(Debug, Default)]
pub(super) struct Tally {
    views: Mutex<HashMap<PostId, i64>>,
}

impl Tally {
    pub(super) fn add(&self, post: PostId, views: i64) {
        *self.views().entry(post).or_default() += views;
        pending(views);
    }

    /// What has been counted, which is the caller's from now on.
    pub(super) fn take(&self) -> Vec<(PostId, i64)> {
        std::mem::take(&mut *self.views()).into_iter().collect()
    }

    /// The caller has written what it took.
    pub(super) fn written(taken: &[(PostId, i64)]) {
        pending(-taken.iter().map(|(_, views)| views).sum::<i64>());
    }

    /// The caller could not write what it took.
    pub(super) fn put_back(&self, taken: Vec<(PostId, i64)>) {
        let mut all = self.views();
        for (post, views) in taken {
            *all.entry(post).or_default() += views;
        }
    }

    fn views(&self) -> MutexGuard<'_, HashMap<PostId, i64>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a crash would take with it.
fn pending(more: i64) {
    gauge!("target_post_views_pending").increment(more as f64);
}
