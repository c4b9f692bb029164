-- Questions to the host, and reviews of one to five stars

CREATE TABLE event_qna (
    id          UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    event_id    UUID NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    user_id     UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    question    VARCHAR(1000) NOT NULL,
    answer      VARCHAR(2000),
    answered_by UUID REFERENCES users (id) ON DELETE SET NULL,
    answered_at TIMESTAMP WITH TIME ZONE,
    is_answered BOOLEAN GENERATED ALWAYS AS (answer IS NOT NULL) STORED,
    upvotes     INTEGER NOT NULL DEFAULT 0,
    created_at  TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at  TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT event_qna_upvotes_check CHECK (upvotes >= 0),
    CONSTRAINT event_qna_answer_check CHECK ((answer IS NULL) = (answered_at IS NULL))
);

CREATE INDEX idx_event_qna_event_id ON event_qna (event_id, created_at);
CREATE INDEX idx_event_qna_user_id ON event_qna (user_id);
CREATE INDEX idx_event_qna_answered_by ON event_qna (answered_by);

CREATE TABLE reviews (
    id          UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    event_id    UUID NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    reviewer_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    rating      SMALLINT NOT NULL,
    comment     VARCHAR(2000),
    created_at  TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at  TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT reviews_rating_check CHECK (rating BETWEEN 1 AND 5),
    CONSTRAINT reviews_key UNIQUE (event_id, reviewer_id)
);

CREATE INDEX idx_reviews_reviewer_id ON reviews (reviewer_id);

ALTER TABLE events
    ADD COLUMN questions_count INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN reviews_count INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER update_event_qna_updated_at BEFORE UPDATE ON event_qna
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
CREATE TRIGGER update_reviews_updated_at BEFORE UPDATE ON reviews
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
