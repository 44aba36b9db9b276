-- The legal ways of a payment, whoever writes:
--
--     REQUESTED -> SUCCEEDED | FAILED | PENDING      the gateway's answer, or none in time
--     PENDING   -> SUCCEEDED | FAILED                reconciliation
--     SUCCEEDED -> REFUNDED
--
-- The service guards its updates by the status that they expect. This refuses what a mistake in it would do.
CREATE FUNCTION guard_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'REQUESTED' THEN
            RAISE EXCEPTION 'a payment begins as REQUESTED, not as %', NEW.status
                USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_transition';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.status <> OLD.status AND NOT (
        (OLD.status = 'REQUESTED' AND NEW.status IN ('SUCCEEDED', 'FAILED', 'PENDING'))
        OR (OLD.status = 'PENDING' AND NEW.status IN ('SUCCEEDED', 'FAILED'))
        OR (OLD.status = 'SUCCEEDED' AND NEW.status = 'REFUNDED')
    ) THEN
        RAISE EXCEPTION 'a payment does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_transition';
    END IF;
    IF NEW.status = 'SUCCEEDED' AND OLD.status <> 'SUCCEEDED' AND OLD.cancel_requested_at IS NOT NULL THEN
        RAISE EXCEPTION 'a payment that is being cancelled does not succeed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_transition';
    END IF;
    IF (NEW.id, NEW.order_id, NEW.member_id, NEW.amount, NEW.idempotency_key, NEW.fingerprint)
        IS DISTINCT FROM
        (OLD.id, OLD.order_id, OLD.member_id, OLD.amount, OLD.idempotency_key, OLD.fingerprint)
    THEN
        RAISE EXCEPTION 'what a payment is for does not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_identity';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER payments_guard
    BEFORE INSERT OR UPDATE ON payments
    FOR EACH ROW EXECUTE FUNCTION guard_payment();
