-- +goose Up
-- +goose ENVSUB ON
SELECT '${UNSET:-a ${EMPTY:-b $NAME} c}';
SELECT '${NAME?must be there}';
