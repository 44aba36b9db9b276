//! Dies on purpose (`outbox.fault`), so that it can be tried out what becomes of an event then.

use crate::context::RequestContext;
use crate::strategy::OutboxFault;

/// An event has come to this point.
pub(super) fn pass(ctx: &RequestContext, point: OutboxFault) {
    if ctx.knobs().outbox_fault == point {
        // As `kill -9` would: nothing is finished and nothing is cleaned up.
        std::process::abort();
    }
}
