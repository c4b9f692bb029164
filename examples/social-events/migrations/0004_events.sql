-- Events, where they are and who comes

CREATE TYPE event_category AS ENUM ('music', 'sports', 'food', 'art', 'technology', 'outdoor', 'social', 'learning');
CREATE TYPE event_status AS ENUM ('draft', 'upcoming', 'ongoing', 'completed', 'cancelled');
CREATE TYPE attendee_status AS ENUM ('pending', 'confirmed', 'waitlisted', 'cancelled');

CREATE TABLE events (
    id               UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    host_id          UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title            VARCHAR(150) NOT NULL,
    description      TEXT NOT NULL DEFAULT '',
    category         event_category NOT NULL,
    status           event_status NOT NULL DEFAULT 'upcoming',
    privacy          VARCHAR(20) NOT NULL DEFAULT 'public',
    start_time       TIMESTAMP WITH TIME ZONE NOT NULL,
    end_time         TIMESTAMP WITH TIME ZONE NOT NULL,
    location_name    VARCHAR(200) NOT NULL,
    location_address TEXT,
    location         GEOGRAPHY(POINT, 4326) NOT NULL,
    max_attendees    INTEGER,
    price            NUMERIC(10, 2) NOT NULL DEFAULT 0,
    currency         CHAR(3) NOT NULL DEFAULT 'EUR',
    is_free          BOOLEAN GENERATED ALWAYS AS (price = 0) STORED,
    requirements     TEXT,
    tags             TEXT[] NOT NULL DEFAULT '{}',
    attendees_count  INTEGER NOT NULL DEFAULT 0,
    created_at       TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at       TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT events_time_check CHECK (end_time > start_time),
    CONSTRAINT events_privacy_check CHECK (privacy IN ('public', 'followers', 'private')),
    CONSTRAINT events_price_check CHECK (price >= 0),
    CONSTRAINT events_max_attendees_check CHECK (max_attendees > 0),
    -- attendees_count is kept from event_attendees: a full event takes nobody more
    CONSTRAINT events_full_check CHECK (attendees_count <= max_attendees)
);

CREATE INDEX idx_events_location ON events USING gist (location);
CREATE INDEX idx_events_host_id ON events (host_id);
CREATE INDEX idx_events_start_time ON events (start_time);
CREATE INDEX idx_events_category_status ON events (category, status);
CREATE INDEX idx_events_tags ON events USING gin (tags);

CREATE TABLE event_attendees (
    id         UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    event_id   UUID NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    user_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    status     attendee_status NOT NULL DEFAULT 'pending',
    joined_at  TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT event_attendees_key UNIQUE (event_id, user_id)
);

CREATE INDEX idx_event_attendees_user_id ON event_attendees (user_id, status);

CREATE TABLE event_images (
    id          UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    event_id    UUID NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    image_url   TEXT NOT NULL,
    caption     VARCHAR(200),
    order_index INTEGER NOT NULL DEFAULT 0,
    created_at  TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT event_images_order_key UNIQUE (event_id, order_index)
);

CREATE TRIGGER update_events_updated_at BEFORE UPDATE ON events
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
CREATE TRIGGER update_event_attendees_updated_at BEFORE UPDATE ON event_attendees
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
