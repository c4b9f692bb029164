-- User service: accounts, settings, counters, privacy, who follows whom, invitations.
--
-- Runs in a database of its own, or with a search_path in a schema of its own.
-- It depends on no other service.

CREATE EXTENSION IF NOT EXISTS "uuid-ossp";

CREATE TABLE users (
    id                UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    email             VARCHAR(255) NOT NULL,
    username          VARCHAR(30) NOT NULL UNIQUE,
    password_hash     VARCHAR(255) NOT NULL,
    name              VARCHAR(100) NOT NULL,
    bio               VARCHAR(500),
    avatar_url        TEXT,
    cover_url         TEXT,
    phone             VARCHAR(20) UNIQUE,
    date_of_birth     DATE,
    gender            VARCHAR(20),
    location          VARCHAR(255),
    interests         TEXT[] NOT NULL DEFAULT '{}',
    is_verified       BOOLEAN NOT NULL DEFAULT false,
    is_email_verified BOOLEAN NOT NULL DEFAULT false,
    last_login_at     TIMESTAMP WITH TIME ZONE,
    deleted_at        TIMESTAMP WITH TIME ZONE,
    created_at        TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at        TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT users_email_check CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+\.[^@[:space:]]+$'),
    CONSTRAINT users_username_check CHECK (username ~ '^[a-z][a-z0-9_.]{2,29}$'),
    CONSTRAINT users_gender_check CHECK (gender IN ('female', 'male', 'other', 'undisclosed'))
);

-- One account an address, however it is typed
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE INDEX idx_users_created_at ON users (created_at DESC);
CREATE INDEX idx_users_interests ON users USING gin (interests);

CREATE TABLE user_settings (
    user_id               UUID PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    push_notifications    BOOLEAN NOT NULL DEFAULT true,
    email_notifications   BOOLEAN NOT NULL DEFAULT true,
    event_reminders       BOOLEAN NOT NULL DEFAULT true,
    dark_mode             BOOLEAN NOT NULL DEFAULT false,
    language              VARCHAR(10) NOT NULL DEFAULT 'en',
    location_enabled      BOOLEAN NOT NULL DEFAULT false,
    show_online_status    BOOLEAN NOT NULL DEFAULT true,
    created_at            TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at            TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- What a profile shows beside the name.  A table of its own, so that a new
-- follower does not touch the account.
CREATE TABLE user_stats (
    user_id            UUID PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    followers_count    INTEGER NOT NULL DEFAULT 0,
    following_count    INTEGER NOT NULL DEFAULT 0,
    posts_count        INTEGER NOT NULL DEFAULT 0,
    events_created     INTEGER NOT NULL DEFAULT 0,
    events_attended    INTEGER NOT NULL DEFAULT 0,
    reviews_given      INTEGER NOT NULL DEFAULT 0,
    invitations_sent   INTEGER NOT NULL DEFAULT 0,
    successful_invites INTEGER NOT NULL DEFAULT 0,
    updated_at         TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT user_stats_positive_check CHECK (
        least(followers_count, following_count, posts_count, events_created, events_attended,
              reviews_given, invitations_sent, successful_invites) >= 0)
);

CREATE TABLE user_privacy (
    user_id            UUID PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    profile_visibility VARCHAR(20) NOT NULL DEFAULT 'public',
    events_visibility  VARCHAR(20) NOT NULL DEFAULT 'public',
    allow_followers    BOOLEAN NOT NULL DEFAULT true,
    allow_messages     VARCHAR(20) NOT NULL DEFAULT 'followers',
    show_email         BOOLEAN NOT NULL DEFAULT false,
    show_location      BOOLEAN NOT NULL DEFAULT true,
    created_at         TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at         TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT user_privacy_profile_check CHECK (profile_visibility IN ('public', 'followers', 'private')),
    CONSTRAINT user_privacy_events_check CHECK (events_visibility IN ('public', 'followers', 'private')),
    CONSTRAINT user_privacy_messages_check CHECK (allow_messages IN ('everyone', 'followers', 'nobody'))
);

CREATE TABLE follows (
    id           UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    follower_id  UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    following_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT follows_key UNIQUE (follower_id, following_id),
    CONSTRAINT follows_self_check CHECK (follower_id <> following_id)
);

CREATE INDEX idx_follows_following_id ON follows (following_id);

CREATE TABLE invitations (
    id              UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    inviter_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    invitee_email   VARCHAR(255) NOT NULL,
    invitation_code VARCHAR(20) NOT NULL UNIQUE,
    status          VARCHAR(20) NOT NULL DEFAULT 'pending',
    accepted_by     UUID REFERENCES users (id) ON DELETE SET NULL,
    accepted_at     TIMESTAMP WITH TIME ZONE,
    expires_at      TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP + INTERVAL '30 days',
    created_at      TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at      TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT invitations_status_check CHECK (status IN ('pending', 'accepted', 'expired')),
    CONSTRAINT invitations_accepted_check CHECK ((status = 'accepted') = (accepted_at IS NOT NULL)),
    CONSTRAINT invitations_key UNIQUE (inviter_id, invitee_email)
);

CREATE INDEX idx_invitations_accepted_by ON invitations (accepted_by);
CREATE INDEX idx_invitations_pending ON invitations (expires_at) WHERE status = 'pending';

-- Every account has its settings, stats and privacy from the start.  The
-- function keeps the search_path it was made with, so that it finds them
-- whoever inserts.
CREATE FUNCTION create_user_defaults() RETURNS TRIGGER AS $$
BEGIN
    INSERT INTO user_settings (user_id) VALUES (NEW.id);
    INSERT INTO user_stats (user_id) VALUES (NEW.id);
    INSERT INTO user_privacy (user_id) VALUES (NEW.id);
    RETURN NULL;
END;
$$ LANGUAGE plpgsql SET search_path FROM CURRENT;

CREATE TRIGGER create_user_defaults AFTER INSERT ON users
    FOR EACH ROW EXECUTE FUNCTION create_user_defaults();

CREATE TRIGGER update_users_updated_at BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
CREATE TRIGGER update_user_settings_updated_at BEFORE UPDATE ON user_settings
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
CREATE TRIGGER update_user_stats_updated_at BEFORE UPDATE ON user_stats
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
CREATE TRIGGER update_user_privacy_updated_at BEFORE UPDATE ON user_privacy
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
CREATE TRIGGER update_invitations_updated_at BEFORE UPDATE ON invitations
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
