-- Invitations, and how many of them succeed

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

ALTER TABLE user_stats
    ADD COLUMN invitations_sent INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN successful_invites INTEGER NOT NULL DEFAULT 0,
    DROP CONSTRAINT user_stats_positive_check,
    ADD CONSTRAINT user_stats_positive_check CHECK (
        least(followers_count, following_count, posts_count, events_created, events_attended,
              reviews_given, invitations_sent, successful_invites) >= 0);

CREATE TRIGGER update_invitations_updated_at BEFORE UPDATE ON invitations
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
