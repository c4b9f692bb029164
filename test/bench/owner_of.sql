-- 10,000 tables of one service that owns no schema
CREATE SCHEMA bench_tables;
DO $$
BEGIN
	FOR i IN 1 .. 10000 LOOP
		EXECUTE format('CREATE TABLE bench_tables.t%s ()', i);
		IF i % 1000 = 0 THEN
			COMMIT;
		END IF;
	END LOOP;
END
$$;
CREATE TABLE bench.owned AS
	SELECT oid AS relation FROM pg_class
	WHERE relnamespace = 'bench_tables'::regnamespace AND relkind = 'r';
SELECT svc.create_service('bench_service', schema => NULL);
SELECT svc.assign('bench_service', VARIADIC array_agg(relation::regclass)) FROM bench.owned;
VACUUM ANALYZE bench.owned;

-- The other way to write down who owns a table
CREATE PROCEDURE bench.comment_all() LANGUAGE plpgsql AS $$
DECLARE
	relation regclass;
BEGIN
	FOR relation IN SELECT o.relation FROM bench.owned o LOOP
		EXECUTE format('COMMENT ON TABLE %s IS %L', relation, 'bench_service');
	END LOOP;
END
$$;
CALL bench.comment_all();
