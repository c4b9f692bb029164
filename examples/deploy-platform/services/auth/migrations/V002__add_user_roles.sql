-- Migration: a user may have several roles
-- Rollback: DROP TABLE user_roles;
-- Rollback: ALTER TABLE users DROP CONSTRAINT users_role_check;

ALTER TABLE users
    ADD CONSTRAINT users_role_check CHECK (role IN ('user', 'support', 'admin'));

CREATE TABLE user_roles (
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role       VARCHAR(50) NOT NULL,
    granted_by INTEGER REFERENCES users (id) ON DELETE SET NULL,
    granted_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (user_id, role),
    CONSTRAINT user_roles_role_check CHECK (role IN ('user', 'support', 'admin', 'billing', 'deployer'))
);

CREATE INDEX idx_user_roles_granted_by ON user_roles (granted_by);

INSERT INTO user_roles (user_id, role)
SELECT id, role FROM users;
