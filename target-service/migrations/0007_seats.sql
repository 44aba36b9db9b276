-- Who has which seat of which event. A seat has a row from the first time that somebody takes it; one
-- without a row is free.
CREATE TABLE seats (
    event      bigint NOT NULL CHECK (event > 0),
    seat       bigint NOT NULL CHECK (seat > 0),
    status     text NOT NULL CHECK (status IN ('FREE', 'HELD', 'SOLD')),
    -- Who holds it or has bought it.
    member_id  bigint CONSTRAINT seats_member REFERENCES members (id),
    -- Until when a member holds it. Nobody has to clear what has run out: whoever wants the seat next
    -- looks at the time. Null while an order has it: that ends with the order and not by the clock.
    held_until timestamptz,
    -- The order that has it. No reference: seats and orders meet by ids only.
    order_id   bigint,

    CHECK ((status = 'FREE') = (member_id IS NULL)),
    CHECK ((status = 'HELD' AND order_id IS NULL) = (held_until IS NOT NULL)),
    CHECK (status <> 'FREE' OR order_id IS NULL),
    CHECK (status <> 'SOLD' OR order_id IS NOT NULL),

    -- One row, so one holder. Decides between all who want the seat at once.
    CONSTRAINT seats_one_each PRIMARY KEY (event, seat),
    -- Finds the seat of an order. An order has one at most.
    CONSTRAINT seats_one_per_order UNIQUE (order_id)
);

-- Sold once: no later mistake in the service can sell it again or take it away.
CREATE FUNCTION refuse_to_resell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'seat % of event % is sold', OLD.seat, OLD.event;
END
$$;

CREATE TRIGGER seats_sold_once
    BEFORE UPDATE OR DELETE ON seats
    FOR EACH ROW WHEN (OLD.status = 'SOLD') EXECUTE FUNCTION refuse_to_resell();
