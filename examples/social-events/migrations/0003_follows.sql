-- Who follows whom

CREATE TABLE follows (
    id           UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    follower_id  UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    following_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT follows_key UNIQUE (follower_id, following_id),
    CONSTRAINT follows_self_check CHECK (follower_id <> following_id)
);

CREATE INDEX idx_follows_following_id ON follows (following_id);
