-- Migration: create user_preferences table
-- Rollback: DROP TABLE user_preferences;

CREATE TABLE user_preferences (
    id              SERIAL PRIMARY KEY,
    user_id         INTEGER NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    theme           VARCHAR(20) NOT NULL DEFAULT 'system',
    timezone        VARCHAR(64) NOT NULL DEFAULT 'UTC',
    mail_on_failure BOOLEAN NOT NULL DEFAULT true,
    mail_on_success BOOLEAN NOT NULL DEFAULT false,
    created_at      TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at      TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TRIGGER update_user_preferences_updated_at
    BEFORE UPDATE ON user_preferences
    FOR EACH ROW
    EXECUTE FUNCTION update_updated_at_column();
