-- Migration: create deployments table
-- Rollback: DROP TABLE deployments;
-- Rollback: DROP FUNCTION update_updated_at_column();

-- project_id and environment_id belong to the project service, triggered_by to
-- the auth service
CREATE TABLE deployments (
    id             BIGSERIAL PRIMARY KEY,
    project_id     INTEGER NOT NULL,
    environment_id INTEGER NOT NULL,
    triggered_by   INTEGER NOT NULL,
    commit_sha     CHAR(40) NOT NULL,
    status         VARCHAR(20) NOT NULL DEFAULT 'queued',
    error          TEXT,
    created_at     TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    started_at     TIMESTAMP WITH TIME ZONE,
    finished_at    TIMESTAMP WITH TIME ZONE,
    updated_at     TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT deployments_status_check
        CHECK (status IN ('queued', 'building', 'live', 'failed', 'superseded')),
    CONSTRAINT deployments_commit_sha_check CHECK (commit_sha ~ '^[0-9a-f]{40}$'),
    CONSTRAINT deployments_error_check CHECK ((status = 'failed') = (error IS NOT NULL)),
    CONSTRAINT deployments_times_check CHECK (started_at >= created_at AND finished_at >= started_at)
);

CREATE INDEX idx_deployments_project_id ON deployments (project_id, created_at DESC);
CREATE INDEX idx_deployments_environment_id ON deployments (environment_id);
CREATE INDEX idx_deployments_triggered_by ON deployments (triggered_by);
CREATE UNIQUE INDEX idx_deployments_live ON deployments (environment_id) WHERE status = 'live';
CREATE INDEX idx_deployments_waiting ON deployments (created_at) WHERE status IN ('queued', 'building');

CREATE OR REPLACE FUNCTION update_updated_at_column()
RETURNS TRIGGER AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$ LANGUAGE plpgsql;

CREATE TRIGGER update_deployments_updated_at
    BEFORE UPDATE ON deployments
    FOR EACH ROW
    EXECUTE FUNCTION update_updated_at_column();
