-- Migration: errors are counted, and logs go after 30 days
-- Rollback: SELECT svc.drop_retention('deployment_logs');
-- Rollback: SELECT svc.drop_count('deployments', 'error_count');
-- Rollback: ALTER TABLE deployments DROP COLUMN error_count;

ALTER TABLE deployments ADD COLUMN error_count INTEGER NOT NULL DEFAULT 0;

SELECT svc.keep_count('deployment_logs', 'deployment_id', 'deployments', 'id', 'error_count', filter => 'level = ''error''');
SELECT svc.keep_rows('deployment_logs', 'logged_at', keep => '30 days');
