-- Points that one member gives to another: two rows of the ledger, one of each member, which change two
-- balances in one transaction and keep their sum.
ALTER TABLE point_entries
    -- Of what came: the row of what went. The other way round there is no reference: the row of what went is
    -- written first.
    ADD COLUMN transfer_id bigint CONSTRAINT point_entries_transfer REFERENCES point_entries (id),
    -- What went comes once.
    ADD CONSTRAINT point_entries_once_per_transfer UNIQUE (transfer_id),
    ADD CONSTRAINT point_entries_transfer_in CHECK ((transfer_id IS NOT NULL) = (kind = 'transfer_in'));

ALTER TABLE point_entries
    DROP CONSTRAINT point_entries_kind_check,
    DROP CONSTRAINT point_entries_check,
    DROP CONSTRAINT point_entries_check1,
    DROP CONSTRAINT point_entries_check2,
    ADD CONSTRAINT point_entries_kind CHECK (
        kind IN ('charge', 'use', 'order_spend', 'order_return', 'transfer_out', 'transfer_in')),
    ADD CONSTRAINT point_entries_sign CHECK (
        change <> 0 AND (change > 0) = (kind IN ('charge', 'order_return', 'transfer_in'))),
    -- The key is the sender's.
    ADD CONSTRAINT point_entries_keyed CHECK (
        (idempotency_key IS NOT NULL) = (kind IN ('charge', 'use', 'transfer_out'))),
    ADD CONSTRAINT point_entries_ordered CHECK (
        (order_id IS NOT NULL) = (kind IN ('order_spend', 'order_return')));
