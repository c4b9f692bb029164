-- Migration: create environment_variables table; values are encrypted by the service
-- Rollback: DROP TABLE environment_variables;

CREATE TABLE environment_variables (
    id              SERIAL PRIMARY KEY,
    environment_id  INTEGER NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    name            VARCHAR(100) NOT NULL,
    encrypted_value BYTEA NOT NULL,
    created_at      TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at      TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT environment_variables_name_key UNIQUE (environment_id, name),
    CONSTRAINT environment_variables_name_check CHECK (name ~ '^[A-Z_][A-Z0-9_]*$')
);

CREATE TRIGGER update_environment_variables_updated_at
    BEFORE UPDATE ON environment_variables
    FOR EACH ROW
    EXECUTE FUNCTION update_updated_at_column();
