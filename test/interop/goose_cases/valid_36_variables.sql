-- +goose Up
-- +goose ENVSUB ON
CREATE TABLE ${NAME} (id int);
SELECT '$NAME', '${EMPTY:-none}', '${EMPTY-none}', '${UNSET-none}', '$UNSET';
-- +goose ENVSUB OFF
SELECT '$NAME';
-- +goose Down
DROP TABLE $NAME;
