-- Migration: create deployment_logs table
-- Rollback: DROP TABLE deployment_logs;

CREATE TABLE deployment_logs (
    id            BIGSERIAL PRIMARY KEY,
    deployment_id BIGINT NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
    level         VARCHAR(10) NOT NULL DEFAULT 'info',
    message       TEXT NOT NULL,
    logged_at     TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT deployment_logs_level_check CHECK (level IN ('debug', 'info', 'warning', 'error'))
);

CREATE INDEX idx_deployment_logs_deployment_id ON deployment_logs (deployment_id, id);
CREATE INDEX idx_deployment_logs_logged_at ON deployment_logs (logged_at);
