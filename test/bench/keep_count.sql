-- 1,000 targets; three sources that differ in what counts them
CREATE TABLE bench.author (id int PRIMARY KEY, name text NOT NULL, posts bigint NOT NULL DEFAULT 0);
INSERT INTO bench.author SELECT i, 'author ' || i FROM generate_series(1, 1000) i;

CREATE TABLE bench.post_none (id bigint GENERATED ALWAYS AS IDENTITY, author_id int NOT NULL);
CREATE TABLE bench.post_ours (LIKE bench.post_none INCLUDING ALL);
CREATE TABLE bench.post_plpgsql (LIKE bench.post_none INCLUDING ALL);

SELECT svc.keep_count('bench.post_ours', 'author_id', 'bench.author', 'id', 'posts');

-- The trigger that teams write for it
CREATE FUNCTION bench.count_posts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP IN ('INSERT', 'UPDATE') THEN
		UPDATE bench.author SET posts = posts + 1 WHERE id = NEW.author_id;
	END IF;
	IF TG_OP IN ('DELETE', 'UPDATE') THEN
		UPDATE bench.author SET posts = posts - 1 WHERE id = OLD.author_id;
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER count_posts AFTER INSERT OR UPDATE OF author_id OR DELETE ON bench.post_plpgsql
	FOR EACH ROW EXECUTE FUNCTION bench.count_posts();

-- One row a statement and a transaction, without a client's round trips
CREATE PROCEDURE bench.insert_single_rows(relation regclass, number int) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. number LOOP
		IF relation = 'bench.post_none'::regclass THEN
			INSERT INTO bench.post_none (author_id) VALUES (1 + i % 1000);
		ELSIF relation = 'bench.post_ours'::regclass THEN
			INSERT INTO bench.post_ours (author_id) VALUES (1 + i % 1000);
		ELSE
			INSERT INTO bench.post_plpgsql (author_id) VALUES (1 + i % 1000);
		END IF;
		COMMIT;
	END LOOP;
END
$$;
