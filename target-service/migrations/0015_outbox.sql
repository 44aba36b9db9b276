-- What has happened and others are to hear of. An event is written by the transaction that makes it true: it
-- is there if and only if that is committed.
CREATE TABLE outbox_events (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('member_registered', 'order_paid', 'order_failed')),
    -- The id of what it happened to. No reference: events outlive what they tell of.
    subject      bigint NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- When a relay handed it on for the last time. That is no promise that it arrived.
    published_at timestamptz,
    -- When the consumer was done with it: what comes again after that is a duplicate.
    delivered_at timestamptz,

    -- What can happen to something only once is told only once.
    CONSTRAINT outbox_events_once UNIQUE (kind, subject)
);

-- What a relay looks at: few of the events at any time.
CREATE INDEX outbox_events_open ON outbox_events (id) WHERE delivered_at IS NULL;

-- The in-process mail server's own: the mails that it has accepted. It knows a mail by its message id, as
-- providers know a request by its idempotency key: one that is handed over again is counted and not sent
-- again.
CREATE TABLE mailbox (
    message_id  text PRIMARY KEY,
    recipient   text NOT NULL,
    subject     text NOT NULL,
    handed_over integer NOT NULL DEFAULT 1,
    accepted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
