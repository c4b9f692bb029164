-- Migration: members and environments are counted
-- Rollback: SELECT svc.drop_count('projects', 'environment_count');
-- Rollback: SELECT svc.drop_count('projects', 'member_count');
-- Rollback: ALTER TABLE projects DROP COLUMN member_count, DROP COLUMN environment_count;

ALTER TABLE projects
    ADD COLUMN member_count INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN environment_count INTEGER NOT NULL DEFAULT 0,
    ADD CONSTRAINT projects_environment_count_check CHECK (environment_count <= 10);

SELECT svc.keep_count('project_members', 'project_id', 'projects', 'id', 'member_count');
SELECT svc.keep_count('environments', 'project_id', 'projects', 'id', 'environment_count');
