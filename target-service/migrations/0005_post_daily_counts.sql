-- Posts per member and day, kept by the transaction that inserts the post: what the calendar reads
-- when it is pre-aggregated. It is kept whether or not it is read, so that the source can be switched
-- at any time.
CREATE TABLE post_daily_counts (
    member_id bigint NOT NULL CONSTRAINT post_daily_counts_member REFERENCES members (id),
    day       date NOT NULL,
    posts     bigint NOT NULL CHECK (posts > 0),

    -- Finds the row to add to, and reads a range of days in order.
    CONSTRAINT post_daily_counts_one_per_day PRIMARY KEY (member_id, day)
);
