-- Migration: create environments table
-- Rollback: DROP TABLE environments;

CREATE TABLE environments (
    id            SERIAL PRIMARY KEY,
    project_id    INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name          VARCHAR(40) NOT NULL,
    branch        VARCHAR(255) NOT NULL,
    is_production BOOLEAN NOT NULL DEFAULT false,
    created_at    TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at    TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT environments_name_key UNIQUE (project_id, name)
);

CREATE UNIQUE INDEX idx_environments_production ON environments (project_id) WHERE is_production;

CREATE TRIGGER update_environments_updated_at
    BEFORE UPDATE ON environments
    FOR EACH ROW
    EXECUTE FUNCTION update_updated_at_column();
