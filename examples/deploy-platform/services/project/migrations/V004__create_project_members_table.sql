-- Migration: create project_members table
-- Rollback: DROP TABLE project_members;

-- user_id is a user of the auth service
CREATE TABLE project_members (
    project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id    INTEGER NOT NULL,
    access     VARCHAR(20) NOT NULL DEFAULT 'viewer',
    added_at   TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (project_id, user_id),
    CONSTRAINT project_members_access_check CHECK (access IN ('viewer', 'developer', 'maintainer'))
);

CREATE INDEX idx_project_members_user_id ON project_members (user_id);
