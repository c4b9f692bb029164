-- What else one can do with a post; and posts that ask

CREATE TABLE reposts (
    id            UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    post_id       UUID NOT NULL REFERENCES posts (id) ON DELETE CASCADE,
    user_id       UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    quote_content VARCHAR(1000),
    created_at    TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT reposts_key UNIQUE (user_id, post_id)
);

CREATE INDEX idx_reposts_post_id ON reposts (post_id);

CREATE TABLE bookmarks (
    id         UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    post_id    UUID NOT NULL REFERENCES posts (id) ON DELETE CASCADE,
    user_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT bookmarks_key UNIQUE (user_id, post_id)
);

CREATE INDEX idx_bookmarks_post_id ON bookmarks (post_id);

CREATE TABLE shares (
    id         UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    post_id    UUID NOT NULL REFERENCES posts (id) ON DELETE CASCADE,
    user_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    platform   VARCHAR(20) NOT NULL DEFAULT 'link',
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT shares_platform_check CHECK (platform IN ('link', 'email', 'message', 'external'))
);

CREATE INDEX idx_shares_post_id ON shares (post_id);
CREATE INDEX idx_shares_user_id ON shares (user_id);

ALTER TABLE posts
    ADD COLUMN reposts_count INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN bookmarks_count INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN shares_count INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN poll JSONB,
    ADD CONSTRAINT posts_poll_check CHECK ((type = 'poll') = (poll IS NOT NULL)),
    ADD CONSTRAINT posts_poll_options_check CHECK (jsonb_array_length(poll -> 'options') BETWEEN 2 AND 10);
