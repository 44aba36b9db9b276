-- Who likes which post. The truth about likes; posts.like_count is a copy of a part of it.
CREATE TABLE post_likes (
    post_id   bigint NOT NULL CONSTRAINT post_likes_post REFERENCES posts (id),
    member_id bigint NOT NULL CONSTRAINT post_likes_member REFERENCES members (id),
    liked_at  timestamptz NOT NULL,
    -- Whether posts.like_count includes this row. Strategies that keep the count write true, the one
    -- that derives it from these rows writes false and leaves posts alone. So the number of likes is
    -- like_count plus the rows not counted, at every moment and across any change of strategy.
    counted   boolean NOT NULL,

    -- One like per member and post; makes liking twice a no-op. Also serves counting per post.
    CONSTRAINT post_likes_once PRIMARY KEY (post_id, member_id)
);

-- The rows that like_count lacks: nearly always none, so that adding them costs a probe of a tiny index.
CREATE INDEX post_likes_uncounted ON post_likes (post_id) WHERE NOT counted;
