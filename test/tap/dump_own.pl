# A team backs up its service as the service's own user, and restores it as that
# user into a database where a DBA made the extension and nothing else: all
# facts come back, in every format.  For that everybody may insert rows into the
# catalog, and rows are power there; so the second half attacks, row by row and
# in every order, and counts what was refused.

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

# ---- a database with one service, in which its user owns everything ----

$node->safe_psql('postgres', 'CREATE DATABASE blog');
$node->safe_psql('blog', <<'SQL');
CREATE EXTENSION svc_ownership;
CREATE EXTENSION "uuid-ossp";
SELECT svc.create_service('posts', schema => 'posts', login => 'posts_user', login_level => 'owner',
                          migrator => 'posts_mig', team => 'writing', description => 'what people write');
CREATE ROLE reporting LOGIN;
SELECT svc.grant_role('posts', 'reporting', 'reader');
ALTER DATABASE blog OWNER TO posts_owner;
SQL
$node->safe_psql('blog', <<'SQL', extra_params => [ '-U', 'posts_user' ]);
CREATE TYPE posts.state AS ENUM ('draft', 'shown');
CREATE TABLE posts.users (id int PRIMARY KEY, name text UNIQUE, posts int NOT NULL DEFAULT 0, replies bigint DEFAULT 0,
                          updated_at timestamptz NOT NULL DEFAULT '2001-01-01');
CREATE TABLE posts.posts (id int PRIMARY KEY, user_id int, state posts.state, at timestamptz DEFAULT '2001-01-01');
CREATE TABLE posts.replies (id int, user_id int, token uuid DEFAULT public.uuid_generate_v4()) PARTITION BY RANGE (id);
CREATE TABLE posts.replies_low PARTITION OF posts.replies FOR VALUES FROM (0) TO (100);
CREATE TABLE posts.sessions (id int PRIMARY KEY, expires_at timestamptz NOT NULL);
CREATE INDEX ON posts.sessions (expires_at);
CREATE SEQUENCE posts.numbers;
SELECT svc.keep_updated_at('posts.users');
SELECT svc.keep_count('posts.posts', 'user_id', 'posts.users', 'id', 'posts', filter => $$state = 'shown'$$);
SELECT svc.keep_count('posts.replies', 'user_id', 'posts.users', 'id', 'replies');
SELECT svc.keep_rows('posts.sessions', 'expires_at', '1 mon 2 days 03:04:05');
SELECT svc.publish('posts', 'users', 'posts.users', columns => '{id,name}', filter => $$id <> 3 AND name <> 'x'$$);
SELECT svc.publish('posts', 'posts', 'posts.posts');
SELECT svc.grant_contract('posts', 'cart');
SELECT svc.grant_contract('posts', 'mail', 'users');
SELECT svc.add_store('posts', 'sessions', 'redis', 'redis://cache.internal', 'who is here');
CREATE FUNCTION posts.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at = now(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON posts.posts FOR EACH ROW EXECUTE FUNCTION posts.touch();
SELECT * FROM svc.adopt_updated_at();
INSERT INTO posts.users (id, name) VALUES (1, 'ann'), (2, 'bob'), (3, 'cem');
INSERT INTO posts.posts (id, user_id, state) VALUES (1, 1, 'shown'), (2, 1, 'draft'), (3, 2, 'shown');
INSERT INTO posts.replies (id, user_id) VALUES (1, 1), (2, 1);
INSERT INTO posts.sessions VALUES (1, '2001-01-01'), (2, 'infinity');
CREATE SCHEMA people_api;
CREATE TABLE people_api.people (id int PRIMARY KEY);
INSERT INTO people_api.people VALUES (1), (2), (3);
SELECT svc.create_reference('posts.replies', 'user_id', 'people', 'people', mode => 'commit', on_delete => 'keep', cache_ttl => '5 s', name => 'who "replies"');
SELECT svc.create_reference('posts.posts', 'user_id', 'people', 'people', on_delete => 'set_null');
CALL svc.validate_reference('who "replies"');
CALL svc.validate_reference('posts_user_id_ref');
CREATE TABLE public.notes (id int PRIMARY KEY);
SELECT svc.assign('posts', 'public.notes');
SELECT svc.load_migrations('posts', jsonb_build_object('V1__users.sql', E'-- \\\\ \n' || repeat('SELECT ''ä'';', 100000), 'V2__posts.sql', ''), 'flyway');
CREATE TABLE posts.flyway_schema_history (installed_rank int PRIMARY KEY);
SQL
# What a tool's history and a failed run leave in the catalog
$node->safe_psql('blog', <<'SQL');
UPDATE svc.migration_source SET history = 'posts.flyway_schema_history';
INSERT INTO svc.migration_history (service, attempt, action, outcome, kind, version, description, script, checksum, sqlstate, error, installed_by, started_at, duration, tool_key)
VALUES ('posts', 1, 'apply', 'success', 'versioned', '1', 'users', 'V1__users.sql', '123', NULL, NULL, 'posts_user', '2001-01-01', '1 s', 1),
       ('posts', 2, 'apply', 'rolled back', 'versioned', '2', 'posts', 'V2__posts.sql', '0', '42601', E'posts\nsyntax error\nat the end', 'posts_user', '2001-01-01', '1 s', NULL);
SQL

# What there is to bring back
sub facts
{
	my ($on, $dbname) = @_;

	return catalog_facts($on, $dbname, <<'SQL');
SELECT 'row', u.* FROM posts.users u ORDER BY id;
SELECT 'rows', (SELECT count(*) FROM posts.posts), (SELECT count(*) FROM posts.replies), (SELECT count(*) FROM posts.sessions);
SQL
}
my $expected = facts($node, 'blog');
my $settings = "SELECT object, role, privilege, problem FROM svc.check_grants()";
note('the source says ' . (1 + (() = $expected =~ /\n/g)) . ' lines about itself');
like($expected, qr/^svc\.$_\|/m, "there are rows of $_ to bring back") foreach qw(service member assignment store entity consumer counter retention adopted_trigger reference
	  migration_source migration_file migration_content migration_history);
rows($node, 'blog', $settings, '', 'the source is well');

# ---- dumps and restores as the service's own user ----

sub run_as
{
	my ($user, $on, $command, $name) = @_;
	my ($out, $err) = ('', '');
	local $ENV{PGUSER} = $user;
	local $ENV{PGHOST} = $on->host;
	local $ENV{PGPORT} = $on->port;
	my $ok = IPC::Run::run($command, '>', \$out, '2>', \$err);

	ok($ok, $name);
	diag("@$command\n$err") unless $ok;
	return ($out, $err);
}

# A dump without the comments on extensions, which belong to the DBA
sub uncommented
{
	my ($file) = @_;
	my $text = slurp_file($file);

	$text =~ s/^COMMENT ON EXTENSION .*\n//mg;
	append_to_file("$file.own", $text);
	return "$file.own";
}

# What a DBA prepares
sub prepared
{
	my ($on, $dbname) = @_;

	$on->safe_psql('postgres', "CREATE DATABASE $dbname OWNER posts_owner");
	$on->safe_psql($dbname, 'CREATE EXTENSION svc_ownership; CREATE EXTENSION "uuid-ossp"');
	return;
}

my $copies = 0;

sub check_copy
{
	my ($on, $dbname, %opt) = @_;
	my $login = $opt{login} // 'posts_user';

	$copies++;
	# what references found out does not come along
	rows($on, $dbname, 'SELECT trigger, needs_sweep FROM svc.reference_status', "enabled|t\nenabled|t", 'nobody knows of rows that came without being checked');
	foreach my $insert ('INSERT INTO replies (id, user_id) VALUES (60, 9)', "INSERT INTO posts VALUES (60, 9, 'shown')", 'UPDATE replies_low SET user_id = 9')
	{
		is(outcome($on, $dbname, "SET search_path = posts; SET CONSTRAINTS ALL IMMEDIATE; $insert", user => $login), '23503', "a key that is not there is refused");
	}
	$on->safe_psql($dbname, 'CALL svc.check_references()');
	rows($on, $dbname, 'SELECT trigger, needs_sweep FROM svc.reference_status', "enabled|f\nenabled|f", 'a sweep finds out');
	same_text(facts($on, $dbname), $expected, "$dbname says what the source says");
	rows($on, $dbname, 'SELECT count(*) FROM svc.pending', '0', 'nothing is left waiting');
	if ($opt{own})
	{
		rows($on, $dbname, 'SELECT confirmed FROM svc.service', 'f', 'the service is not confirmed');
		rows($on, $dbname, "SELECT detail FROM svc.status() WHERE item = 'service posts' AND detail ~ 'confirmed'",
			'it was restored by its own user, and no superuser has confirmed it', 'svc.status() says so');
		is(outcome($on, $dbname, "SELECT svc.grant_role('posts', 'reporting', 'writer')", user => $login), '42501', 'its owner makes no members yet');
		allowed($on, $dbname,
			[ "SELECT svc.add_store('posts', 'x', 'redis')", "SELECT svc.publish('posts', 'sessions', 'posts.sessions')",
				"SELECT svc.grant_contract('posts', 'other')", "SELECT svc.keep_rows('posts.users', 'updated_at', '1 day') FROM (SELECT 1) x WHERE false",
				"SELECT svc.recount('posts.users')", "SELECT * FROM svc.expire_now()", "SELECT svc.release('public.notes')",
				"SELECT svc.alter_service('posts', team => 'x')", "TABLE svc.service" ],
			'and does everything else', user => $login);
	}
	confirm($on, $dbname) unless $opt{settings};
	rows($on, $dbname, 'SELECT confirmed FROM svc.service', 't', 'confirmed');
	rows($on, $dbname, $settings, '', 'no rights differ');
	rows($on, $dbname, "SELECT item, state, detail FROM svc.status() WHERE state <> 'ok' AND item <> 'preload'", '', 'all is well');
	rows($on, $dbname, 'SELECT bool_and(svc.recount(t::regclass) = 0) FROM (SELECT DISTINCT target FROM svc.counter) c (t)', 't', 'counters are right');
	allowed($on, $dbname,
		[ "INSERT INTO posts VALUES (10, 2, 'shown'), (11, 2, 'draft')", "INSERT INTO replies (id, user_id) VALUES (50, 3)",
			"UPDATE users SET name = name || '!' WHERE id = 2", "UPDATE posts SET user_id = user_id", 'CREATE TABLE posts.newer (id int PRIMARY KEY)',
			"SELECT svc.grant_role('posts', 'reporting', 'reader')" ],
		"$login works there", user => $login, commit => 1);
	rows($on, $dbname, "SELECT string_agg(concat_ws('|', id, posts, replies, (updated_at > '2020-01-01')), ' ' ORDER BY id) FROM posts.users",
		'1|1|2|t 2|2|0|t 3|0|1|t', 'counters and timestamps are kept');
	rows($on, $dbname, 'SELECT relation, deleted FROM svc.expire_now()', 'posts.sessions|1', 'rows expire');
	rows($on, $dbname, "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'posts'", 'posts_owner', 'everything belongs to the owner role');
	return;
}

# What a DBA does after such a restore
sub confirm
{
	my ($on, $dbname) = @_;

	$on->safe_psql($dbname, 'SELECT svc.repair_settings()');
	return;
}

foreach my $login ('posts_user', 'posts_mig')
{
	my $file = "$tempdir/$login.sql";

	run_as($login, $node, [ 'pg_dump', '-f', $file, 'blog' ], "pg_dump as $login");
	prepared($node, "plain_$login");
	my ($out, $err) = run_as($login, $node,
		[ 'psql', '-Xq', '-1', '-v', 'ON_ERROR_STOP=1', '-d', "plain_$login", '-f', uncommented($file) ], "psql -1 as $login");
	unlike($err, qr/WARNING|ERROR/, 'without an error or a warning');
	check_copy($node, "plain_$login", own => 1, login => $login);
}

my $entries = "$tempdir/entries";
foreach my $format ([ 'custom', '-Fc' ], [ 'directory', '-Fd', '-j2' ], [ 'tar', '-Ft' ])
{
	my ($name, @options) = @$format;
	my $file = "$tempdir/$name";
	my @restore = $name eq 'directory' ? ('-j2') : ('-1');

	run_as('posts_user', $node, [ 'pg_dump', '-f', $file, @options, 'blog' ], "pg_dump @options as the service's user");
	my ($list) = run_as('posts_user', $node, [ 'pg_restore', '-l', $file ], 'its list');
	unlink $entries;
	append_to_file($entries, join('', map { "$_\n" } grep { !/COMMENT - EXTENSION/ } split /\n/, $list));
	prepared($node, "copy_$name");
	my ($out, $err) = run_as('posts_user', $node,
		[ 'pg_restore', '--exit-on-error', '-L', $entries, '-d', "copy_$name", @restore, $file ], "pg_restore @restore");
	unlike($err, qr/warning|error/i, 'without an error or a warning');
	check_copy($node, "copy_$name", own => 1);
}

# Side by side, several times: rows come in any order
foreach my $n (1 .. 4)
{
	prepared($node, "parallel_$n");
	run_as('posts_user', $node, [ 'pg_restore', '--exit-on-error', '-L', $entries, '-d', "parallel_$n", '-j4', "$tempdir/directory" ], 'pg_restore -j4');
	$node->safe_psql("parallel_$n", 'CALL svc.check_references()');
	same_text(facts($node, "parallel_$n"), $expected, 'brings all of it');
}

# INSERTs with column names; a copy of a copy that was not confirmed; a role that is set on the command line
run_as('posts_user', $node, [ 'pg_dump', '-f', "$tempdir/inserts.sql", '--column-inserts', '--no-comments', 'parallel_1' ], 'pg_dump of a copy, with INSERTs');
prepared($node, 'inserts');
run_as('posts_user', $node, [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'inserts', '-f', "$tempdir/inserts.sql" ], 'psql, a transaction each');
check_copy($node, 'inserts', own => 1);
prepared($node, 'as_role');
run_as('posts_mig', $node, [ 'pg_restore', '--exit-on-error', '--role=posts_owner', '-L', $entries, '-d', 'as_role', '-1', "$tempdir/directory" ], 'pg_restore --role');
check_copy($node, 'as_role', own => 1);

# Where the DBA made the service before, what is there stays
$node->safe_psql('postgres', 'CREATE DATABASE made OWNER posts_owner');
$node->safe_psql('made', <<'SQL');
CREATE EXTENSION svc_ownership; CREATE EXTENSION "uuid-ossp";
CREATE SCHEMA posts AUTHORIZATION posts_owner;
SELECT svc.create_service('posts', schema => 'posts', login => 'posts_user', login_level => 'owner', adopt => true);
UPDATE svc.service SET team = 'made here';
SQL
(my $made = slurp_file("$tempdir/posts_user.sql.own")) =~ s/^CREATE SCHEMA posts;$//m;
append_to_file("$tempdir/made.sql", $made);
{
	my ($out, $err) = run_as('posts_user', $node, [ 'psql', '-Xq', '-1', '-v', 'ON_ERROR_STOP=1', '-d', 'made', '-f', "$tempdir/made.sql" ], 'psql into a database with the service');
	is($err, '', 'without an error or a warning');
}
rows($node, 'made', 'SELECT service, team, confirmed FROM svc.service', 'posts|made here|t', 'the service stays as it was made');
rows($node, 'made', 'SELECT role, kind, level FROM svc.member ORDER BY role::text',
	"posts_mig|granted|owner\nposts_user|granted|owner\nreporting|granted|reader",
	'members come; none gets settings from a service that was confirmed before it came');
rows($node, 'made', 'SELECT count(*) FROM svc.entity UNION ALL SELECT count(*) FROM svc.counter', "2\n2", 'and all the rest');

# Twice the same rows, and parts of a dump: the schema alone, one schema, one schema with the catalog's rows
run_as('posts_user', $node, [ 'pg_dump', '-s', '-f', "$tempdir/schema.sql", 'blog' ], 'pg_dump -s');
prepared($node, 'empty');
run_as('posts_user', $node, [ 'psql', '-Xq', '-1', '-v', 'ON_ERROR_STOP=1', '-d', 'empty', '-f', uncommented("$tempdir/schema.sql") ], 'the schema alone');
rows($node, 'empty', 'SELECT count(*) FROM svc.services', '0', 'has no services');
run_as('posts_user', $node, [ 'pg_dump', '-a', '-Fc', '-f', "$tempdir/data", '--role=posts_owner', 'blog' ], 'pg_dump -a');
$node->safe_psql('empty', 'ALTER TABLE posts.posts DISABLE TRIGGER USER; ALTER TABLE posts.replies DISABLE TRIGGER USER; ALTER TABLE posts.replies_low DISABLE TRIGGER USER');
run_as('posts_user', $node, [ 'pg_restore', '--exit-on-error', '-a', '-d', 'empty', "$tempdir/data" ], 'the data after it');
$node->safe_psql('empty', 'ALTER TABLE posts.posts ENABLE TRIGGER USER; ALTER TABLE posts.replies ENABLE TRIGGER USER; ALTER TABLE posts.replies_low ENABLE TRIGGER USER');
check_copy($node, 'empty', own => 1);
run_as('posts_user', $node, [ 'pg_dump', '-n', 'posts', '-n', 'posts_api', '-f', "$tempdir/one.sql", 'blog' ], 'pg_dump -n');
prepared($node, 'one');
run_as('posts_user', $node, [ 'psql', '-Xq', '-1', '-v', 'ON_ERROR_STOP=1', '-d', 'one', '-f', "$tempdir/one.sql" ], 'one schema');
rows($node, 'one', 'SELECT count(*) FROM svc.services', '0', 'comes without its service');
rows($node, 'one', "SELECT svc.create_service('posts', schema => 'posts', login => 'posts_user', login_level => 'owner', adopt => true)", 'adopted', 'which a DBA makes again');

# ---- pg_dumpall, into a new cluster ----

my $other = new_server('other', preload => 0);
my $user = one($node, 'postgres', 'SELECT current_user');
run_as($user, $node, [ 'pg_dumpall', '-f', "$tempdir/all.sql" ], 'pg_dumpall');
(my $all = slurp_file("$tempdir/all.sql")) =~ s/^CREATE ROLE \Q$user\E;$//m;
append_to_file("$tempdir/all_but.sql", $all);
run_as($user, $other, [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-f', "$tempdir/all_but.sql" ], 'psql into a new cluster');
check_copy($other, 'blog', settings => 1);

# and by the own user into that new one
prepared($other, 'again');
run_as('posts_user', $other, [ 'psql', '-Xq', '-1', '-v', 'ON_ERROR_STOP=1', '-d', 'again', '-f', "$tempdir/posts_user.sql.own" ], "the user's own dump in a new cluster");
check_copy($other, 'again', own => 1);
$other->stop;
note("$copies copies were compared and worked with");

# ---- attacks ----

# A database with services of others.  eve may nothing; mallory may create here,
# and is a member of roles that a DBA nested by hand; posts_user owns a service
# in another database.
my $attacks = 0;

sub repelled
{
	my ($user, $name, @list) = @_;

	$attacks += @list;
	return refused($node, 'arena', \@list, $name, user => $user);
}

$node->safe_psql('postgres', 'CREATE DATABASE arena');
$node->safe_psql('arena', <<'SQL');
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('bank', schema => 'bank', login => 'bank_user', login_level => 'owner');
SELECT svc.create_service('shared');
CREATE ROLE eve LOGIN;
CREATE ROLE mallory LOGIN;
CREATE ROLE app_reader;
CREATE ROLE app_writer IN ROLE app_reader;
CREATE ROLE app_owner IN ROLE app_writer;
CREATE ROLE clerk LOGIN IN ROLE app_writer;
GRANT app_owner TO mallory;
GRANT CREATE ON DATABASE arena TO mallory, app_owner, posts_owner;
GRANT pg_monitor TO mallory;
SELECT svc.grant_role('bank', 'mallory', 'writer');
SET ROLE bank_owner;
CREATE TABLE bank.accounts (id int PRIMARY KEY, n int, at timestamptz);
SELECT svc.publish('bank', 'accounts', 'bank.accounts', filter => 'id > 7');
SELECT svc.grant_contract('bank', 'future');
SELECT svc.add_store('bank', 's', 'redis', 'redis://secret.internal');
SELECT svc.load_migrations('bank', '{"1.sql": "the password is swordfish"}'::jsonb, 'plain');
RESET ROLE;
CREATE SCHEMA taken_api;
CREATE FUNCTION public.hidden() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';
REVOKE EXECUTE ON FUNCTION public.hidden FROM PUBLIC;
SET ROLE app_owner;
CREATE SCHEMA app;
CREATE SCHEMA app_api;
CREATE TABLE app.t (id int PRIMARY KEY, n int, at timestamptz, word text);
CREATE INDEX ON app.t (at);
CREATE VIEW app_api.t AS SELECT id, n FROM app.t;
CREATE VIEW app.outside AS SELECT id, n FROM app.t;
CREATE FUNCTION app.spy(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE VIEW app_api.spying AS SELECT app.spy(id) AS id FROM app.t;
CREATE VIEW app_api.accounts AS SELECT 1 AS id;
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.at = now(); RETURN NEW; END';
CREATE TRIGGER touch BEFORE UPDATE ON app.t FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE SCHEMA mixed;
RESET ROLE;
CREATE TABLE mixed.dba (id int);
SET SESSION AUTHORIZATION mallory;
CREATE SCHEMA mal;
CREATE TABLE mal.t (id int PRIMARY KEY, n int);
CREATE VIEW mal.v AS SELECT id, n FROM mal.t;
SQL
my @all_tables = map { s/^svc\.//r } lines($node, 'arena', "SELECT oid::regclass FROM pg_class WHERE relnamespace = 'svc'::regnamespace AND relkind = 'r' ORDER BY 1");
my $before = one($node, 'arena', 'SELECT ' . join(" || ", map { "(SELECT coalesce(string_agg(t::text, ' ' ORDER BY t::text), '-') FROM svc.$_ t)" } @all_tables));

# svc.service, column by column: the statement with some values replaced
sub service
{
	my (%with) = (service => 'app', form => 'schema', schema => 'app', owner => 'app_owner', writer => 'app_writer', reader => 'app_reader', @_);

	$with{form} = 'logical' unless defined $with{schema};
	delete $with{schema} unless defined $with{schema};
	return sprintf 'INSERT INTO svc.service (%s) VALUES (%s)', join(', ', sort keys %with), join(', ', map { "'$with{$_}'" } sort keys %with);
}

my %rows = (
	service => service(),
	member => "INSERT INTO svc.member VALUES ('app', 'clerk', 'granted', 'writer')",
	assignment => "INSERT INTO svc.assignment VALUES ('mal.t', 'app')",
	store => "INSERT INTO svc.store VALUES ('app', 's', 'redis')",
	entity => "INSERT INTO svc.entity VALUES ('app', 't', 'app_api.t', 'app.t', 'id', '{id,n}', '{int,int}', '{-1,-1}')",
	consumer => "INSERT INTO svc.consumer VALUES ('app', NULL, 'bank')",
	counter => "INSERT INTO svc.counter VALUES ('app.t', 'n', 'id', 'app.t', 'n', NULL, '{}', true)",
	retention => "INSERT INTO svc.retention VALUES ('app.t', 'at', '1 day')",
	adopted_trigger => "INSERT INTO svc.adopted_trigger VALUES ('app.t', 'touch', 'app.touch()')",
	reference => "INSERT INTO svc.reference VALUES ('app_ref', 'app.t', 'n', 'bank', 'accounts', 'default', 'reject', 'accept', 'report', '1 min', NULL, true, true)",
	connection => "INSERT INTO svc.connection VALUES ('bank', 'app', 'mine', 'mallory', 'mallory', NULL, false, false)",
	remote_entity => "INSERT INTO svc.remote_entity VALUES ('bank', 't', 'app_api.t', 'app.t', 'id', '{id,n}', '{int,int}', '{-1,-1}', '{app}')",
	link => "INSERT INTO svc.link VALUES ('app', 'other', 'mallory')",
	provisioning => "INSERT INTO svc.provisioning VALUES ('app', 'postgres', 5, 'drop')",
	pending => "INSERT INTO svc.pending VALUES ('mallory', 'app', 'store', '{}')",
	migration_source => "INSERT INTO svc.migration_source VALUES ('app', 'plain', '{}', 'app.t')",
	migration_file => "INSERT INTO svc.migration_file VALUES ('app', '1.sql', 'versioned', '1', 'x', NULL, 1, 'abc', 0, false, NULL, false, 3, true)",
	migration_content => "INSERT INTO svc.migration_content VALUES ('app', '1.sql', 1, E'app\\nxyz')",
	migration_history => "INSERT INTO svc.migration_history VALUES ('app', 1, 'apply', 'failed', 'versioned', '1', 'x', '1.sql', 'abc', 1, 2, 'abc', '42601', E'app\\noh', 'mallory')");
# what nobody restores
$rows{$_} = "INSERT INTO svc.$_ DEFAULT VALUES"
  foreach grep { !$rows{$_} } map { s/^svc\.//r } lines($node, 'arena', "SELECT oid::regclass FROM pg_class WHERE relnamespace = 'svc'::regnamespace AND relkind = 'r' AND NOT has_table_privilege('eve', oid, 'INSERT')");
is(join(' ', sort keys %rows), join(' ', sort @all_tables), 'there is a row to try for each table');

# Nobody: not one row, whatever it says
repelled('eve', 'somebody without rights brings no row', map { $rows{$_} } sort keys %rows);
repelled('eve', 'nor about services that there are',
	"INSERT INTO svc.member VALUES ('bank', 'eve', 'granted', 'owner')", "INSERT INTO svc.store VALUES ('bank', 'x', 'redis')",
	"INSERT INTO svc.consumer VALUES ('bank', NULL, 'app')", "INSERT INTO svc.assignment VALUES ('bank.accounts', 'shared')");
repelled('eve', 'nor nothing', map { "INSERT INTO svc.$_ DEFAULT VALUES" } sort keys %rows);
foreach my $user ('eve', 'mallory', 'bank_user')
{
	repelled($user, "$user changes and deletes nothing",

		map { my $t = $_; ("DELETE FROM svc.$t", "TRUNCATE svc.$t", "LOCK TABLE svc.$t IN SHARE MODE") } @all_tables);
}
repelled('bank_user', 'an owner changes no row directly', "UPDATE svc.service SET confirmed = true", "UPDATE svc.member SET level = 'owner'");
$node->safe_psql('arena', 'CREATE ROLE data LOGIN; GRANT pg_write_all_data, pg_read_all_data TO data');
repelled('data', 'nor does somebody with all data', 'UPDATE svc.service SET owner = owner', 'DELETE FROM svc.member', map { $rows{$_} } sort keys %rows);

# svc.service
repelled('mallory', 'services that are not his',
	service(owner => $user), service(owner => 'bank_owner'), service(owner => 'eve'), service(owner => 'pg_database_owner'),
	service(owner => 0), service(owner => 99999999), service(service => 'bank'), service(service => 'shared', schema => undef));
repelled('mallory', 'roles that are not a service\'s',
	service(writer => 'eve'), service(reader => 'eve'), service(writer => 'app_reader', reader => 'app_writer'),
	service(writer => 'app_owner', reader => 'app_owner'), service(reader => 'app_writer'), service(writer => 99999999),
	[ service(writer => 'shared_writer', reader => 'shared_reader'), '42710' ], service(writer => $user), service(reader => $user),
	service(service => 'solo', owner => 'mallory', writer => 'app_writer', reader => $user),
	[ service(service => 'solo', owner => 'mallory', writer => 'pg_monitor', reader => 'pg_read_all_settings', schema => undef), '42939' ],
	[ service(service => 'solo', owner => 'mallory', writer => 'bank_writer', reader => 'bank_reader', schema => undef), '42710' ],
	service(adopted_roles => '{bank_owner}'), service(adopted_roles => "{$user}"), service(adopted_roles => '{99999999}'));
repelled('mallory', 'schemas that are not the service\'s',
	[ service(schema => 'bank'), '42710' ], [ service(schema => 'bank_api'), '42710' ], service(schema => 'public'), service(schema => 'mal'),
	service(schema => 'public', adopted_schema => 't'), service(schema => 'missing'), service(schema => 'missing', adopted_schema => 't'),
	service(schema => 'mixed', adopted_schema => 't'), [ service(schema => 'app_api'), '22023' ],
	map { [ service(schema => $_, adopted_schema => 't'), '42939' ] } qw(svc svc_triggers pg_catalog information_schema pg_toast));
repelled('mallory', 'names that are not free',
	service(service => 'future'), [ service(service => 'taken'), '42P06' ], [ service(service => 'x' x 57), '42622' ],
	[ service(service => ''), '23514' ]);
repelled('mallory', 'rows that none of ours is like',
	[ service(description => 'x' x 1_100_000), '54000' ], [ service(form => 'logical'), '23514' ],
	[ service(service => 'other', form => 'wrong'), '23514' ],
	[ "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ \\; $rows{service}", '25001' ],
	[ "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE \\; $rows{retention}", '25001' ]);

# The other tables, with a service of his own in the same transaction
sub after_service
{
	return map { my ($row, $state) = ref $_ ? @$_ : ($_, '42501'); [ "$rows{service} \\; $row", $state ] } @_;
}
repelled('mallory', 'members who are none',
	after_service(
		"INSERT INTO svc.member VALUES ('bank', 'mallory', 'granted', 'owner')",
		(map { "INSERT INTO svc.member VALUES ('app', '$_', 'granted', 'reader')" } 'eve', 'bank_user', $user, '99999999'),
		"INSERT INTO svc.member VALUES ('app', 'clerk', 'granted', 'owner')",
		[ "INSERT INTO svc.member VALUES ('app', 'app_owner', 'granted', 'writer')", '0LP01' ],
		[ "INSERT INTO svc.member VALUES ('app', 'clerk', 'granted', 'admin')", '22023' ],
		[ "INSERT INTO svc.member VALUES ('app', 'clerk', 'king', 'writer')", '23514' ]));
repelled('mallory', 'relations that are not his',
	after_service(
		(map { "INSERT INTO svc.assignment VALUES ('$_', 'app')" } 'bank.accounts', 'pg_class', 'mixed.dba'),
		[ "INSERT INTO svc.assignment VALUES ('svc.service', 'app')", '55000' ],
		[ "INSERT INTO svc.assignment VALUES (99999999, 'app')", '42P01' ],
		"INSERT INTO svc.assignment VALUES ('mal.t', 'bank')", [ "INSERT INTO svc.assignment VALUES ('app_api.t', 'app')", '55000' ],
		[ "INSERT INTO svc.assignment VALUES ('app.t_pkey', 'app')", '42809' ]));
sub entity { my (%e) = (service => 'app', entity => 't', view => 'app_api.t', relation => 'app.t', key => 'id', columns => '{id,n}', types => '{int,int}', typmods => '{-1,-1}', @_);
	return sprintf 'INSERT INTO svc.entity (%s) VALUES (%s)', join(', ', sort keys %e), join(', ', map { "'$e{$_}'" } sort keys %e); }
repelled('mallory', 'contracts that are not his',
	after_service(
		entity(service => 'bank'), entity(view => 'bank_api.accounts'), entity(view => 'bank.accounts'), entity(relation => 'bank.accounts'),
		entity(entity => 'accounts', view => 'bank_api.accounts'), entity(view => 'app.outside', entity => 'outside'), entity(view => 'app.t'),
		entity(view => 'mal.v', entity => 'v'), entity(entity => 'other'), entity(view => 99999999), entity(relation => 99999999),
		entity(entity => 'spying', view => 'app_api.spying', columns => '{id}', types => '{int}', typmods => '{-1}'),
		entity(key => 'n', columns => '{id}', types => '{int}', typmods => '{-1}'), entity(columns => '{id,word}'), entity(types => '{int}'), entity(typmods => '{-1,NULL}'),
		entity(columns => '{}', types => '{}', typmods => '{}'), entity(columns => '{{id,n}}', types => '{{int,int}}', typmods => '{{-1,-1}}'),
		"INSERT INTO svc.consumer VALUES ('bank', NULL, 'app')", "INSERT INTO svc.consumer VALUES ('app', NULL, 'app')",
		"INSERT INTO svc.store VALUES ('bank', 'x', 'redis')", [ "INSERT INTO svc.store VALUES ('app', 'x', 'redis', 'redis://a:b\@c')", '22023' ]));
sub counter { my (%c) = (target => 'app.t', counter => 'n', target_key => 'id', source => 'app.t', source_key => 'n', as_superuser => 'f', @_);
	return sprintf 'INSERT INTO svc.counter (%s) VALUES (%s)', join(', ', sort keys %c), join(', ', map { "\$x\$$c{$_}\$x\$" } sort keys %c); }
repelled('mallory', 'counters, retention and triggers of tables that are not his',
	counter(target => 'bank.accounts'), counter(source => 'bank.accounts', source_key => 'n'), counter(target => 'svc.retention'), counter(target => 'mixed.dba', counter => 'id'),
	counter(target => 99999999), [ counter(target_key => 'x'), '42703' ], [ counter(counter => 'word'), '42804' ],
	[ counter(filter => 'random() > 0.5'), '42P17' ], [ counter(filter => '(SELECT true)'), '0A000' ], [ counter(filter => 'nothing > 1'), '42703' ],
	[ counter(filter => 'id > 1); DROP TABLE app.t; --'), '42601' ], [ counter(source => 'app.outside', source_key => 'n'), '42809' ],
	"INSERT INTO svc.retention VALUES ('bank.accounts', 'at', '0')", "INSERT INTO svc.retention VALUES ('svc.consumer', 'granted_at', '0')",
	[ "INSERT INTO svc.retention VALUES ('app.t', 'at', '-1 day')", '22023' ], [ "INSERT INTO svc.retention VALUES ('app.t', 'at', '1001 years')", '22023' ],
	[ "INSERT INTO svc.retention VALUES ('app.t', 'id', '1 day')", '42804' ], [ "INSERT INTO svc.retention VALUES ('app.outside', 'at', '1 day')", '42809' ],
	"INSERT INTO svc.adopted_trigger VALUES ('bank.accounts', 'touch', 'public.hidden()')");
sub reference { my (%r) = (reference => 'r', relation => 'app.t', column_name => 'n', service => 'bank', entity => 'accounts', mode => 'default', on_missing => 'reject',
		on_unavailable => 'accept', on_delete => 'report', cache_ttl => '1 min', validated => 't', confirmed => 't', @_);
	return sprintf 'INSERT INTO svc.reference (%s) VALUES (%s)', join(', ', sort keys %r), join(', ', map { "\$x\$$r{$_}\$x\$" } sort keys %r); }
repelled('mallory', 'references of tables that are not his',
	reference(relation => 'bank.accounts'), reference(relation => 'mixed.dba', column_name => 'id'), reference(relation => 99999999), reference(relation => 'svc.service', column_name => 'service'),
	[ reference(column_name => 'x'), '42703' ], [ reference(column_name => 'ctid'), '42703' ], [ reference(mode => 'x'), '23514' ], [ reference(on_delete => 'x'), '23514' ],
	[ reference(reference => 'x' x 60), '23514' ], [ reference(reference => ''), '23514' ]);
repelled('mallory', 'migrations that are not his',
	after_service(
		(map { $rows{$_} =~ s/'app'/'bank'/r } qw(migration_source migration_file migration_content migration_history)),
		(map { $rows{migration_source} =~ s/app\.t/$_/r } 'bank.accounts', 'pg_class', 'svc.service', 'mixed.dba', '99999999'),
		"INSERT INTO svc.migration_content VALUES ('app', '1.sql', 1, E'bank\\nxyz')",
		"INSERT INTO svc.migration_content SELECT 'app', script, part, content FROM svc.migration_content WHERE service = 'bank'",
		$rows{migration_history} =~ s/app\\noh/bank\\noh/r,
		[ "INSERT INTO svc.migration_content VALUES ('app', '1.sql', 1, 'xyz')", '22P02' ],
		[ "INSERT INTO svc.migration_content VALUES ('app', '1.sql', 1, E'app\\n' || repeat('x', 1100000))", '42804' ],
		[ "INSERT INTO svc.migration_content VALUES ('app', '1.sql', 1, (E'app\\n' || repeat('x', 1100000))::svc.private_text)", '54000' ],
		[ $rows{migration_source} =~ s/plain/auto/r, '23514' ], [ $rows{migration_source} =~ s/\{\}/[]/r, '23514' ],
		[ $rows{migration_file} =~ s/versioned/king/r, '23514' ]));
repelled('mallory', 'what no dump of a user has', map { $rows{$_} } qw(pending provisioning connection remote_entity link));
repelled('bank_user', 'the owner of a service gets no further',
	"INSERT INTO svc.member VALUES ('shared', 'bank_user', 'granted', 'owner')", "INSERT INTO svc.consumer VALUES ('shared', NULL, 'bank')",
	"INSERT INTO svc.member VALUES ('bank', 'eve', 'granted', 'owner')", "INSERT INTO svc.store VALUES ('unknown', 'x', 'redis')",
	service(service => 'second', owner => 'bank_owner', writer => 'bank_writer', reader => 'bank_reader', schema => undef));
$node->safe_psql('arena', 'GRANT SET ON PARAMETER session_replication_role TO eve');
repelled('eve', 'triggers cannot be passed by', map { "SET LOCAL session_replication_role = replica \\; $rows{$_}" } sort keys %rows);

# No lock that an INSERT allows stops services from being made
{
	my $session = $node->background_psql('arena', extra_params => [ '-U', 'eve' ]);

	$session->query_safe('BEGIN');
	$session->query_safe("LOCK TABLE svc.$_ IN ROW EXCLUSIVE MODE") foreach lines($node, 'arena', "SELECT relname FROM pg_class WHERE relnamespace = 'svc'::regnamespace AND relkind = 'r' AND has_table_privilege('eve', oid, 'INSERT') ORDER BY 1");
	allowed($node, 'arena', [ "SET LOCAL lock_timeout = '5s' \\; SELECT svc.create_service('quick', schema => 'quick') \\; SELECT svc.drop_service('quick', drop_objects => true)" ],
		'whoever locks what he may stops nobody');
	$session->quit;
}
is(one($node, 'arena', 'SELECT ' . join(" || ", map { "(SELECT coalesce(string_agg(t::text, ' ' ORDER BY t::text), '-') FROM svc.$_ t)" } @all_tables)),
	$before, 'the catalog is as it was');

# Rows planted for a service that a DBA makes later, or renames another to, or that somebody else restores
my @planted = ("INSERT INTO svc.migration_content VALUES ('%s', '1.sql', 1, E'%s\\nxyz')", "INSERT INTO svc.migration_source VALUES ('%s', 'flyway', '{}', 'bank.accounts')",
	"INSERT INTO svc.migration_content VALUES ('%s', '2.sql', 1, E'bank\\nxyz')",
	"INSERT INTO svc.member VALUES ('%s', 'mallory', 'login', 'owner')", "INSERT INTO svc.member VALUES ('%s', 'clerk', 'granted', 'writer')",
	"INSERT INTO svc.consumer VALUES ('%s', NULL, 'app')", "INSERT INTO svc.store VALUES ('%s', 'planted', 'redis')",
	"INSERT INTO svc.assignment VALUES ('bank.accounts', '%s')", "INSERT INTO svc.assignment VALUES ('mal.t', '%s')", entity(service => '%s'),
	entity(service => '%s', entity => 'accounts', view => 'bank_api.accounts', relation => 'bank.accounts'));
my @names = ('news', 'renamed', 'posts', 'app');
foreach my $name (@names)
{
	allowed($node, 'arena', [ map { s/%s/$name/gr } @planted ], "rows for $name are put aside", user => 'mallory', commit => 1);
	$attacks += @planted;
}
rows($node, 'arena', 'SELECT count(*), count(DISTINCT role) FROM svc.pending', @planted * @names . '|1', 'with who brought them');
my $dependents = join ' UNION ALL ', map { "SELECT '$_', t::text FROM svc.$_ t WHERE service = '%s'" } qw(member assignment store entity consumer migration_source migration_content);
rows($node, 'arena', $dependents =~ s/%s/$_/gr, '', "and not in their tables: $_") foreach @names;
$node->safe_psql('arena', "SELECT svc.create_service('news', schema => 'news', login => 'news_user'); SELECT svc.alter_service('shared', new_name => 'renamed')");
rows($node, 'arena', $dependents =~ s/%s/news/gr, 'member|(news,news_user,login,writer)', 'a service that a DBA makes has none of them');
rows($node, 'arena', $dependents =~ s/%s/renamed/gr, '', 'nor one that is renamed');
rows($node, 'arena', 'SELECT DISTINCT service FROM svc.pending ORDER BY 1', "app\nposts", 'they are forgotten');
$node->safe_psql('arena', <<'SQL', extra_params => [ '-U', 'posts_user' ]);
SET ROLE posts_owner;
CREATE SCHEMA posts;
INSERT INTO svc.store VALUES ('posts', 'mine', 'redis');
INSERT INTO svc.service (service, form, schema, owner, writer, reader) VALUES ('posts', 'schema', 'posts', 'posts_owner', 'posts_writer', 'posts_reader');
SQL
rows($node, 'arena', $dependents =~ s/%s/posts/gr, 'store|(posts,mine,redis,,)', 'who restores a service gets his own rows');
rows($node, 'arena', 'SELECT DISTINCT service FROM svc.pending', 'app', 'and the others are forgotten');
rows($node, 'arena', "SELECT r FROM unnest('{news_reader,shared_reader,posts_reader}'::name[]) r WHERE pg_has_role('mallory', r, 'MEMBER')", '', 'and got into none');

# His own service: what is not his stays out, and he gets nothing by it
{
	my ($rc, $out, $err) = $node->psql('arena', $rows{service}, extra_params => [ '-U', 'mallory', '-v', 'VERBOSITY=verbose' ]);
	is($rc, 0, 'a service of roles that a DBA nested by hand gets in');
	is(scalar(() = $err =~ /WARNING:  42501: a row of table \w+ about service "app" was left out/g), 5, 'five of the planted rows do not');
}
rows($node, 'arena', "SELECT string_agg(tab, ' ' ORDER BY tab) FROM (" . ($dependents =~ s/%s/app/gr) . ') d (tab, content)',
	'assignment entity member member migration_content store', 'the others do');
rows($node, 'arena', 'SELECT count(*) FROM svc.pending', '0', 'nothing waits');
rows($node, 'arena', "SELECT confirmed FROM svc.service WHERE service = 'app'", 'f', 'and it is not confirmed');
is(outcome($node, 'arena', service(confirmed => 't', service => 'again'), user => 'mallory'), '42710', 'roles serve one service only');
repelled('mallory', 'with it he reads nothing of others', map { "SELECT * FROM svc.$_" } @all_tables);
repelled('mallory', 'and hands out no roles', "SELECT svc.grant_role('app', 'eve', 'reader')", "SELECT svc.grant_role('app', 'eve', 'writer')",
	"SELECT svc.grant_role('app', 'eve', 'owner')", "SELECT svc.revoke_role('app', 'clerk')", "SELECT svc.alter_service('app', owner => 'mallory')");
allowed($node, 'arena', [ $rows{counter}, $rows{retention}, $rows{adopted_trigger}, "SELECT svc.alter_service('app', team => 'x')" ], 'he keeps what is his', user => 'mallory', commit => 1);
# a reference of a table of another's service does nothing with that one's rights
$node->safe_psql('arena', "SELECT svc.assign('bank', 'app.t')");
allowed($node, 'arena', [ reference(reference => 'lent', validator => 'app.spy(pg_catalog.int4[])'),
	"CREATE TRIGGER lent_insert AFTER INSERT ON app.t REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION svc.check_reference('bank', 'n', 'bank_api.accounts', 'id', 'statement', 'lent', 'app.spy(pg_catalog.int4[])')" ],
	'a reference of a table that a service borrowed', user => 'mallory', commit => 1);
rows($node, 'arena', "SELECT confirmed FROM svc.reference WHERE reference = 'lent'", 'f', 'is not confirmed');
is(outcome($node, 'arena', 'INSERT INTO app.t VALUES (100, 1)', user => 'mallory'), '55000', 'and looks nothing up as the owner of that service');
allowed($node, 'arena', [ 'DROP TRIGGER lent_insert ON app.t' ], 'he may drop its trigger', user => 'mallory', commit => 1);
$node->safe_psql('arena', "SELECT svc.drop_reference('lent'); SELECT svc.release('app.t')");
rows($node, 'arena', 'SELECT as_superuser FROM svc.counter', 'f', 'a counter is not kept with rights of superusers');
rows($node, 'arena', "SELECT setrole::regrole FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = 'arena') AND setrole IN ('mallory'::regrole, 'clerk'::regrole, 'app_owner'::regrole)",
	'', 'nobody got settings');

# A DBA works in that schema, and goes by what the extension says
$node->safe_psql('arena', <<'SQL');
CREATE TABLE app.dba (id int);
CREATE TABLE public.mine (id int); ALTER TABLE public.mine SET SCHEMA app;
SELECT svc.grant_contract('bank', 'posts', 'accounts');
SELECT svc.alter_service('app', description => 'x');
SELECT svc.recount('app.t');
SQL
rows($node, 'arena', "SELECT c.relname, r.rolname FROM pg_class c CROSS JOIN pg_roles r WHERE c.oid IN ('app.dba'::regclass, 'app.mine'::regclass) AND r.rolname ~ '^(app_|mallory|clerk)' AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT')",
	'', "a DBA's tables in his schema stay closed");
$node->safe_psql('arena', 'DROP TABLE app.dba, app.mine');
{
	my ($rc, $out, $err) = $node->psql('arena', <<'SQL', on_error_stop => 0);
SET SESSION AUTHORIZATION mallory;
SET ROLE app_owner;
DROP TRIGGER touch ON app.t;
CREATE TRIGGER touch BEFORE UPDATE ON app.t FOR EACH ROW EXECUTE FUNCTION svc_triggers.update_updated_at_column('at');
CREATE TRIGGER spy BEFORE UPDATE ON app.t FOR EACH ROW EXECUTE FUNCTION svc_triggers.update_updated_at_column('at');
INSERT INTO svc.adopted_trigger VALUES ('app.t', 'spy', 'public.hidden()');
RESET SESSION AUTHORIZATION;
SELECT svc.restore_updated_at();
SQL
	like($err, qr/WARNING:  trigger "spy" of app\.t stays as it is/, 'a trigger is given back only if the owner of its table could make it');
}
rows($node, 'arena', "SELECT tgfoid::regproc FROM pg_trigger WHERE tgrelid = 'app.t'::regclass AND tgname = 'spy'", 'svc_triggers.update_updated_at_column', 'and it did');
$node->safe_psql('arena', "SELECT svc.revoke_contract('bank', 'posts', 'accounts'); SELECT svc.revoke_contract(service, consumer, entity) FROM svc.consumer WHERE service = 'app'; SELECT svc.drop_service('app', drop_objects => true)");
rows($node, 'arena', "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname ~ '^(app_|clerk)'", 'app_owner app_reader app_writer clerk',
	'a DBA who drops it keeps the roles');
rows($node, 'arena', "SELECT pg_has_role('clerk', 'app_writer', 'MEMBER'), pg_has_role('mallory', 'app_owner', 'MEMBER'), pg_has_role('eve', 'app_reader', 'MEMBER')", 't|t|f', 'and who was in them');
rows($node, 'arena', "SELECT DISTINCT service FROM svc.check_grants() WHERE service IN ('bank', 'news', 'renamed') AND role <> 'mallory'", '', 'and the services of others are as they were');

# A row about a service waits for whoever restores the service at the same time
{
	my $first = $node->background_psql('arena', extra_params => [ '-U', 'mallory' ]);
	my $second = $node->background_psql('arena', extra_params => [ '-U', 'mallory' ]);
	my $schema = "SET ROLE app_owner; CREATE SCHEMA app; RESET ROLE";

	$first->query_safe($schema);
	$first->query_safe('BEGIN');
	$first->query_safe($rows{service});
	$second->query_until(qr/start/, "\\echo start\n$rows{store};\n");
	$node->poll_query_until('arena', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'mallory'") or fail('the row waits');
	$first->query_safe('COMMIT');
	$second->query_safe('SELECT 1');
	$second->quit;
	$first->quit;
	rows($node, 'arena', "SELECT service, store FROM svc.store WHERE service = 'app'", 'app|s', 'and finds it');
	rows($node, 'arena', 'SELECT count(*) FROM svc.pending', '0', 'so that nothing waits for ever');
}

note("$attacks rows and statements were attacks");
cmp_ok($attacks, '>=', 200, 'many were tried');
$node->stop;
done_testing();
