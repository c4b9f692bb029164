# A superuser installs the extension in a database where somebody else was
# first.  That somebody has no more than CREATE on the database and on public,
# and left traps under every name that the extension might use without saying
# whose it means: functions, operators, types, tables, aggregates, in public, in
# a schema named like the superuser, and in schemas with the extension's own
# names.  Each trap writes to the server's log when it is stepped on, whether or
# not the transaction comes to anything.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $node = new_server('main', workers => 0, conf => "jit = off\n");
my $superuser = one($node, 'postgres', 'SELECT current_user');
my $root = "$FindBin::RealBin/../..";

# Every word of the extension's SQL, and of the SQL in its C
my %words;
foreach my $file (glob "$root/src/*/*.sql $root/src/*/*.c")
{
	$words{ lc $_ } = 1 foreach slurp_file($file) =~ /\b([a-z_][a-z_0-9]*)\b/gi;
}
delete $words{$_} foreach qw(trap hostile evil);
my $words = join(',', map { "'$_'" } sort keys %words);
cmp_ok(scalar keys %words, '>=', 1000, 'the sources were read: ' . keys(%words) . ' words');

# The database, with a template for each case
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE hostile LOGIN;
CREATE DATABASE planted;
GRANT CREATE ON DATABASE planted TO hostile;
SQL
$node->safe_psql('planted', 'GRANT CREATE ON SCHEMA public TO hostile');

sub as_hostile
{
	my ($dbname, $script) = @_;
	local $ENV{PGUSER} = 'hostile';
	return $node->safe_psql($dbname, "SET search_path = pg_catalog;\n$script");
}

# How often traps were stepped on since a place in the log; the log is written
# before the client gets its answer
sub hits
{
	my ($offset) = @_;
	my @hits = slurp_file($node->logfile, $offset) =~ /LOG:  (TRAP .*)$/mg;
	return @hits;
}

sub untouched
{
	my ($offset, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @hits = hits($offset);
	my %seen;

	is(scalar @hits, 0, "$name: 0 hits");
	diag($_) foreach grep { !$seen{$_}++ } @hits;
	return;
}

sub log_end
{
	return -s $node->logfile;
}

sub traps
{
	my ($schema) = @_;
	my $script = <<'SQL';
CREATE SCHEMA IF NOT EXISTS SCHEMA;
GRANT ALL ON SCHEMA SCHEMA TO PUBLIC;
CREATE FUNCTION SCHEMA.trap(what text) RETURNS boolean LANGUAGE plpgsql
    SET search_path = pg_catalog AS $$ BEGIN RAISE LOG 'TRAP % in SCHEMA stepped on by %', what, current_user; RETURN true; END $$;

-- functions: those of the server under the names that the extension uses, with
-- the same arguments; and with types of arguments that fit better than the
-- server's own, so that they would be taken although pg_catalog comes first
DO $do$
DECLARE f record; n int := 0;
BEGIN
    FOR f IN
        SELECT p.proname, pg_get_function_identity_arguments(p.oid) AS arguments, format_type(p.prorettype, NULL) AS result
          FROM pg_proc p
         WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.proname IN (WORDS)
           AND p.prorettype NOT IN ('void'::regtype, 'internal'::regtype, 'cstring'::regtype, 'trigger'::regtype, 'event_trigger'::regtype)
           AND NOT p.proretset AND p.provariadic = 0
           AND NOT EXISTS (SELECT 1 FROM unnest(coalesce(p.proallargtypes, p.proargtypes)) t (oid)
                            WHERE t.oid::regtype::text IN ('internal', 'cstring', '"any"', 'anyelement', 'anyarray', 'anynonarray',
                                   'anyenum', 'anyrange', 'anymultirange', 'anycompatible', 'anycompatiblearray', 'anycompatiblerange',
                                   'anycompatiblemultirange', 'anycompatiblenonarray'))
           AND p.prorettype::regtype::text !~ '^any'
           AND p.proargmodes IS NULL
        UNION ALL
        SELECT v.name, v.arguments, v.result
          FROM (VALUES ('quote_ident', 'name', 'text'), ('quote_ident', 'regclass', 'text'), ('quote_literal', 'name', 'text'),
                ('format', 'text, text', 'text'), ('format', 'text, name', 'text'), ('format', 'text, regclass', 'text'),
                ('format', 'text, name, name', 'text'), ('format', 'text, text, text', 'text'), ('format', 'text, name, text', 'text'),
                ('format', 'text, name, name, name', 'text'), ('format', 'text, text, text, name', 'text'),
                ('concat_ws', 'text, text, text, text', 'text'), ('lower', 'name', 'text'), ('upper', 'name', 'text'),
                ('octet_length', 'name', 'int'), ('length', 'name', 'int'), ('replace', 'name, text, text', 'text'),
                ('unnest', 'name[]', 'name'), ('unnest', 'text[]', 'text'), ('unnest', 'oid[]', 'oid'), ('unnest', 'regrole[]', 'regrole'),
                ('array_append', 'regrole[], regrole', 'regrole[]'), ('array_length', 'name[], int', 'int'),
                ('pg_has_role', 'regrole, text', 'bool'), ('pg_has_role', 'oid, regrole, text', 'bool'),
                ('coalesce', 'text, text', 'text'), ('now', '', 'timestamptz'),
                ('aclexplode', 'aclitem[]', 'text'), ('obj_description', 'regclass, name', 'text'),
                ('int4', 'text', 'int'), ('regclass', 'oid', 'regclass'), ('text', 'name', 'text'), ('name', 'text', 'name'),
                ('oid', 'regclass', 'oid')) v (name, arguments, result)
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION SCHEMA.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', f.proname, f.arguments, f.result,
                           format('BEGIN PERFORM SCHEMA.trap(%L); RETURN NULL; END', 'function ' || f.proname));
            n := n + 1;
        EXCEPTION WHEN OTHERS THEN NULL; -- what cannot be made is no trap
        END;
    END LOOP;
    -- the extension's own names, and those of its triggers
    FOR f IN SELECT unnest('{owner_of,how_owned,current_service,create_service,drop_service,assign,release,publish,status,version,
                             update_updated_at_column,guard_catalog,create_reference,check_reference,check_reference_row,watch_deletes,watch_changed,
                             reference_follows_service,check_references,run_pending,prevalidate,tombstones,catalog_changed,service_changed,count_changes,on_ddl,on_drop,
                             svc_ownership_ddl,svc_ownership_drop,guard_rows,guard_truncate}'::text[]) AS proname
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION SCHEMA.%I(regclass) RETURNS name LANGUAGE plpgsql AS %L', f.proname,
                           format('BEGIN PERFORM SCHEMA.trap(%L); RETURN NULL; END', 'function ' || f.proname));
            EXECUTE format('CREATE FUNCTION SCHEMA.%I() RETURNS trigger LANGUAGE plpgsql AS %L', f.proname,
                           format('BEGIN PERFORM SCHEMA.trap(%L); RETURN NULL; END', 'trigger function ' || f.proname));
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
        n := n + 2;
    END LOOP;
    RAISE LOG 'PLANTED % functions', n;
END $do$;

-- operators: the server's own and better fitting ones
DO $do$
DECLARE o record; n int := 0; f text;
BEGIN
    FOR o IN
        WITH kind (t) AS (SELECT unnest('{name,text,oid,regclass,regrole,regnamespace,regtype,"\"char\"",smallint,int,bigint,boolean,
                          timestamptz,interval,uuid,name[],text[],oid[],regclass[],aclitem[],int[],uuid[]}'::regtype[]))
        SELECT p.oprname, p.oprleft::regtype AS l, p.oprright::regtype AS r, p.oprresult::regtype AS result
          FROM pg_operator p
         WHERE p.oprnamespace = 'pg_catalog'::regnamespace
           AND (p.oprleft IN (SELECT k.t FROM kind k) AND p.oprright IN (SELECT k.t FROM kind k))
        UNION
        SELECT v.name, a.t, b.t, v.result::regtype
          FROM (VALUES ('=', 'boolean'), ('<>', 'boolean'), ('<', 'boolean'), ('~', 'boolean'), ('~~', 'boolean'), ('||', 'text'), ('-', 'int')) v (name, result)
          JOIN kind a ON true JOIN kind b ON a.t = b.t OR (a.t::text ~ '^(oid|reg)' AND b.t::text ~ '^(oid|reg)')
               OR (a.t::text IN ('name', 'text') AND b.t::text IN ('name', 'text'))
    LOOP
        n := n + 1;
        f := 'operator_' || n;
        BEGIN
            EXECUTE format('CREATE FUNCTION SCHEMA.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', f, o.l, o.r, o.result,
                           format('BEGIN PERFORM SCHEMA.trap(%L); RETURN NULL; END', format('operator %s (%s, %s)', o.oprname, o.l, o.r)));
            EXECUTE format('CREATE OPERATOR SCHEMA.%s (FUNCTION = SCHEMA.%I, LEFTARG = %s, RIGHTARG = %s)', o.oprname, f, o.l, o.r);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
    RAISE LOG 'PLANTED % operators', n;
END $do$;

-- aggregates
CREATE FUNCTION SCHEMA.count_rows(bigint) RETURNS bigint LANGUAGE plpgsql AS $$BEGIN PERFORM SCHEMA.trap('aggregate count'); RETURN 0; END$$;
CREATE AGGREGATE SCHEMA.count (*) (SFUNC = SCHEMA.count_rows, STYPE = bigint, INITCOND = '0');
CREATE FUNCTION SCHEMA.join_texts(text, text, text) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM SCHEMA.trap('aggregate string_agg'); RETURN ''; END$$;
CREATE AGGREGATE SCHEMA.string_agg (text, text) (SFUNC = SCHEMA.join_texts, STYPE = text);

-- relations: the server's catalogs and the extension's tables and views
DO $do$
DECLARE r record; n int := 0;
BEGIN
    FOR r IN
        SELECT c.relname,
               (SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.atttypid <> 'anyarray'::regtype
                   AND has_column_privilege(c.oid, a.attnum, 'SELECT')) AS columns
          FROM pg_class c
         WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind IN ('r', 'v') AND c.relname IN (WORDS)
           AND has_table_privilege(c.oid, 'SELECT')
    LOOP
        EXECUTE format('CREATE VIEW SCHEMA.%I AS SELECT %s FROM pg_catalog.%I c WHERE SCHEMA.trap(%L)', r.relname, r.columns, r.relname, 'view ' || r.relname);
        EXECUTE format('GRANT SELECT ON SCHEMA.%I TO PUBLIC', r.relname);
        n := n + 1;
    END LOOP;
    FOR r IN SELECT unnest('{service,member,assignment,store,entity,consumer,counter,retention,adopted_trigger,services,stores,entities,
                             consumers,counters,retentions,tables,reference,reference_state,references_declared,reference_status,reference_violation,
                             reference_log,reference_sweep,reference_parked,reference_contract,reference_trigger,tombstone,service_role,service_schema,service_relation,expected_right}'::text[]) AS relname
    LOOP
        EXECUTE format('CREATE VIEW SCHEMA.%I AS SELECT ''x''::name AS service, 10::regrole AS owner WHERE SCHEMA.trap(%L)', r.relname, 'view ' || r.relname);
        n := n + 1;
    END LOOP;
    RAISE LOG 'PLANTED % relations', n;
END $do$;

-- types
DO $do$
DECLARE t text; n int := 0;
BEGIN
    FOREACH t IN ARRAY '{text,name,oid,regclass,regrole,int4,int8,bool,interval,timestamptz,jsonb,record,trigger,int,boolean}'::text[]
    LOOP
        EXECUTE format('CREATE DOMAIN SCHEMA.%I AS pg_catalog.text CHECK (SCHEMA.trap(%L))', t, 'type ' || t);
        n := n + 1;
    END LOOP;
    RAISE LOG 'PLANTED % types', n;
END $do$;
SQL
	$script =~ s/\bSCHEMA\.(?=["%\w])/"$schema"./g;
	$script =~ s/(EXISTS|ON SCHEMA|in) SCHEMA\b/$1 "$schema"/g;
	$script =~ s/\bWORDS\b/$words/g;
	return $script;
}

my $offset = log_end();
as_hostile('planted', traps($_)) foreach 'public', 'evil', $superuser;
my %planted;
my $log = slurp_file($node->logfile, $offset);
$planted{$2} += $1 while $log =~ /PLANTED (\d+) (\w+)/g;
note("planted: $planted{$_} $_") foreach sort keys %planted;
cmp_ok($planted{functions}, '>=', 300, 'traps are there: functions');
cmp_ok($planted{operators}, '>=', 300, 'traps are there: operators');

# What careless code does here: the traps work
my $everywhere = "SET search_path = evil, public, \"$superuser\", pg_catalog;";
foreach my $path ($everywhere, '')
{
	$offset = log_end();
	$node->psql('planted', <<"SQL", on_error_stop => 0);
$path
SELECT quote_ident(n.nspname) FROM pg_namespace n WHERE n.oid::regnamespace = 'public'::regnamespace LIMIT 1;
SELECT count(*) FROM pg_class;
SELECT now();
SELECT 'x'::text;
SELECT * FROM service;
SQL
	my @hits = hits($offset);
	note(@hits . ' hits by careless code with ' . ($path || 'the search_path that everybody has'));
	cmp_ok(scalar @hits, '>=', $path ? 4 : 2, 'careless code is trapped ' . ($path ? 'where pg_catalog comes last' : 'where it comes first'));
}

# A schema of that name is in the way: nothing is made, and nothing in it used
foreach my $schema ('svc', 'svc_triggers')
{
	as_hostile('planted', "CREATE SCHEMA $schema; GRANT ALL ON SCHEMA $schema TO PUBLIC;" . traps($schema));
	$offset = log_end();
	foreach my $create ('CREATE EXTENSION svc_ownership', "$everywhere CREATE EXTENSION svc_ownership CASCADE", 'CREATE EXTENSION IF NOT EXISTS svc_ownership')
	{
		my ($rc, $out, $err) = $node->psql('planted', "\\set VERBOSITY verbose\n$create");
		like($err, qr/ERROR:  42P06: schema "$schema" already exists/, "schema $schema is in the way of $create");
	}
	untouched($offset, "a schema $schema that was there before");
	rows($node, 'planted', <<'SQL', '0|0|0', 'and nothing of the extension was left');
SET search_path = pg_catalog;
SELECT (SELECT pg_catalog.count(*) FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'svc_ownership'),
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_event_trigger),
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_proc WHERE probin OPERATOR(pg_catalog.=) 'svc_ownership')
SQL
	$node->safe_psql('planted', "ALTER SCHEMA $schema RENAME TO was_$schema");
}
is(outcome($node, 'planted', 'CREATE EXTENSION svc_ownership SCHEMA evil'), '0A000', 'nor can it be put into a schema of theirs');
is(outcome($node, 'planted', 'CREATE EVENT TRIGGER svc_ownership_ddl ON ddl_command_end EXECUTE FUNCTION evil.x()', user => 'hostile'),
	'42501', 'they could not plant event triggers');

# With those gone it comes, whatever the search_path is, and uses none of them
$node->safe_psql('postgres', "CREATE DATABASE planted_$_ TEMPLATE planted") foreach 'default', 'worst', 'set';
my %path = (
	planted_default => '',
	planted_worst => $everywhere,
	planted_set => '');
$node->safe_psql('postgres', "ALTER DATABASE planted_set SET search_path = evil, public, pg_catalog");

foreach my $dbname (sort keys %path)
{
	$offset = log_end();
	$node->safe_psql($dbname, "$path{$dbname} CREATE EXTENSION svc_ownership");
	untouched($offset, "CREATE EXTENSION in $dbname");
	rows($node, $dbname, <<'SQL', '', 'nothing of the extension depends on anything of theirs');
SET search_path = pg_catalog;
SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0), pg_describe_object(d.refclassid, d.refobjid, 0)
  FROM pg_depend m
  JOIN pg_depend d ON d.classid = m.classid AND d.objid = m.objid AND d.deptype IN ('n', 'a')
 CROSS JOIN LATERAL pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) i
 WHERE m.deptype = 'e' AND m.refobjid = (SELECT x.oid FROM pg_extension x WHERE x.extname = 'svc_ownership')
   AND i.schema IN ('public', 'evil', current_user, 'was_svc', 'was_svc_triggers')
SQL
	refused($node, $dbname, [ 'CREATE TABLE svc.mine (id pg_catalog.int4)', 'CREATE FUNCTION svc_triggers.mine() RETURNS pg_catalog.int4 LANGUAGE sql AS $$SELECT 1$$',
			'ALTER EXTENSION svc_ownership ADD SCHEMA evil', "SELECT svc.create_service('x')" ],
		'and they can add nothing to it', user => 'hostile');

	# At work, for a superuser and for a service's own login, in the worst of
	# all search_paths
	(my $s = $dbname) =~ s/planted_//;
	$offset = log_end();
	$node->safe_psql($dbname, <<"SQL");
$path{$dbname}
SELECT svc.create_service('s_$s', schema => 's_$s', login => 's_${s}_user', login_level => 'owner', team => 'x');
SELECT svc.create_service('l_$s');
CREATE TABLE s_$s.users (id pg_catalog.int4 PRIMARY KEY, n pg_catalog.int4, updated_at pg_catalog.timestamptz);
ALTER TABLE s_$s.users OWNER TO s_${s}_owner;
CREATE TABLE s_$s.posts (id pg_catalog.int4, user_id pg_catalog.int4, at pg_catalog.timestamptz);
ALTER TABLE s_$s.posts OWNER TO s_${s}_owner;
CREATE INDEX ON s_$s.posts (at);
CREATE TABLE evil.assigned (id pg_catalog.int4);
SELECT svc.assign('l_$s', 'evil.assigned');
SELECT svc.keep_count('s_$s.posts', 'user_id', 's_$s.users', 'id', 'n');
SELECT svc.keep_updated_at('s_$s.users');
SELECT svc.keep_rows('s_$s.posts', 'at', '1 day');
SELECT svc.publish('s_$s', 'users', 's_$s.users');
SELECT svc.grant_contract('s_$s', 'l_$s');
SELECT svc.add_store('s_$s', 'x', 'redis');
SELECT svc.create_service('c_$s', schema => 'c_$s', login => 'c_${s}_user', login_level => 'owner');
CREATE TABLE c_$s.carts (user_id pg_catalog.int4, friends pg_catalog.int4[], other pg_catalog.int8 CONSTRAINT known REFERENCES s_$s.users ON DELETE SET NULL);
ALTER TABLE c_$s.carts OWNER TO c_${s}_owner;
SELECT svc.grant_contract('s_$s', 'c_$s');
SELECT svc.create_reference('c_$s.carts', 'user_id', 's_$s', 'users', on_delete => 'delete'), svc.create_reference('c_$s.carts', 'friends', 's_$s', 'users', mode => 'commit');
SELECT svc.convert_foreign_key('c_$s.carts', 'known');
SELECT svc.alter_service('s_$s', new_name => 't_$s');
SELECT svc.grant_role('t_$s', 'hostile', 'reader');
INSERT INTO s_$s.users VALUES (1, 0), (2, 0);
INSERT INTO s_$s.posts VALUES (1, 1, '2001-01-01'), (2, 1, '2001-01-01'), (3, 2, NULL);
UPDATE s_$s.posts SET user_id = 2;
INSERT INTO s_$s.users VALUES (3, 0), (4, 0);
INSERT INTO c_$s.carts VALUES (1, '{1,2}', 1), (2, NULL, 3), (3, '{3}', NULL), (3, '{4}', 4);
UPDATE c_$s.carts SET user_id = 2 WHERE user_id OPERATOR(pg_catalog.=) 1;
SELECT svc.alter_reference('carts_friends_ref', mode => 'async', on_missing => 'report', new_name => 'friends'), svc.alter_reference('known', mode => 'observe');
INSERT INTO c_$s.carts VALUES (2, '{99}', 98);
DELETE FROM s_$s.users WHERE id OPERATOR(pg_catalog.=) 3;
CALL svc.run_pending();
CALL svc.check_references();
SELECT svc.waive_violation('known', '98', 'old');
SELECT svc.reopen_violation('known', '98');
SELECT * FROM svc.prevalidate('friends', '{1,99}'::pg_catalog.int4[]);
SELECT * FROM svc.tombstones();
TABLE svc.references_declared;
TABLE svc.reference_status;
TABLE svc.reference_violations;
TABLE svc.reference_sweeps;
TABLE svc.reference_validation_log;
CREATE TABLE c_$s.parted (user_id pg_catalog.int4) PARTITION BY LIST (user_id);
ALTER TABLE c_$s.parted OWNER TO c_${s}_owner;
SELECT svc.create_reference('c_$s.parted', 'user_id', 't_$s', 'users', mode => 'commit');
CREATE TABLE c_$s.part PARTITION OF c_$s.parted FOR VALUES IN (1);
ALTER TABLE c_$s.parted DETACH PARTITION c_$s.part;
ALTER TABLE c_$s.parted RENAME COLUMN user_id TO person_id;
SELECT svc.drop_reference('parted_user_id_ref');
SELECT svc.recount('s_$s.users');
SELECT * FROM svc.expire_now();
SELECT * FROM svc.adopt_updated_at();
SELECT * FROM svc.restore_updated_at();
SELECT svc.export_contract('t_$s');
SELECT * FROM svc.owners_of_query('TABLE evil.assigned');
SELECT svc.owner_of('evil.assigned'), svc.how_owned('s_$s.users');
SELECT * FROM svc.check_grants();
SELECT * FROM svc.check_contracts();
SELECT * FROM svc.status();
SELECT * FROM svc.version();
TABLE svc.services;
TABLE svc.tables;
TABLE svc.entities;
TABLE svc.consumers;
TABLE svc.stores;
TABLE svc.counters;
TABLE svc.retentions;
ALTER SCHEMA s_$s RENAME TO r_$s;
ALTER TABLE r_$s.posts RENAME TO articles;
CREATE TABLE r_$s.made (id pg_catalog.int4);
DROP TABLE evil.assigned;
SELECT svc.revoke_role('t_$s', 'hostile');
SQL
	untouched($offset, "work of a superuser in $dbname");
	rows($node, $dbname, "SET search_path = pg_catalog; SELECT pg_catalog.string_agg(u.n::pg_catalog.text, ' ' ORDER BY u.id) FROM r_$s.users u", '0 1 0', 'which was done');
	rows($node, $dbname, 'SET search_path = pg_catalog; SELECT * FROM svc.check_grants()', '', 'rightly');

	$offset = log_end();
	allowed($node, $dbname,
		[ "INSERT INTO r_$s.articles VALUES (5, 1, NULL)", "UPDATE r_$s.articles SET user_id = 1", 'SELECT * FROM svc.status()',
			'TABLE svc.tables', "TRUNCATE r_$s.articles", "CREATE TABLE r_$s.mine (id pg_catalog.int4)" ],
		"a login works in $dbname", user => "s_${s}_user", before => $everywhere);
	untouched($offset, "work of a login in $dbname");

	$offset = log_end();
	allowed($node, $dbname,
		[ "INSERT INTO c_$s.carts VALUES (2, '{1}', 2)", "UPDATE c_$s.carts SET user_id = 1", "SELECT * FROM svc.prevalidate('friends', '{1}'::pg_catalog.int4[])",
			'TABLE svc.reference_violations', "SELECT svc.alter_reference('friends', mode => 'commit')", "SELECT svc.drop_reference('friends')" ],
		"who refers to keys works in $dbname", user => "c_${s}_user", before => $everywhere);
	is(outcome($node, $dbname, "INSERT INTO c_$s.carts VALUES (77, NULL, NULL)", user => "c_${s}_user", before => $everywhere), '23503', 'and is checked');
	untouched($offset, "references in $dbname");
	rows($node, $dbname, "SET search_path = pg_catalog; SELECT key, state FROM svc.reference_violations WHERE state = 'open' ORDER BY reference, key", "99|open\n3|open\n98|open", 'what is missing is known');

	$offset = log_end();
	$node->safe_psql($dbname, "$path{$dbname} SELECT svc.drop_service('c_$s', drop_objects => true); SELECT svc.revoke_contract('t_$s', 'l_$s'); SELECT svc.drop_service('t_$s', drop_objects => true); SELECT svc.drop_service('l_$s', drop_objects => true); DROP EXTENSION svc_ownership");
	untouched($offset, "the end of it in $dbname");
}

$node->stop;
done_testing();
