-- An order may be for a coupon instead of a seat. No reference: orders and coupons meet by ids only.
ALTER TABLE orders
    ADD COLUMN coupon_id bigint,
    ADD CONSTRAINT orders_seat_or_coupon CHECK (seat IS NULL OR coupon_id IS NULL);

-- As before, and with the coupon.
CREATE OR REPLACE FUNCTION guard_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'CREATED' THEN
            RAISE EXCEPTION 'an order begins as CREATED and not as %', NEW.status;
        END IF;
    ELSIF NEW.status <> OLD.status AND OLD.status <> 'CREATED' THEN
        RAISE EXCEPTION 'order % is % and stays so', OLD.id, OLD.status;
    ELSIF (NEW.id, NEW.member_id, NEW.event, NEW.seat, NEW.coupon_id, NEW.amount, NEW.points, NEW.created_at)
          IS DISTINCT FROM
          (OLD.id, OLD.member_id, OLD.event, OLD.seat, OLD.coupon_id, OLD.amount, OLD.points, OLD.created_at) THEN
        RAISE EXCEPTION 'what order % is for stays as it was', OLD.id;
    END IF;
    RETURN NEW;
END
$$;

ALTER TABLE coupon_issues
    -- The order that the coupon was taken for; null when it was simply issued.
    ADD COLUMN order_id bigint,
    -- The order has not been paid yet, and may still give it back.
    ADD COLUMN held boolean NOT NULL DEFAULT false,
    ADD CHECK (NOT held OR order_id IS NOT NULL);

-- Finds the coupon of an order, which has one at most. Issues without an order do not pay for it.
CREATE UNIQUE INDEX coupon_issues_one_per_order ON coupon_issues (order_id) WHERE order_id IS NOT NULL;

-- Granted once: no later mistake in the service can take a member's coupon away, or give it to another order.
CREATE FUNCTION refuse_to_take_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'coupon % is member %''s', OLD.coupon_id, OLD.member_id;
END
$$;

CREATE TRIGGER coupon_issues_granted_once
    BEFORE UPDATE OR DELETE ON coupon_issues
    FOR EACH ROW WHEN (NOT OLD.held) EXECUTE FUNCTION refuse_to_take_back();
