# Everything that the extension does is part of its caller's transaction, so
# whatever ends that transaction (a crash, a cancel, a timeout, the end of the
# session) undoes all of it: roles, schemas, rights, triggers and catalog rows
# together.  Tried in the middle of each, and at random moments under load.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;
use Time::HiRes qw(sleep);

my $db = 'postgres';
my $tempdir = PostgreSQL::Test::Utils::tempdir;
my $node = new_server('main', workers => 0, conf => "jit = off\nautovacuum = off\nmax_prepared_transactions = 5\nmax_connections = 30\n");

$node->safe_psql($db, <<'SQL');
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('ledger');
SELECT svc.create_service('people', schema => 'people', login => 'people_user', login_level => 'owner');
SET ROLE people_owner;
CREATE TABLE people.users (id int PRIMARY KEY, posts int NOT NULL DEFAULT 0, other int);
CREATE TABLE people.posts (id int, user_id int);
CREATE TABLE people.uncounted (id int, user_id int);
CREATE TABLE people.old (at timestamptz PRIMARY KEY);
INSERT INTO people.users SELECT i FROM generate_series(1, 100) i;
SELECT svc.keep_count('people.posts', 'user_id', 'people.users', 'id', 'posts');
SELECT svc.keep_rows('people.old', 'at', '1 day');
RESET ROLE;
CREATE TABLE public.a (id int PRIMARY KEY);
CREATE TABLE public.b (id int PRIMARY KEY);
SELECT svc.assign('ledger', 'public.b');
SQL

# Nothing is half there: no row of the catalog without what it speaks of, no
# role, schema, trigger or view without its row, and every counter is a count.
# One line a problem.
my $problems = <<'SQL';
SELECT 'grants', to_jsonb(g)::text FROM svc.check_grants() g
UNION ALL SELECT 'contracts', to_jsonb(c)::text FROM svc.check_contracts() c
UNION ALL SELECT 'status', to_jsonb(s)::text FROM svc.status() s WHERE state = 'error' OR detail LIKE '%belongs to%'
UNION ALL SELECT 'assignment', to_jsonb(a)::text FROM svc.assignment a WHERE NOT EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = a.relation)
UNION ALL SELECT 'retention', to_jsonb(a)::text FROM svc.retention a WHERE NOT EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = a.relation)
UNION ALL SELECT 'entity', to_jsonb(e)::text FROM svc.entity e
 WHERE NOT EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = e.relation) OR NOT EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = e.view)
UNION ALL SELECT 'consumer', to_jsonb(c)::text FROM svc.consumer c
 WHERE entity IS NOT NULL AND NOT EXISTS (SELECT 1 FROM svc.entity e WHERE e.service = c.service AND e.entity = c.entity)
UNION ALL SELECT 'counter', to_jsonb(k)::text FROM svc.counter k
 WHERE (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = k.source AND t.tgfoid = 'svc.count_changes()'::regprocedure) <> 4
    OR NOT EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = k.target)
UNION ALL SELECT 'trigger', t.tgrelid::regclass::text FROM pg_trigger t
 WHERE t.tgfoid = 'svc.count_changes()'::regprocedure AND NOT EXISTS (SELECT 1 FROM svc.counter k WHERE k.source = t.tgrelid)
UNION ALL SELECT 'role', r.rolname FROM pg_roles r
 WHERE r.rolname ~ '_(owner|writer|reader|user)$' AND r.oid >= 16384
   AND NOT EXISTS (SELECT 1 FROM svc.service_role s WHERE s.role = r.oid) AND NOT EXISTS (SELECT 1 FROM svc.member m WHERE m.role = r.oid)
UNION ALL SELECT 'schema', n.nspname FROM pg_namespace n
 WHERE n.oid >= 16384 AND n.nspname NOT IN ('svc', 'svc_triggers') AND n.nspname !~ '^pg_'
   AND NOT EXISTS (SELECT 1 FROM svc.service_schema s WHERE s.schema = n.oid)
UNION ALL SELECT 'right', g.object_id::regclass::text FROM svc.granted_right g
 WHERE g.schema = 'public'::regnamespace AND g.class_id = 'pg_class'::regclass AND svc.owner_of(g.object_id) IS NULL
UNION ALL SELECT 'count', k.source::text || ' ' || x.wrong FROM svc.counter k
 CROSS JOIN LATERAL (
       SELECT (xpath('//n/text()', query_to_xml(format('SELECT count(*) AS n FROM (SELECT t.%I FROM %s t LEFT JOIN %s s ON s.%I = t.%I GROUP BY t.%I, t.%I HAVING t.%I <> count(s.%I)) w',
              k.target_key, k.target, k.source, k.source_key, k.target_key, k.target_key, k.counter, k.counter, k.source_key), false, true, '')))[1]::text AS wrong) x
 WHERE x.wrong <> '0'
 ORDER BY 1, 2
SQL

# What the catalog and the server's own catalogs say, as one number
my $state = <<'SQL';
SELECT md5(string_agg(x, E'\n' ORDER BY x)) FROM (
SELECT 'service ' || s::text FROM svc.service s UNION ALL SELECT 'member ' || m::text FROM svc.member m
UNION ALL SELECT 'assignment ' || a::text FROM svc.assignment a UNION ALL SELECT 'entity ' || e::text FROM svc.entity e
UNION ALL SELECT 'consumer ' || c::text FROM svc.consumer c UNION ALL SELECT 'counter ' || k::text FROM svc.counter k
UNION ALL SELECT 'retention ' || r::text FROM svc.retention r
UNION ALL SELECT 'role ' || rolname FROM pg_roles UNION ALL SELECT 'schema ' || nspname || coalesce(nspacl::text, '') FROM pg_namespace WHERE nspname !~ '^pg_'
UNION ALL SELECT 'class ' || oid || relname || relowner || coalesce(relacl::text, '') FROM pg_class WHERE oid >= 16384 AND relnamespace::regnamespace::text !~ '^pg_'
UNION ALL SELECT 'trigger ' || tgname || tgrelid FROM pg_trigger UNION ALL SELECT 'default ' || d::text FROM pg_default_acl d
UNION ALL SELECT 'setting ' || d::text FROM pg_db_role_setting d
UNION ALL SELECT 'membership ' || roleid || ' ' || member FROM pg_auth_members
UNION ALL SELECT 'users ' || u::text FROM people.users u) y (x)
SQL

sub consistent
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return rows($node, $db, $problems, '', $name);
}

# A session in the background, which says nothing but errors
sub open_session
{
	my (%opt) = @_;
	my $session = $node->background_psql($db, %opt);
	$session->query_safe('SET client_min_messages = error');
	return $session;
}

sub end_session
{
	my ($session) = @_;
	eval { $session->quit; };
	return;
}

consistent('all is well to begin with');
my $sum = one($node, $db, $state);

# Each in the middle of a transaction
my @middle = (
	"SELECT svc.create_service('new', schema => 'new', login => 'new_user', password => 'x', login_level => 'owner')",
	"SELECT svc.assign('ledger', 'public.a')",
	"SELECT svc.release('public.b')",
	"SET ROLE people_owner; SELECT svc.publish('people', 'users', 'people.users'); SELECT svc.grant_contract('people', 'ledger'); RESET ROLE",
	"SELECT svc.keep_count('people.uncounted', 'user_id', 'people.users', 'id', 'other')",
	"INSERT INTO people.posts SELECT i, i % 100 + 1 FROM generate_series(1, 1000) i",
	"SELECT svc.alter_service('ledger', new_name => 'books'); SELECT svc.drop_count('people.users', 'posts')",
	"SELECT svc.drop_service('people', drop_objects => true)");

foreach my $how ('immediate', 'kill', 'terminate')
{
	foreach my $i (0 .. $#middle)
	{
		# a crash costs a second, so the statements share it where their locks allow
		next if $how eq 'immediate' && $i % 2 || $how eq 'kill' && $i % 4;
		my @statements = $how eq 'terminate' ? ($middle[$i]) : ($middle[$i], $i == 4 ? () : $middle[ ($i + 1) % @middle ]);
		my $session = open_session();
		my $pid = $session->query_safe('SELECT pg_backend_pid()');

		$session->query_safe('BEGIN');
		$session->query_safe($_) foreach @statements;
		if ($how eq 'immediate')
		{
			$node->stop('immediate');
			$node->start;
		}
		elsif ($how eq 'kill')
		{
			kill 9, $pid;
			$node->wait_for_log(qr/\(PID $pid\) was terminated by signal 9/);
			$node->stop('immediate', fail_ok => 1);
			$node->start;
		}
		else
		{
			$node->safe_psql($db, "SELECT pg_terminate_backend($pid, 30000)");
		}
		rows($node, $db, $state, $sum, "$how: nothing is left of $statements[0]");
		end_session($session);
	}
	consistent("$how: all is well");
}

# A transaction that was prepared survives the crash, as a whole
$node->safe_psql($db, "BEGIN; $middle[0]; $middle[1]; $middle[4]; PREPARE TRANSACTION 'one'");
$node->stop('immediate');
$node->start;
rows($node, $db, $state, $sum, 'a prepared transaction is not to be seen');
is(outcome($node, $db, "SET lock_timeout = '100ms' \\; SELECT svc.create_service('new', schema => 'new')"), '55P03', 'but others wait for it');
$node->safe_psql($db, "COMMIT PREPARED 'one'");
rows($node, $db, "SELECT svc.owner_of('public.a'), (SELECT count(*) FROM svc.services WHERE service = 'new'), (SELECT count(*) FROM svc.counters)", 'ledger|1|2', 'and then it is there');
consistent('as a whole');
$node->safe_psql($db, "SELECT svc.drop_service('new', drop_objects => true); SELECT svc.release('public.a'); SELECT svc.drop_count('people.users', 'other'); UPDATE people.users SET other = NULL");

# Under load, at moments that nobody chose
sub load
{
	my ($worker, $rounds) = @_;
	my $script = '';

	foreach my $i (1 .. $rounds)
	{
		my $s = "w${worker}_$i";
		$script .= <<"SQL";
SELECT svc.create_service('$s', schema => '$s', login => '${s}_user');
BEGIN;
SET LOCAL ROLE ${s}_owner;
CREATE TABLE $s.t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
CREATE TABLE $s.x (id serial, t int);
INSERT INTO $s.t SELECT i FROM generate_series(1, 10) i;
SELECT svc.keep_count('$s.x', 't', '$s.t', 'id', 'n');
SELECT svc.publish('$s', 't', '$s.t');
COMMIT;
INSERT INTO $s.x (t) SELECT i % 10 + 1 FROM generate_series(1, 100) i;
INSERT INTO people.posts SELECT i, i % 100 + 1 FROM generate_series(1, 100) i;
UPDATE $s.x SET t = t + 1;
CREATE TABLE public.$s (id int);
SELECT svc.assign('ledger', 'public.$s');
SELECT svc.grant_contract('$s', 'people');
BEGIN;
CREATE TABLE $s.made (id int);
ALTER TABLE $s.made OWNER TO ${s}_owner;
COMMIT;
DELETE FROM $s.x WHERE t > 5;
SELECT svc.alter_service('$s', new_name => '${s}_renamed');
DROP TABLE public.$s;
SQL
		$script .= "SELECT svc.revoke_contract('${s}_renamed', 'people'); SELECT svc.drop_service('${s}_renamed', drop_objects => true);\n" if $i % 2;
	}
	return $script;
}

my $offset = -s $node->logfile;
foreach my $round (1 .. 3)
{
	my @workers;
	foreach my $worker (1 .. 3)
	{
		my $file = "$tempdir/load_${round}_$worker.sql";
		append_to_file($file, load("${round}$worker", 50));
		push @workers, IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($db), '-f', $file ],
			'>', \my $out, '2>', \my $err);
	}
	$node->poll_query_until($db, "SELECT count(*) > 0 FROM svc.services WHERE service LIKE 'w$round%'");
	sleep(0.5 + rand(1.2));
	$node->stop('immediate');
	$_->finish foreach @workers;
	$node->start;
	consistent("round $round: after a crash under load all is well");
	cmp_ok(one($node, $db, "SELECT count(*) FROM svc.services WHERE service LIKE 'w$round%'"), '>=', 1, 'and something was done before it');
}
note(one($node, $db, "SELECT count(*) || ' services' FROM svc.services"));
my $log = slurp_file($node->logfile, $offset);
my @told = $log =~ /^(.*(?:PANIC|ERROR:).*)$/mg;
is(scalar @told, 0, 'nobody was told of an error meanwhile');
diag($_) foreach @told;
$node->safe_psql($db, "SELECT svc.revoke_contract(service, consumer) FROM svc.consumers; SELECT svc.drop_service(service, drop_objects => true) FROM svc.services WHERE service LIKE 'w%'");
consistent('all that came of it can be dropped');
rows($node, $db, "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'w%'", '0', 'with its roles');

# Stopped in the middle: another session holds a lock that each statement comes
# to when it has done most of its work
my $tables = 300;
$node->safe_psql($db, "DO \$\$ BEGIN FOR i IN 1..$tables LOOP EXECUTE format('CREATE TABLE public.many_%s (id int)', i); END LOOP; END \$\$");
$node->safe_psql($db, <<'SQL');
INSERT INTO people.posts SELECT i, i % 100 + 1 FROM generate_series(1, 20000) i;
INSERT INTO people.uncounted SELECT * FROM people.posts;
INSERT INTO people.old SELECT '2001-01-01'::timestamptz + i * interval '1 s' FROM generate_series(1, 20000) i;
CREATE FUNCTION people.wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_advisory_xact_lock(1); RETURN OLD; END';
ALTER FUNCTION people.wait() OWNER TO people_owner;
CREATE TRIGGER wait BEFORE DELETE ON people.old FOR EACH ROW
    WHEN (old.at = '2001-01-01 05:00:00') EXECUTE FUNCTION people.wait();
SET session_replication_role = replica;
UPDATE people.users SET posts = 7;
SQL
my $row = 'SELECT id FROM people.users WHERE id = 100 FOR UPDATE';
my %long = (
	'svc.assign' => [ "SELECT svc.assign('ledger', VARIADIC (SELECT array_agg(oid::regclass ORDER BY oid) FROM pg_class WHERE relname LIKE 'many%'))",
		"SELECT svc.assign('ledger', 'public.many_$tables')" ],
	'svc.recount' => [ "SELECT svc.recount('people.users')", $row ],
	'svc.keep_count' => [ "SELECT svc.keep_count('people.uncounted', 'user_id', 'people.users', 'id', 'other')", $row ],
	'INSERT' => [ 'INSERT INTO people.posts SELECT i, i FROM generate_series(1, 100) i', $row ],
	'svc.expire_now' => [ "SELECT svc.expire_now('people.old')", 'SELECT pg_advisory_xact_lock(1)' ],
	'svc.create_service' => [ "SELECT svc.create_service('new', schema => 'new')", 'LOCK TABLE svc.service IN SHARE MODE' ],
	'svc.drop_service' => [ "SELECT svc.drop_service('people', drop_objects => true)", 'LOCK TABLE people.uncounted IN ROW EXCLUSIVE MODE' ]);
$sum = one($node, $db, $state);

foreach my $name (sort keys %long)
{
	my ($statement, $lock) = @{ $long{$name} };
	is(outcome($node, $db, $statement), '00000', "$name by itself would succeed");

	my $blocker = open_session();
	$blocker->query_safe('BEGIN');
	$blocker->query_safe($lock);
	is(outcome($node, $db, $statement, before => 'SET statement_timeout = 500;'), '57014', "$name is stopped by a timeout");
	rows($node, $db, $state, $sum, 'and leaves nothing');
	# a table whose rows cannot be deleted is only a warning of svc.expire_now
	is(outcome($node, $db, $statement, before => 'SET lock_timeout = 100;'), $name eq 'svc.expire_now' ? '00000' : '55P03',
		"$name gives up waiting");
	rows($node, $db, $state, $sum, 'and leaves nothing');

	foreach my $function ('pg_cancel_backend', 'pg_terminate_backend')
	{
		my $session = open_session(on_error_stop => 0);
		my $pid = $session->query_safe('SELECT pg_backend_pid()');

		$session->query_until(qr/begun/, "\\echo begun\n$statement;\n");
		ok($node->poll_query_until($db, "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid"), "$name waits");
		$node->safe_psql($db, "SELECT $function($pid)");
		ok($node->poll_query_until($db, "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid AND state <> 'idle'"),
			"and is stopped by $function");
		rows($node, $db, $state, $sum, 'and leaves nothing');
		like($session->query('\echo last :LAST_ERROR_SQLSTATE'), qr/last 57014/, 'with the SQLSTATE of a cancel')
		  if $function =~ /cancel/;
		end_session($session);
	}
	end_session($blocker);
}
$node->safe_psql($db, 'DROP TRIGGER wait ON people.old');
is(one($node, $db, "SELECT svc.recount('people.users')"), '100', 'what was wrong can still be mended');
rows($node, $db, "SELECT deleted FROM svc.expire_now('people.old')", '20000', 'and what is old deleted');
consistent('all is well after all');

# Two at once: one makes the service, the other is told; if the first gives up,
# the second makes it
foreach my $end ('COMMIT', 'ROLLBACK')
{
	foreach my $again ('false', 'true')
	{
		my $create = "SELECT svc.create_service('twice', schema => 'twice', if_not_exists => $again)";
		my ($first, $second) = map { open_session(on_error_stop => 0) } 1 .. 2;
		my $pid = $second->query_safe('SELECT pg_backend_pid()');
		my $expected = $end eq 'ROLLBACK' ? 'twice created 00000' : $again eq 'true' ? 'twice unchanged 00000' : 'twice  42710';

		$first->query_safe("BEGIN; $create");
		$second->query_until(qr/begun/, "\\echo begun\n\\set result ''\n$create AS result \\gset\n\\echo twice :result :SQLSTATE\n");
		$node->poll_query_until($db, "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid");
		$first->query_safe($end);
		like($second->query_until(qr/twice \w* ?\w{5}/, ''), qr/\Q$expected\E/, "first $end, second with if_not_exists => $again: $expected");
		end_session($_) foreach $first, $second;
		rows($node, $db, "SELECT count(*) FROM svc.services WHERE service = 'twice'", '1', 'there is one');
		$node->safe_psql($db, "SELECT svc.drop_service('twice', drop_objects => true)");
	}
}
my %outcomes;
foreach my $round (1 .. 5)
{
	my @sessions = map {
		my ($in, $o) = ("SELECT svc.create_service('twice', schema => 'twice');\n\\echo :SQLSTATE\n", '');
		IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($db) ], '<', \$in, '>', \my $out, '2>', \my $err);
	} 1 .. 4;
	$_->finish foreach @sessions;
	$outcomes{ one($node, $db, "SELECT count(*) FROM svc.services WHERE service = 'twice'") }++;
	consistent("four at once, round $round: all is well");
	$node->safe_psql($db, "SELECT svc.drop_service('twice', drop_objects => true)");
}
is(join(' ', %outcomes), '1 5', 'there was one each time');
my $errors = slurp_file($node->logfile);
my $duplicates = () = $errors =~ / 42710 client backend .*ERROR:  service "twice" already exists/g;
is($duplicates, 5 * 3 + 1, 'and everybody else was told that the service exists');
unlike($errors, qr/ 23505 | 40P01 | XX\d{3} |PANIC|TRAP/, 'never by an error of the tables, a deadlock or an internal error');

$node->stop;
done_testing();
