-- The last holder of the lock in Redis that was announced here, where holders have numbers (lock.fencing):
-- what earlier ones write is refused.
ALTER TABLE point_accounts ADD COLUMN fence bigint NOT NULL DEFAULT 0;
