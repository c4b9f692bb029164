-- 200,000 rows; the changed columns have no index, and pages have room for the
-- next version of each row, so that the index has no part in what is measured
CREATE EXTENSION IF NOT EXISTS moddatetime SCHEMA public;

CREATE TABLE bench.item (
	id         bigint PRIMARY KEY,
	name       text NOT NULL,
	price      int NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 45);
INSERT INTO bench.item SELECT i, 'item ' || i, i % 1000 FROM generate_series(1, 200000) i;

CREATE FUNCTION bench.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.updated_at = now();
	RETURN NEW;
END
$$;
