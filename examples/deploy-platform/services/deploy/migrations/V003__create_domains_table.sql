-- Migration: create domains table
-- Rollback: DROP TABLE domains;

-- environment_id belongs to the project service
CREATE TABLE domains (
    id                     SERIAL PRIMARY KEY,
    environment_id         INTEGER NOT NULL,
    hostname               VARCHAR(253) NOT NULL UNIQUE,
    is_verified            BOOLEAN NOT NULL DEFAULT false,
    certificate_expires_at TIMESTAMP WITH TIME ZONE,
    created_at             TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at             TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT domains_hostname_check CHECK (hostname = lower(hostname))
);

CREATE INDEX idx_domains_environment_id ON domains (environment_id);
CREATE INDEX idx_domains_certificate_expires_at ON domains (certificate_expires_at);

CREATE TRIGGER update_domains_updated_at
    BEFORE UPDATE ON domains
    FOR EACH ROW
    EXECUTE FUNCTION update_updated_at_column();
