# Where nothing can be written, or not rightly: a standby answers what can be
# read and refuses the rest under the name that was called, its sessions follow
# what changes on the primary, and it takes over when promoted.  A single-user
# server runs no event triggers, so there changes are refused too.  Which
# functions there are is asked of the catalog, so a new one is tried as well.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $db = 'postgres';
my $primary = new_server('primary', init => { allows_streaming => 1 },
	# compiling the queries of the views would take most of the test's time
	conf => "jit = off\n");
$primary->safe_psql($db, <<'SQL');
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('people', schema => 'people', login => 'people_user', login_level => 'owner');
SELECT svc.create_service('ledger');
SET ROLE people_owner;
CREATE TABLE people.users (id int PRIMARY KEY, posts int NOT NULL DEFAULT 0, updated_at timestamptz DEFAULT '2001-01-01');
CREATE TABLE people.posts (id int PRIMARY KEY, user_id int);
SELECT svc.keep_count('people.posts', 'user_id', 'people.users', 'id', 'posts');
SELECT svc.keep_updated_at('people.users');
SELECT svc.keep_rows('people.users', 'updated_at', '1 day') FROM (SELECT 1) x WHERE false;
SELECT svc.publish('people', 'users', 'people.users');
SELECT svc.grant_contract('people', 'ledger');
SELECT svc.add_store('people', 'sessions', 'redis');
SELECT svc.load_migrations('people', files => '{"1_a.sql": "SELECT 1"}');
INSERT INTO people.users (id) VALUES (1), (2);
RESET ROLE;
CREATE TABLE public.accounts (id int PRIMARY KEY);
CREATE TABLE public.spare (id int PRIMARY KEY);
SELECT svc.assign('ledger', 'public.accounts');
SQL
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# Every function but those of triggers and types, with a call of it: NULL for each argument.  What
# cannot be written is refused before arguments are looked at.
my %reads = map { $_ => 1 } qw(check_connections check_contracts check_grants connection_info current_service
  export_contract how_owned journal_backlog journal_entries migrations owner_of owners_of_query plan_migrations prevalidate read_migration status tombstones validate_migrations version worker_states);
my @calls = lines($primary, $db, <<'SQL');
SELECT p.proname || ' ' || format('%s svc.%I(%s)', CASE p.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END, p.proname,
           (SELECT string_agg(format('%sNULL::%s', CASE WHEN a.n = p.pronargs AND p.provariadic <> 0 THEN 'VARIADIC ' END,
                                     format_type(a.type, NULL)), ', ' ORDER BY a.n)
              FROM unnest(p.proargtypes) WITH ORDINALITY a (type, n)))
  FROM pg_proc p
 WHERE p.pronamespace IN ('svc'::regnamespace, 'svc_triggers'::regnamespace)
   AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
   AND p.oid NOT IN (SELECT unnest(ARRAY[t.typinput, t.typoutput]) FROM pg_type t)
 ORDER BY p.oid
SQL
my (@writing, @reading);
foreach my $call (@calls)
{
	my ($name, $statement) = split / /, $call, 2;
	push @{ $reads{$name} ? \@reading : \@writing }, $statement;
}
note(@writing . ' functions and procedures write, ' . @reading . ' only read');
cmp_ok(scalar @writing, '>=', 22, 'the writing functions were found');
is(scalar @reading, scalar keys %reads, 'so were those that read');

my @read_calls = (
	"SELECT svc.owner_of('people.users')", "SELECT svc.how_owned('public.accounts')",
	"SELECT svc.owners_of_query('SELECT * FROM people.users, public.spare')", "SELECT * FROM svc.check_grants()",
	"SELECT * FROM svc.check_contracts()", "SELECT service, server, ok FROM svc.check_connections()",
	"SELECT service, database, login, level FROM svc.connection_info('people')", "SELECT svc.export_contract('people')", "SELECT sql FROM svc.version()",
	"SELECT version, state FROM svc.migrations('people')", "SELECT * FROM svc.validate_migrations('people')",
	"SELECT number, statement FROM svc.plan_migrations('people')", "SELECT * FROM svc.journal_entries()",
	"SELECT * FROM svc.journal_backlog()",
	"SELECT * FROM svc.tombstones()", "SELECT * FROM svc.prevalidate('no_such', ARRAY[1])",
	"SELECT number, statement FROM svc.read_migration('1_a.sql', 'SELECT 1; SELECT 2')",
	"SELECT item, state FROM svc.status() WHERE item <> 'server'",
	"SELECT kind, state FROM svc.worker_states() WHERE kind NOT IN ('launcher', 'worker', 'checker')", "SET ROLE people_owner \\; SELECT svc.current_service()");
my %tried = map { /svc\.(\w+)\(/ ? ($1 => 1) : () } @read_calls;
is(join(' ', sort keys %tried), join(' ', sort keys %reads), 'each of those is called below');

my @views = lines($primary, $db, "SELECT oid::regclass FROM pg_class WHERE relnamespace = 'svc'::regnamespace AND relkind IN ('v', 'r') AND relname <> 'workers' ORDER BY 1");
note(scalar @views . ' tables and views');

# A standby answers as the primary does
$primary->wait_for_catchup($standby);
foreach my $query (@read_calls, map { "SELECT * FROM $_" } @views)
{
	my @answers;

	# a worker on the primary may write between the two answers
	for (1 .. 20)
	{
		@answers = map {
			my ($rc, $out, $err) = $_->psql($db, $query =~ s/\\;/;/r);
			$rc ? $err : join("\n", sort split /\n/, $out)
		} $primary, $standby;
		last if $answers[1] eq $answers[0];
		$primary->wait_for_catchup($standby);
	}
	is($answers[1], $answers[0], "standby: $query");
}
rows($standby, $db, "SELECT state FROM svc.status() WHERE item = 'server'", 'warning', 'svc.status() says that it is a standby');

rows($standby, $db, 'SELECT count(*) FROM svc.workers', '0', 'there is no launcher on it');

# Nor is a checker asked for: it would wait for the end of the recovery, and take a process that queries want
$primary->safe_psql($db, <<'SQL');
CREATE EXTENSION postgres_fdw;
CREATE FOREIGN DATA WRAPPER other_wrapper HANDLER postgres_fdw_handler;
CREATE SERVER other_server FOREIGN DATA WRAPPER other_wrapper;
CREATE SCHEMA other_import;
CREATE FOREIGN TABLE other_import.things (id int) SERVER other_server;
SELECT svc.connect('other', server => 'other_server', consumer => 'people');
SET ROLE people_owner;
CREATE TABLE people.uses (thing_id int);
SELECT svc.create_reference('people.uses', 'thing_id', 'other', 'things', name => 'thing');
SQL
$standby->append_conf('postgresql.conf', 'log_min_messages = debug1');
$standby->reload;
$primary->wait_for_catchup($standby);
rows($standby, $db, "SELECT state FROM svc.prevalidate('thing', ARRAY[1])", 'unknown', 'nobody is asked from a standby');
unlike(slurp_file($standby->logfile), qr/registering background worker "svc_ownership checker"/, 'nor a process for it');
$standby->append_conf('postgresql.conf', 'log_min_messages = warning');
$standby->reload;
$primary->safe_psql($db, <<'SQL');
SELECT svc.drop_reference('thing');
SELECT svc.disconnect('other', 'people');
DROP TABLE people.uses;
DROP SCHEMA other_import CASCADE;
DROP FOREIGN DATA WRAPPER other_wrapper CASCADE;
DROP EXTENSION postgres_fdw;
SQL
$primary->wait_for_catchup($standby);

# and refuses to change, as does a transaction that is read only
refused($standby, $db, [ map { [ $_, '25006' ] } @writing ], 'a standby refuses every function that writes');
refused($standby, $db, [ map { [ $_, '25006' ] } grep { !/create_service|repair_settings|journal_append/ } @writing ],
	'also to the owner of a service', user => 'people_user');
refused($primary, $db, [ map { [ "SET TRANSACTION READ ONLY \\; $_", '25006' ] } @writing ],
	'a read-only transaction refuses every function that writes');
foreach my $statement (@writing)
{
	my ($name) = $statement =~ /(svc\.\w+)\(/;
	my ($rc, $out, $err) = $standby->psql($db, $statement);
	like($err, qr/cannot execute \Q$name\E\(\) during recovery/, "$name is refused by its name");
}

# A session on the standby that remembers who owns what follows the primary
my $session = $standby->background_psql($db);
my $before = $session->query_safe('SELECT pg_backend_pid()');
my $map = "SELECT svc.owner_of('public.accounts') || ' ' || coalesce(svc.owner_of('public.spare'), '-')";

sub follows
{
	my ($statement, $query, $expected, $name) = @_;
	$primary->safe_psql($db, $statement);
	$primary->wait_for_catchup($standby);
	is($session->query_safe($query), $expected, "standby's session: $name");
	return;
}
is($session->query_safe($map), 'ledger -', "a session of the standby knows its map");
follows("SELECT svc.alter_service('ledger', new_name => 'books')", $map, 'books -', 'a renamed service');
follows("SELECT svc.assign('books', 'public.spare')", $map, 'books books', 'an assignment');
follows("SELECT svc.release('public.spare')", $map, 'books -', 'a release');
follows("SELECT svc.create_service('third', schema => 'third'); ALTER TABLE public.spare SET SCHEMA third",
	"SELECT svc.owner_of('third.spare')", 'third', 'a table that moved');
follows("ALTER SCHEMA third RENAME TO fourth", "SELECT svc.owner_of('fourth.spare')", 'third', 'a renamed schema');
follows("SELECT svc.release('public.accounts')", "SELECT svc.owner_of('public.accounts') IS NULL", 't', 'a release of the last one');
follows("BEGIN; SELECT svc.assign('books', 'public.accounts'); ROLLBACK", "SELECT svc.owner_of('public.accounts') IS NULL", 't',
	'nothing of what was rolled back');
follows("SELECT svc.drop_service('third')", "SELECT svc.owner_of('fourth.spare') IS NULL", 't', 'a dropped service');
follows("ALTER SCHEMA people RENAME TO folk", "SELECT string_agg(relation::text, ' ' ORDER BY relation::text) FROM svc.tables WHERE service = 'people'",
	'folk.posts folk.users', 'the view of tables');

# Promoted it writes, in that same session too
$standby->promote;
ok($standby->poll_query_until($db, "SELECT count(*) = 1 FROM svc.workers WHERE kind = 'launcher'"), 'promoted it has one');
$primary->stop('immediate');
is($session->query_safe("SELECT svc.create_service('fifth', schema => 'fifth', login => 'fifth_user')"), 'created', 'a promoted standby makes services');
is($session->query_safe('SELECT pg_backend_pid()'), $before, 'in a session from before');
$session->query_safe("SELECT svc.assign('books', 'public.accounts')");
is($session->query_safe("SELECT svc.owner_of('public.accounts')"), 'books', 'assigns tables');
$session->query_safe('INSERT INTO folk.posts VALUES (1, 1), (2, 1), (3, 2)');
is($session->query_safe("SELECT string_agg(id || ':' || posts || ':' || (updated_at > '2020-01-01'), ' ' ORDER BY id) FROM folk.users"),
	'1:2:true 2:1:true', 'counters and timestamps are kept');
$session->quit;
allowed($standby, $db, ["SELECT svc.add_store('people', 'x', 'redis')"], "an owner works there", user => 'people_user');
rows($standby, $db, 'SELECT service FROM svc.check_grants() UNION ALL SELECT service FROM svc.check_contracts()', '', 'and all is well');
rows($standby, $db, "SELECT count(*) FROM svc.status() WHERE state <> 'ok'", '0', 'by svc.status() too');

# Single-user mode: one statement a line, errors with their SQLSTATE on stderr
sub single_user
{
	my (@statements) = @_;
	my $input = join('', map { s/\s+/ /gr . "\n" } @statements);
	my ($out, $err);

	ok(IPC::Run::run([ 'postgres', '--single', '-D', $standby->data_dir, $db ], '<', \$input, '>', \$out, '2>', \$err),
		'the single-user server ran to its end');
	return ($out, $err);
}

my $catalog = "SELECT md5(string_agg(x, E'\\n' ORDER BY x)) FROM ("
  . join(' UNION ALL ', map { "SELECT '$_' || t::text FROM $_ t" } lines($standby, $db,
	"SELECT oid::regclass FROM pg_class WHERE relnamespace = 'svc'::regnamespace AND relkind = 'r' ORDER BY 1")) . ') y (x)';
my $sum = one($standby, $db, $catalog);
$standby->stop;
my ($out, $err) = single_user(@writing);
my $refused = () = $err =~ / 55000 .*ERROR:  svc\.\w+\(\) cannot run in single-user mode/g;
is($refused, scalar @writing, 'single-user mode: every function that writes is refused with 55000');
foreach my $statement (@writing)
{
	my ($name) = $statement =~ /(svc\.\w+)\(/;
	like($err, qr/ERROR:  \Q$name\E\(\) cannot run in single-user mode/, "$name is refused by its name");
}
$standby->start;
rows($standby, $db, $catalog, $sum, 'the catalog is as it was');
$standby->stop;

($out, $err) = single_user(
	(map { s/.*\\; //r =~ s/people\./folk./gr =~ s/public\.spare/fourth.spare/gr } grep { !/current_service|prevalidate/ } @read_calls),
	(map { "SELECT count(*) AS n FROM $_" } @views),
	"INSERT INTO folk.posts VALUES (4, 2)",
	"DELETE FROM folk.posts WHERE id = 1",
	"UPDATE folk.users SET updated_at = '2001-01-01' WHERE id = 1",
	"DROP TABLE public.accounts",
	"ALTER TABLE fourth.spare RENAME TO renamed",
	"ALTER SCHEMA folk RENAME TO people",
	"CREATE TABLE fifth.made (id int)");
unlike($err, qr/ERROR|FATAL|PANIC/, 'single-user mode: everything else works');
diag($err) if $err =~ /ERROR/;
$standby->start;
rows($standby, $db, "SELECT string_agg(id || ':' || posts || ':' || (updated_at > '2020-01-01'), ' ' ORDER BY id) FROM people.users",
	'1:1:true 2:2:true', 'counters and timestamps were kept there');
rows($standby, $db, "SELECT count(*) FROM svc.tables WHERE service = 'books'", '0', 'what was dropped there does not show');
rows($standby, $db, "SELECT detail FROM svc.status() WHERE state = 'error' AND item = 'service people' AND detail ~ 'schema'", 'its schema folk does not exist',
	'svc.status() says what nobody followed');
rows($standby, $db, "SELECT count(*) FROM svc.check_grants() WHERE object = 'fifth.made'", '7', 'and svc.check_grants() what nobody granted');
$standby->safe_psql($db, 'ALTER SCHEMA people RENAME TO folk');
$standby->safe_psql($db, join(';', lines($standby, $db, 'SELECT DISTINCT fix FROM svc.check_grants()')));
rows($standby, $db, "SELECT item, detail FROM svc.status() WHERE state <> 'ok' AND detail <> 'fifth.made belongs to role ' || current_user", '', 'and all of that can be mended');
$standby->safe_psql($db, "SELECT svc.assign('books', 'fourth.renamed'); SELECT svc.drop_service('books')");
rows($standby, $db, "SELECT count(*) FROM svc.assignment a WHERE NOT EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = a.relation)", '0', 'nothing dead is left');

$standby->stop;
done_testing();
