-- How often posts have been looked at. A table of its own: views are many, are added in batches by many
-- instances, and must neither make new versions of the posts' own rows nor wait for whoever changes those.
--
-- No reference to the post: a view is counted of a post that was found, and posts are never removed.
CREATE TABLE post_views (
    post_id bigint PRIMARY KEY,
    -- Without those that instances still hold in memory.
    views   bigint NOT NULL CHECK (views > 0)
);
