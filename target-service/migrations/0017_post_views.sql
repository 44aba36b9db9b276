-- How often a post was looked at, as far as it is written: views are counted elsewhere and added in batches.
ALTER TABLE posts ADD COLUMN view_count bigint NOT NULL DEFAULT 0;

-- Batches that came out of Redis, kept as long as one of them could be handed out again: a batch is added once.
CREATE TABLE post_view_batches (
    id         text PRIMARY KEY,
    written_at timestamptz NOT NULL DEFAULT now()
);
