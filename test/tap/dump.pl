# A backup is worth what comes back from it.  Dumps of a database with services
# in all forms are restored under other names, in every format, whole and in
# parts, on this cluster and on another one whose server does not preload the
# library: what svc says must be the same, and what it keeps must be kept on.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $node = new_server('main', workers => 0);
my $tempdir = PostgreSQL::Test::Utils::tempdir;
my $restored = 0;

# Two services that count across, one whose names all need quotes, a logical
# one, one that was adopted
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', <<'SQL');
CREATE EXTENSION svc_ownership;
CREATE ROLE old_owner;
CREATE SCHEMA old AUTHORIZATION old_owner;
SELECT svc.create_service('people', schema => 'people', login => 'people_user', password => 'pw', migrator => 'people_mig',
                          team => 'identity', description => 'who is who');
SELECT svc.create_service('posts', schema => 'posts', login => 'posts_user', login_level => 'owner');
SELECT svc.create_service('Größe "x"', schema => 'My "Schema"', login => 'User''s "own"', login_level => 'owner');
SELECT svc.create_service('ledger', login => 'ledger_user');
SELECT svc.create_service('old', schema => 'old', owner => 'old_owner', adopt => true);

SET ROLE people_owner;
CREATE TABLE people.users (id int PRIMARY KEY, name text UNIQUE, posts int NOT NULL DEFAULT 0, replies bigint,
                           updated_at timestamptz NOT NULL DEFAULT '2001-01-01');
CREATE TABLE people.sessions (id int PRIMARY KEY, expires_at timestamptz NOT NULL);
CREATE INDEX ON people.sessions (expires_at);
INSERT INTO people.users (id, name) VALUES (1, 'ann'), (2, 'bob'), (3, 'cem');
INSERT INTO people.sessions VALUES (1, '2001-01-01'), (2, 'infinity');
SELECT svc.keep_updated_at('people.users');
SELECT svc.keep_rows('people.sessions', 'expires_at', '0');
SELECT svc.publish('people', 'users', 'people.users', columns => '{id,name}', filter => 'id <> 3');
SELECT svc.grant_contract('people', 'posts');
SELECT svc.add_store('people', 'sessions', 'redis', 'redis://cache.internal');
RESET ROLE;

SET ROLE posts_owner;
CREATE TABLE posts.later (id int);
CREATE TABLE posts.posts (id int PRIMARY KEY, user_id int, answers int NOT NULL DEFAULT 0, at timestamptz DEFAULT '2001-01-01');
CREATE TABLE posts.answers (id int, post_id int, user_id int, deleted boolean NOT NULL DEFAULT false) PARTITION BY RANGE (id);
CREATE TABLE posts.answers_low PARTITION OF posts.answers FOR VALUES FROM (0) TO (100);
CREATE TABLE posts.answers_high PARTITION OF posts.answers FOR VALUES FROM (100) TO (200);
SELECT svc.keep_count('posts.answers', 'post_id', 'posts.posts', 'id', 'answers', filter => 'NOT deleted');
INSERT INTO posts.posts (id, user_id) VALUES (1, 1), (2, 1), (3, 2);
INSERT INTO posts.answers VALUES (1, 1, 2, false), (2, 1, 2, true), (101, 1, 2, false), (102, 2, 1, false);
CREATE FUNCTION posts.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at = now(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON posts.posts FOR EACH ROW EXECUTE FUNCTION posts.touch();
SELECT svc.publish('posts', 'posts', 'posts.posts');
SELECT svc.grant_contract('posts', 'people', 'posts');
SELECT * FROM svc.adopt_updated_at();
RESET ROLE;
-- across services: a superuser's to declare
SELECT svc.keep_count('posts.posts', 'user_id', 'people.users', 'id', 'posts');
SELECT svc.keep_count('posts.answers', 'user_id', 'people.users', 'id', 'replies');

SET ROLE "Größe ""x""_owner";
CREATE TABLE "My ""Schema"""."Order 'Lines'" ("the ""id""" int PRIMARY KEY, "n of" int, "ändert" date, "when" timestamptz);
CREATE INDEX ON "My ""Schema"""."Order 'Lines'" ("ändert");
INSERT INTO "My ""Schema"""."Order 'Lines'" VALUES (1, NULL, '2001-01-01');
CREATE TABLE "My ""Schema"""."parts ;--" ("part's" int, line int);
SELECT svc.keep_count('"My ""Schema"""."parts ;--"', 'line', '"My ""Schema"""."Order ''Lines''"', 'the "id"', 'n of', filter => '"part''s" > 0');
INSERT INTO "My ""Schema"""."parts ;--" VALUES (1, 1), (0, 1);
SELECT svc.keep_updated_at('"My ""Schema"""."Order ''Lines''"', 'when');
SELECT svc.keep_rows('"My ""Schema"""."Order ''Lines''"', 'ändert', '1000 years');
SELECT svc.publish('Größe "x"', 'Lines "all"', '"My ""Schema"""."Order ''Lines''"', key => 'the "id"', filter => '"the ""id""" > 0');
SELECT svc.grant_contract('Größe "x"', 'ledger');
SELECT svc.load_migrations('Größe "x"', '{"1_ä.sql": "SELECT ''ö'';\n\\\\.\n", "2_b.sql": ""}'::jsonb);
RESET ROLE;

CREATE TABLE public.accounts (id int PRIMARY KEY);
CREATE VIEW public.balances AS SELECT id FROM public.accounts;
CREATE TABLE public.nobodys (id int);
SELECT svc.assign('ledger', 'public.accounts', 'public.balances');
SET ROLE old_owner;
CREATE TABLE old.things (id int);
CREATE TABLE old.lent (id int);
RESET ROLE;
GRANT ledger_owner TO old_owner;
SELECT svc.assign('ledger', 'old.lent');
REVOKE ledger_owner FROM old_owner;
SQL

# All that svc says, but for the database's name and the times
my $everything = <<'SQL';
SET search_path = pg_catalog;
SELECT 'service', s.service, form, schema, owner, writer, reader, team, description FROM svc.services s ORDER BY 2;
SELECT 'table', t.* FROM svc.tables t ORDER BY relation::text COLLATE "C";
SELECT 'entity', e.* FROM svc.entities e ORDER BY 2, 3;
SELECT 'consumer', service, entity, consumer, granted_at FROM svc.consumers ORDER BY 2, 3, 4;
SELECT 'store', s.* FROM svc.stores s;
SELECT 'counter', c.* FROM svc.counters c ORDER BY target::text, counter;
SELECT 'retention', r.* FROM svc.retentions r ORDER BY relation::text;
SELECT 'member', m.* FROM svc.member m ORDER BY m.service, role::text;
SELECT 'adopted', a.* FROM svc.adopted_trigger a;
SELECT 'catalog', service, adopted_schema FROM svc.service ORDER BY service;
SELECT 'row', u.id, name, posts, replies, updated_at FROM people.users u ORDER BY id;
SELECT 'status', item, state FROM svc.status() WHERE item <> 'preload' AND item !~ '^service ' ORDER BY 2, 3;
SELECT 'right', pg_describe_object(g.class_id, g.object_id, g.column_id) AS object, grantee::regrole::text, privilege, grantable
  FROM svc.granted_right g JOIN svc.service_schema x USING (schema) ORDER BY 2, 3, 4;
SELECT 'default', maker::regrole::text, schema::regnamespace::text, kind, grantee::regrole::text, privilege FROM svc.granted_default ORDER BY 2, 3, 4, 5, 6;
SELECT 'catalog right', r.rolname, c.relname
  FROM pg_class c CROSS JOIN pg_roles r
 WHERE c.relnamespace = 'svc'::regnamespace AND c.relkind = 'r' AND NOT r.rolsuper AND r.rolname <> 'pg_read_all_data'
   AND has_table_privilege(r.oid, c.oid, 'SELECT') ORDER BY 2, 3;
SQL
my $expected = one($node, 'shop', $everything);
note('the source says ' . (() = $expected =~ /\n/g) . ' lines about itself');
cmp_ok((() = $expected =~ /^(\w+)/mg), '>=', 120, 'there is much to compare');
my $settings = "SELECT object, role, privilege, problem FROM svc.check_grants()";
rows($node, 'shop', "$settings UNION ALL SELECT entity, service, problem, detail FROM svc.check_contracts()", '', 'the source is well');

# A login's session where trust is enough
sub as_login
{
	my ($on, $dbname, $role, @statements) = @_;
	return allowed($on, $dbname, \@statements, "$role works in $dbname", user => $role, commit => 1);
}

# Test that a copy says the same and works.  settings: whether the settings that
# roles have in this database came along; they belong to the cluster.
sub check_copy
{
	my ($on, $dbname, %opt) = @_;
	my $said = one($on, $dbname, $everything);

	$restored++;
	same_text($said, $expected, "$dbname says what the source says");
	if ($opt{settings})
	{
		rows($on, $dbname, "$settings WHERE role <> 'old_owner'", '', 'no rights differ');
		rows($on, $dbname, 'SELECT adopted_roles::text FROM svc.service WHERE adopted_roles <> $${}$$', '{old_owner}', 'which roles were adopted is known');
		rows($on, $dbname, $settings, '', 'nothing is said of a role that was adopted');
	}
	else
	{
		rows($on, $dbname, "SELECT count(*), count(*) FILTER (WHERE privilege ~ '^SET (role|search_path)\$' AND problem = 'missing') FROM svc.check_grants()",
			'12|12', 'only settings of roles in the database are missing, since the database has another name');
		$on->safe_psql($dbname, join(';', lines($on, $dbname, 'SELECT DISTINCT fix FROM svc.check_grants()')));
		rows($on, $dbname, $settings, '', 'and what svc.check_grants() offers mends them');
	}
	rows($on, $dbname, 'SELECT * FROM svc.check_contracts()', '', 'contracts are well');
	rows($on, $dbname, "SELECT item, state, detail FROM svc.status() WHERE state <> 'ok' AND item NOT IN ('preload', 'service old')", '', 'status is well');

	# who owns what
	rows($on, $dbname, <<'SQL', 'people|ledger|ledger|posts|Größe "x"|', 'svc.owner_of answers');
SELECT svc.owner_of('people.users'), svc.owner_of('public.accounts'), svc.owner_of('old.lent'),
       svc.owner_of('posts.answers_high'), svc.owner_of('"My ""Schema"""."parts ;--"'), svc.owner_of('public.nobodys')
SQL
	# what is kept: timestamps, counters also across services, retention
	as_login($on, $dbname, 'posts_user', "INSERT INTO posts.posts (id, user_id) VALUES (10, 1), (11, 2)",
		"INSERT INTO posts.answers VALUES (10, 10, 1, false), (110, 10, 2, false), (111, 11, 2, true)", "DELETE FROM posts.answers WHERE id = 101",
		"UPDATE posts.posts SET id = id", "SELECT * FROM people_api.users", "CREATE TABLE posts.newer (id int PRIMARY KEY)");
	as_login($on, $dbname, 'people_user', "UPDATE people.users SET name = name", "TABLE posts_api.posts",
		"DELETE FROM people.sessions WHERE false");
	rows($on, $dbname, <<'SQL', '1|3|2 2|2|4 3|0|0', 'counters count on, across services too');
SELECT string_agg(u.id || '|' || u.posts || '|' || coalesce(u.replies, 0), ' ' ORDER BY u.id) FROM people.users u
SQL
	rows($on, $dbname, <<'SQL', '', 'and are equal to a count');
SELECT p.id, p.answers, count(a.id) FROM posts.posts p LEFT JOIN posts.answers a ON a.post_id = p.id AND NOT a.deleted
 GROUP BY p.id HAVING p.answers <> count(a.id)
SQL
	rows($on, $dbname, "SELECT bool_and(updated_at > '2020-01-01') FROM people.users", 't', 'updated_at is kept');
	rows($on, $dbname, "SELECT bool_and(at > '2020-01-01') FROM posts.posts", 't', 'by an adopted trigger too');
	rows($on, $dbname, 'SELECT * FROM svc.expire_now() ORDER BY relation::text DESC', "people.sessions|1\n\"My \"\"Schema\"\"\".\"Order 'Lines'\"|1", 'rows expire')
	  if $on->safe_psql($dbname, q{UPDATE "My ""Schema"""."Order 'Lines'" SET "ändert" = '0800-01-01' RETURNING "when" IS NOT NULL}) eq 't';
	rows($on, $dbname, "SELECT count(*) FROM svc.restore_updated_at()", '1', 'an adopted trigger can be given back');

	# the map goes on following
	$on->safe_psql($dbname, 'ALTER SCHEMA people RENAME TO folk; DROP VIEW public.balances; ALTER TABLE public.accounts RENAME TO books');
	rows($on, $dbname, "SELECT schema FROM svc.services WHERE service = 'people'", 'folk', 'a renamed schema is followed');
	rows($on, $dbname, "SELECT relation FROM svc.tables WHERE service = 'ledger' ORDER BY relation::text", "books\nold.lent", 'what is dropped is forgotten');
	rows($on, $dbname, "$settings WHERE privilege NOT LIKE 'SET %'", '', 'and rights are still right');
	is(outcome($on, $dbname, 'DROP VIEW posts_api.posts'), '2BP01', 'contracts are protected');
	$on->safe_psql($dbname, "SELECT svc.publish('posts', 'posts', 'posts.posts', replace => true)");
	is(outcome($on, $dbname, "SELECT svc.add_store('posts', 'x', 'redis')", user => 'posts_user'), '00000', 'an owner may call what is his');
	return;
}

sub run_ok
{
	my ($command, $name) = @_;
	my ($ok, $stderr);

	$ok = IPC::Run::run($command, '>', \my $out, '2>', \$stderr);
	ok($ok, $name);
	diag($stderr) unless $ok;
	return;
}

sub dump_to
{
	my ($on, $dbname, $file, @options) = @_;
	local $ENV{PGHOST} = $on->host;
	local $ENV{PGPORT} = $on->port;
	run_ok([ 'pg_dump', '-f', "$tempdir/$file", @options, $dbname ], "pg_dump @options");
	return "$tempdir/$file";
}

sub restore
{
	my ($on, $dbname, $file, @options) = @_;
	local $ENV{PGHOST} = $on->host;
	local $ENV{PGPORT} = $on->port;
	run_ok([ 'pg_restore', '-d', $dbname, @options, $file ], "pg_restore @options");
	return;
}

sub restore_plain
{
	my ($on, $dbname, $file, @options) = @_;
	local $ENV{PGHOST} = $on->host;
	local $ENV{PGPORT} = $on->port;
	run_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', @options, '-d', $dbname, '-f', $file ], "psql @options -f");
	return;
}

sub fresh
{
	my ($on, $dbname) = @_;
	$on->safe_psql('postgres', "CREATE DATABASE $dbname TEMPLATE template0");
	return;
}

# Whole, in every format
my $plain = dump_to($node, 'shop', 'plain.sql');
my $text = slurp_file($plain);
ok($text !~ /^(GRANT|REVOKE) .* svc\./m, 'what the extension grants to owners is no part of a dump');
ok($text !~ /^CREATE SCHEMA svc/m, 'its schemas are not either');
ok($text !~ /^old\t.*\{\d+\}/m, 'roles are dumped by their names, not their OIDs');
fresh($node, 'copy_plain');
restore_plain($node, 'copy_plain', $plain, '--single-transaction');
check_copy($node, 'copy_plain');

my $custom = dump_to($node, 'shop', 'custom', '-Fc');
fresh($node, 'copy_custom');
restore($node, 'copy_custom', $custom, '--exit-on-error');
check_copy($node, 'copy_custom');

my $directory = dump_to($node, 'shop', 'directory', '-Fd', '-j2');
fresh($node, 'copy_directory');
restore($node, 'copy_directory', $directory, '--exit-on-error');
check_copy($node, 'copy_directory');
foreach my $n (1 .. 2)
{
	fresh($node, "copy_parallel_$n");
	restore($node, "copy_parallel_$n", $directory, '-j4', '--exit-on-error');
	same_text(one($node, "copy_parallel_$n", $everything), $expected, 'a parallel restore brings all of it');
}

# A copy of a copy, with column names and INSERTs
my $inserts = dump_to($node, 'copy_custom', 'inserts.sql', '--column-inserts', '--no-comments');
fresh($node, 'copy_inserts');
restore_plain($node, 'copy_inserts', $inserts);
rows($node, 'copy_inserts', "SELECT string_agg(service || ':' || coalesce(schema, ''), ' ' ORDER BY service COLLATE \"C\") FROM svc.services",
	'Größe "x":My "Schema" ledger: old:old people:folk posts:posts', 'a copy of a changed copy');
rows($node, 'copy_inserts', "SELECT * FROM svc.check_grants() WHERE privilege NOT LIKE 'SET %'", '', 'with the same rights');

# The schema alone: the catalog is empty then, and its services are nobody's;
# triggers are there and let everybody write who may write all that they write
my $schema_only = dump_to($node, 'shop', 'schema.sql', '-s');
fresh($node, 'empty');
restore_plain($node, 'empty', $schema_only);
rows($node, 'empty', 'SELECT count(*) FROM svc.services', '0', 'a dump of the schema has no services');
rows($node, 'empty', 'SELECT count(*) FROM svc.check_grants()', '0', 'nor anything to say about them');
rows($node, 'empty', "SELECT item, state FROM svc.status() WHERE state = 'error'", '', 'nor errors');
allowed($node, 'empty',
	[ "INSERT INTO people.users (id, name) VALUES (1, 'ann')", "INSERT INTO posts.posts (id, user_id) VALUES (1, 1)",
		"INSERT INTO posts.answers VALUES (1, 1, 1)", "UPDATE people.users SET name = 'x'" ],
	'a superuser writes', commit => 1);
rows($node, 'empty', 'SELECT posts, replies, updated_at > now() - interval \'1 hour\' FROM people.users', '1|1|t', 'and counters and timestamps are kept');
allowed($node, 'empty', [ "INSERT INTO people.sessions VALUES (1, now())", "UPDATE people.users SET name = 'y'" ],
	'a login writes where no counter of others is concerned', user => 'people_user');
allowed($node, 'empty', ['INSERT INTO posts.answers (id, post_id) VALUES (2, 1)'],
	'and where the counters are of rows that are not concerned', user => 'posts_user');
refused($node, 'empty', ['INSERT INTO posts.posts (id, user_id) VALUES (2, 1)'],
	'the right to change counters of others was in the catalog', user => 'posts_user');

# The data alone, afterwards
sub check_data
{
	my ($dbname, $mended, $name) = @_;

	rows($node, $dbname, "SELECT sum(svc.recount(t::regclass)) FROM (SELECT DISTINCT target FROM svc.counters) c (t)", $mended, $name);
	return;
}
fresh($node, 'data_quiet');
restore_plain($node, 'data_quiet', $schema_only);
my $data = dump_to($node, 'shop', 'data', '-a', '-Fc');
restore($node, 'data_quiet', $data, '--exit-on-error', '-a', '--disable-triggers');
check_data('data_quiet', '0', 'data restored with --disable-triggers: counters are as they were');
is(outcome($node, 'data_quiet', "SELECT svc.add_store('posts', 'x', 'redis')", user => 'posts_user'), '42501',
	'owner roles may not call what is theirs: rows of svc.service came without the trigger that lets them');
my $mend = one($node, 'data_quiet', "SELECT hint FROM svc.status() WHERE item = 'service posts' AND detail LIKE 'its owner role%'");
like($mend, qr/^UPDATE svc\.service /, 'svc.status() says so');
$node->safe_psql('data_quiet', $mend);
is(outcome($node, 'data_quiet', "SELECT svc.add_store('posts', 'x', 'redis')", user => 'posts_user'), '00000', 'and its hint mends it');
rows($node, 'data_quiet', "SELECT count(*) FROM svc.status() WHERE item = 'service posts' AND detail LIKE 'its owner role%'", '0',
	'as it says');
fresh($node, 'data_counted');
restore_plain($node, 'data_counted', $schema_only);
restore($node, 'data_counted', $data, '--exit-on-error', '-a');
$node->safe_psql('data_counted', "SELECT svc.recount(c.t) FROM (SELECT DISTINCT target FROM svc.counters) c (t)");
check_data('data_counted', '0', 'data restored while triggers count: svc.recount mends');
is(one($node, 'data_counted', "SELECT string_agg(id || '|' || posts || '|' || coalesce(replies, 0), ' ' ORDER BY id) FROM people.users"),
	one($node, 'shop', "SELECT string_agg(id || '|' || posts || '|' || coalesce(replies, 0), ' ' ORDER BY id) FROM people.users"),
	'to the numbers of the source');

# A service's own owner-level user can dump its schema
{
	local $ENV{PGUSER} = 'posts_user';
	my $own = slurp_file(dump_to($node, 'shop', 'own.sql', '-n', 'posts', '-n', 'posts_api'));
	like($own, qr/COPY posts\.posts /, 'as the login of a service');
}

# One schema: its triggers want the extension; the service is made anew
my $one_schema = dump_to($node, 'shop', 'posts.sql', '-n', 'posts');
fresh($node, 'one');
$node->safe_psql('one', 'CREATE EXTENSION svc_ownership');
restore_plain($node, 'one', $one_schema);
rows($node, 'one', "SELECT svc.create_service('posts', schema => 'posts', login => 'posts_user', login_level => 'owner', adopt => true)",
	'adopted', 'one schema comes back and is adopted');
rows($node, 'one', $settings, '', 'with its rights');
allowed($node, 'one', [ 'INSERT INTO posts.later VALUES (1)', 'TABLE posts.answers', 'TABLE posts.posts' ], 'its login works', user => 'posts_user');
like(($node->psql('one', 'INSERT INTO posts.posts (id, user_id) VALUES (21, 1)'))[2],
	qr/ERROR: .*people\.users.* does not exist.*HINT:/s, 'a counter of a table that did not come says so');
is(outcome($node, 'one', 'INSERT INTO posts.posts (id) VALUES (20)', user => 'posts_user'), '55000', 'with an SQLSTATE');
$node->safe_psql('one', join(';', map { "DROP TRIGGER svc_keep_count_$_ ON posts.posts" } qw(insert update delete truncate)));
allowed($node, 'one', ['INSERT INTO posts.posts (id) VALUES (20)'], 'and nothing once its triggers are gone', user => 'posts_user');

# Another cluster, which does not preload the library: roles first
my $other = new_server('other', preload => 0);
{
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	run_ok([ 'pg_dumpall', '-g', '-f', "$tempdir/globals.sql" ], 'pg_dumpall -g');
	run_ok([ 'pg_dump', '-C', '-Fc', '-f', "$tempdir/create", 'shop' ], 'pg_dump -C');
}
(my $globals = slurp_file("$tempdir/globals.sql")) =~ s/^CREATE ROLE \Q@{[one($other, 'postgres', 'SELECT current_user')]}\E;$//m;
append_to_file("$tempdir/roles.sql", $globals);
restore_plain($other, 'postgres', "$tempdir/roles.sql");
restore($other, 'postgres', "$tempdir/create", '--exit-on-error', '-C');
rows($other, 'shop', "SHOW shared_preload_libraries", '', 'the library is not preloaded here');
check_copy($other, 'shop', settings => 1);
rows($other, 'shop', "SELECT state FROM svc.status() WHERE item = 'preload' AND detail LIKE '%not %'", 'ok', 'svc.status() says so, and that it need not be');

# Roles that are not there: the restore says so, and nothing of it is half there
my $strange = new_server('strange', workers => 0);
{
	local $ENV{PGHOST} = $strange->host;
	local $ENV{PGPORT} = $strange->port;
	fresh($strange, 'shop');
	my ($out, $err);
	ok(!IPC::Run::run([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-1', '-d', 'shop', '-f', $plain ], '>', \$out, '2>', \$err),
		'a restore without the roles fails');
	like($err, qr/role ".*" does not exist/, 'for the reason that counts');
}
rows($strange, 'shop', "SELECT count(*) FROM pg_namespace WHERE nspname IN ('svc', 'people')", '0', 'and leaves nothing');
$strange->stop;

# Over what is there already: --clean drops and makes everything again
fresh($node, 'again');
restore($node, 'again', $custom, '--exit-on-error');
{
	local $ENV{PGOPTIONS} = '-c svc_ownership.restoring=on';
	restore($node, 'again', $custom, '--exit-on-error', '--clean', '--if-exists');
}
same_text(one($node, 'again', $everything), $expected, 'a restore over itself brings all of it');

# What is left without the extension
is(outcome($node, 'copy_plain', 'DROP EXTENSION svc_ownership'), '2BP01', 'DROP EXTENSION is refused while triggers need it');
is(outcome($node, 'empty', 'DROP SCHEMA svc CASCADE'), '2BP01', 'so is dropping its schema');
my $before = one($node, 'copy_plain', "SELECT count(*) FROM posts.posts");
$node->safe_psql('copy_plain', 'DROP EXTENSION svc_ownership CASCADE');
rows($node, 'copy_plain', "SELECT count(*) FROM pg_namespace WHERE nspname IN ('svc', 'svc_triggers')", '0', 'CASCADE takes the schemas');
rows($node, 'copy_plain', "SELECT count(*) FROM pg_event_trigger", '0', 'and the event triggers');
rows($node, 'copy_plain', "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal", 'touch', "and its triggers, but the application's own stay");
rows($node, 'copy_plain', "SELECT count(*) FROM posts.posts", $before, 'tables and rows stay');
allowed($node, 'copy_plain',
	[ "INSERT INTO posts.posts (id, user_id) VALUES (30, 1)", 'CREATE TABLE posts.t (id int)', 'ALTER TABLE posts.posts ADD COLUMN x int',
		'DROP TABLE posts.answers', 'TABLE posts_api.posts' ], 'services work on', user => 'posts_user');
allowed($node, 'copy_plain', ['DROP VIEW posts_api.posts', 'ALTER SCHEMA folk RENAME TO people'], 'nothing is protected any more');
$node->safe_psql('copy_plain', 'CREATE EXTENSION svc_ownership');
rows($node, 'copy_plain', 'SELECT count(*) FROM svc.services', '0', 'and the extension can be made again');
rows($node, 'copy_plain', "SELECT svc.create_service('posts', schema => 'posts', login => 'posts_user', login_level => 'owner', adopt => true)",
	'adopted', 'and services adopted again');

note("$restored copies were compared and worked with");
$node->stop;
$other->stop;
done_testing();
