-- Migration: create projects table
-- Rollback: DROP TABLE projects;
-- Rollback: DROP FUNCTION update_updated_at_column();

-- owner_id is a user of the auth service: an id without a foreign key
CREATE TABLE projects (
    id             SERIAL PRIMARY KEY,
    owner_id       INTEGER NOT NULL,
    name           VARCHAR(100) NOT NULL,
    slug           VARCHAR(63) NOT NULL UNIQUE,
    repository_url TEXT NOT NULL,
    framework      VARCHAR(40),
    is_archived    BOOLEAN NOT NULL DEFAULT false,
    created_at     TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at     TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT projects_slug_check CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    CONSTRAINT projects_repository_url_check CHECK (repository_url LIKE 'https://%')
);

CREATE INDEX idx_projects_owner_id ON projects (owner_id);
CREATE INDEX idx_projects_active ON projects (created_at) WHERE NOT is_archived;

CREATE OR REPLACE FUNCTION update_updated_at_column()
RETURNS TRIGGER AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$ LANGUAGE plpgsql;

CREATE TRIGGER update_projects_updated_at
    BEFORE UPDATE ON projects
    FOR EACH ROW
    EXECUTE FUNCTION update_updated_at_column();
