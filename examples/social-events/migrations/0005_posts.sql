-- Posts, comments, likes

CREATE TYPE post_type AS ENUM ('text', 'text_with_images', 'text_with_event', 'poll');
CREATE TYPE post_visibility AS ENUM ('public', 'followers', 'private');

CREATE TABLE posts (
    id                UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    author_id         UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    content           VARCHAR(5000) NOT NULL,
    type              post_type NOT NULL DEFAULT 'text',
    visibility        post_visibility NOT NULL DEFAULT 'public',
    event_id          UUID REFERENCES events (id) ON DELETE SET NULL,
    attached_event_id UUID REFERENCES events (id) ON DELETE SET NULL,
    hashtags          TEXT[] NOT NULL DEFAULT '{}',
    mentions          TEXT[] NOT NULL DEFAULT '{}',
    likes_count       INTEGER NOT NULL DEFAULT 0,
    comments_count    INTEGER NOT NULL DEFAULT 0,
    created_at        TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at        TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT posts_event_check CHECK (attached_event_id IS NULL OR type = 'text_with_event')
);

CREATE INDEX idx_posts_author_id ON posts (author_id, created_at DESC);
CREATE INDEX idx_posts_event_id ON posts (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX idx_posts_attached_event_id ON posts (attached_event_id) WHERE attached_event_id IS NOT NULL;
CREATE INDEX idx_posts_feed ON posts (created_at DESC) WHERE visibility = 'public';
CREATE INDEX idx_posts_hashtags ON posts USING gin (hashtags);

CREATE TABLE post_images (
    id          UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    post_id     UUID NOT NULL REFERENCES posts (id) ON DELETE CASCADE,
    image_url   TEXT NOT NULL,
    order_index INTEGER NOT NULL DEFAULT 0,
    created_at  TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT post_images_order_key UNIQUE (post_id, order_index)
);

CREATE TABLE comments (
    id                UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    post_id           UUID NOT NULL REFERENCES posts (id) ON DELETE CASCADE,
    author_id         UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    parent_comment_id UUID,
    content           VARCHAR(2000) NOT NULL,
    likes_count       INTEGER NOT NULL DEFAULT 0,
    replies_count     INTEGER NOT NULL DEFAULT 0,
    created_at        TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at        TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT comments_post_key UNIQUE (post_id, id),
    -- An answer stands under the same post as what it answers
    CONSTRAINT comments_parent_fkey FOREIGN KEY (post_id, parent_comment_id)
        REFERENCES comments (post_id, id) ON DELETE CASCADE
);

CREATE INDEX idx_comments_author_id ON comments (author_id);
CREATE INDEX idx_comments_parent_comment_id ON comments (parent_comment_id) WHERE parent_comment_id IS NOT NULL;
CREATE INDEX idx_comments_post_parent ON comments (post_id, parent_comment_id);

-- A like is of a post or of a comment, so likeable_id has no foreign key
CREATE TABLE likes (
    id            UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id       UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    likeable_type VARCHAR(10) NOT NULL,
    likeable_id   UUID NOT NULL,
    created_at    TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT likes_type_check CHECK (likeable_type IN ('post', 'comment')),
    CONSTRAINT likes_key UNIQUE (user_id, likeable_type, likeable_id)
);

CREATE INDEX idx_likes_likeable ON likes (likeable_id, likeable_type);

CREATE TRIGGER update_posts_updated_at BEFORE UPDATE ON posts
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
CREATE TRIGGER update_comments_updated_at BEFORE UPDATE ON comments
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
