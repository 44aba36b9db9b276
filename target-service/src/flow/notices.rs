//! Tells members by mail what has happened to them: that they are registered, and how their orders ended.

use futures_util::future::BoxFuture;

use crate::context::RequestContext;
use crate::database::Database;
use crate::ids::{MemberId, OrderId};
use crate::mail::{self, Letter};
use crate::outbox::{Event, Handler, Kind, NotHandled};
use crate::{member, order};

#[derive(Debug, Clone)]
pub struct Notices {
    pub database: Database,
}

impl Handler for Notices {
    fn handle<'a>(
        &'a self,
        ctx: &'a RequestContext,
        event: &'a Event,
    ) -> BoxFuture<'a, Result<(), NotHandled>> {
        Box::pin(self.notify(ctx, event))
    }
}

impl Notices {
    async fn notify(&self, ctx: &RequestContext, event: &Event) -> Result<(), NotHandled> {
        let (member, subject) = match event.kind {
            Kind::MemberRegistered => (MemberId(event.subject), member::WELCOME),
            Kind::OrderPaid => (self.orderer(ctx, event).await?, "Your order is paid"),
            Kind::OrderFailed => (self.orderer(ctx, event).await?, "Your order has failed"),
        };
        let member = member::find(&self.database, ctx, member)
            .await
            .map_err(not_handled)?;
        let letter = Letter {
            message_id: mail::message_id(ctx, event),
            recipient: member.email,
            subject: subject.to_owned(),
        };
        // Without a connection: a slow mail server is waited for by nobody else.
        let accepted = mail::transmit(ctx, letter).await.map_err(not_handled)?;
        let mut mailbox = self.database.acquire(ctx).await.map_err(not_handled)?;
        accepted.keep(&mut mailbox, ctx).await.map_err(not_handled)
    }

    async fn orderer(&self, ctx: &RequestContext, event: &Event) -> Result<MemberId, NotHandled> {
        let order = order::find(&self.database, ctx, OrderId(event.subject)).await;
        Ok(order.map_err(not_handled)?.member_id)
    }
}

fn not_handled(error: impl std::fmt::Display) -> NotHandled {
    NotHandled(error.to_string())
}
