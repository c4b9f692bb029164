# Workers come when there is work: who rings, who is heard, who may send them away,
# and what becomes of work when they, sessions and servers are killed.
#
# The work is rows that expire.  SVC_ROUNDS: how many rounds a worker does in which
# its memory is not to grow (make soak: 5000).

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest qw(:DEFAULT becomes worker_in new_database expiring kill_process wait_for_server);
use Test::More;
use Time::HiRes qw(sleep time);

my $rounds = $ENV{SVC_ROUNDS} // 1000;
my $node = new_server('main', conf => <<'CONF');
fsync = off
autovacuum = off
restart_after_crash = on
max_worker_processes = 20
svc_ownership.max_workers = 4
svc_ownership.worker_interval = '200ms'
svc_ownership.worker_idle_timeout = '300ms'
CONF

# The worker that is deleting rows of a database, each of which takes its time.  One
# that only looks is gone before anybody could do something to it.
sub deleting
{
	my ($dbname) = @_;
	my $query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'svc_ownership worker' AND datname = '$dbname' AND wait_event = 'PgSleep'";
	my $until = time + 60;

	while (time < $until)
	{
		my $pid = one($node, 'postgres', $query);
		return $pid if $pid ne '';
		sleep 0.05;
	}
	BAIL_OUT("no worker deletes rows of $dbname");
}

# ---- a worker comes and goes ----

new_database($node, 'simple');
$node->safe_psql('simple', expiring(2500, 0));
becomes($node, 'simple', 'SELECT count(*) FROM sessions', '0', 'rows go by themselves when they are declared');
becomes($node, 'simple', worker_in('simple'), '0', 'the worker is gone when there is nothing to do');
$node->safe_psql('simple', "INSERT INTO sessions VALUES (1, now())");
becomes($node, 'simple', 'SELECT count(*) FROM sessions', '0', 'and when time has come');
like(one($node, 'simple', "SELECT kind || ' ' || state FROM svc.workers WHERE kind = 'launcher'"), qr/^launcher waiting$/,
	'svc.workers shows the launcher');

# Templates are copied, which nobody is to be in the way of; and who is let in nowhere stays out
new_database($node, 'closed', expiring(10, 100));
$node->safe_psql('postgres', 'ALTER DATABASE closed ALLOW_CONNECTIONS false');
$node->safe_psql('template1', "CREATE EXTENSION svc_ownership; " . expiring(10, 0));
sleep 1.5;
is(one($node, 'template1', 'SELECT count(*) FROM sessions'), '10', 'no worker in template1');
becomes($node, 'postgres', worker_in('closed'), '0', 'nor where nobody is let in');
$node->safe_psql('template1', 'DROP EXTENSION svc_ownership CASCADE; DROP TABLE sessions; DROP FUNCTION slow');
$node->safe_psql('postgres', 'DROP DATABASE closed');
is(one($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'svc_ownership worker' AND datname IN ('template1', 'template0')"),
	'0', 'no worker in a template');

# ---- who is sent away, and for how long ----

new_database($node, 'stuck', expiring(1000, 50));

# Who may not run the command sends nobody away
$node->safe_psql('postgres', 'CREATE ROLE stranger LOGIN CREATEDB');
my $pid = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'svc_ownership worker' AND datname = 'stuck'";
my $before = deleting('stuck');
refused($node, 'postgres', [ map { "!$_" } 'DROP DATABASE stuck', 'ALTER DATABASE stuck RENAME TO other',
		'ALTER DATABASE stuck SET TABLESPACE space', 'CREATE DATABASE other TEMPLATE stuck' ], 'a stranger is refused', user => 'stranger');
is(one($node, 'postgres', $pid), $before, 'and the worker stays where it is');
refused($node, 'simple', [ 'DROP EXTENSION svc_ownership', 'ALTER EXTENSION svc_ownership UPDATE' ], 'nor the extension', user => 'stranger');

# A worker is kept out until the transaction has ended, and not longer
my $session = $node->background_psql('stuck');
$session->query_safe('BEGIN; DROP EXTENSION svc_ownership CASCADE');
sleep 1;
is(one($node, 'postgres', worker_in('stuck')), '0', 'nobody comes while the extension is being dropped');
$session->query_safe('ROLLBACK');
becomes($node, 'postgres', worker_in('stuck'), '1', 'a worker comes back after ROLLBACK');
$session->query_safe('BEGIN; DROP EXTENSION svc_ownership CASCADE');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'stuck' AND state = 'idle in transaction'");
becomes($node, 'postgres', worker_in('stuck'), '1', 'and when the session is killed');
eval { $session->quit };

# A command that fails, since others are connected
$session = $node->background_psql('stuck');
my ($rc, $out, $err) = $node->psql('postgres', "SET statement_timeout = '700ms'; ALTER DATABASE stuck RENAME TO other");
like($err, qr/statement timeout/, 'a command that others hold up is cancelled');
becomes($node, 'postgres', worker_in('stuck'), '1', 'then a worker comes back');
($rc, $out, $err) = $node->psql('postgres', 'ALTER DATABASE stuck RENAME TO other');
like($err, qr/is being accessed by other users/, 'it fails');
like($err, qr/There is 1 other session using the database/, 'and counts sessions of people only');
becomes($node, 'postgres', worker_in('stuck'), '1', 'then a worker comes back, too');
$session->quit;
$node->safe_psql('postgres', 'DROP DATABASE stuck');

# ---- who rings ----

# Only a ring is heard from here on, after the look that workers have at the start
$node->stop;
$node->append_conf('postgresql.conf', "svc_ownership.max_workers = 0\nsvc_ownership.worker_interval = '1h'\nmax_prepared_transactions = 5");
$node->start;
$node->safe_psql('simple', 'INSERT INTO sessions VALUES (1, now())');
$node->append_conf('postgresql.conf', 'svc_ownership.max_workers = 4');
$node->restart;
becomes($node, 'simple', 'SELECT count(*) FROM sessions', '0', 'a worker has looked once after the start');
becomes($node, 'simple', worker_in('simple'), '0', 'and is gone');
my $declare = "SELECT svc.drop_retention('sessions'); SELECT svc.keep_rows('sessions', 'expires_at', '0')";
$node->safe_psql('simple', "INSERT INTO sessions VALUES (1, now()); BEGIN; $declare; ROLLBACK");
sleep 1;
is(one($node, 'simple', 'SELECT count(*) FROM sessions'), '1', 'what was rolled back rings for nobody');
$node->safe_psql('simple', "BEGIN; SAVEPOINT a; $declare; RELEASE a; COMMIT");
becomes($node, 'simple', 'SELECT count(*) FROM sessions', '0', 'a savepoint that stays rings');
becomes($node, 'simple', worker_in('simple'), '0', 'the worker goes');
$node->safe_psql('simple', "INSERT INTO sessions VALUES (1, now()); BEGIN; $declare; PREPARE TRANSACTION 'declared'");
sleep 1;
is(one($node, 'simple', 'SELECT count(*) FROM sessions'), '1', 'a prepared transaction rings for nobody');
$node->safe_psql('simple', "COMMIT PREPARED 'declared'");
becomes($node, 'simple', 'SELECT count(*) FROM sessions', '0', 'COMMIT PREPARED rings');

# ---- failures ----

becomes($node, 'simple', worker_in('simple'), '0', 'the worker goes');
$node->append_conf('postgresql.conf', "svc_ownership.worker_interval = '300ms'");
$node->reload;
my $log = -s $node->logfile;
$node->safe_psql('simple', <<'SQL');
CREATE TABLE users (id int PRIMARY KEY, until date);
CREATE INDEX ON users (until);
CREATE TABLE posts (author int REFERENCES users);
INSERT INTO users VALUES (1, '2001-01-01');
INSERT INTO posts VALUES (1);
SELECT svc.keep_rows('users', 'until', '0');
SQL
my $message = 'retention: expired rows of public.users were not deleted: update or delete on table "users" violates foreign key constraint "posts_author_fkey" on table "posts"';
my $error = "SELECT last_error FROM svc.workers WHERE database = 'simple'";
becomes($node, 'simple', $error, $message, 'svc.workers shows what failed');
$node->safe_psql('simple', "INSERT INTO sessions VALUES (1, now())");
becomes($node, 'simple', 'SELECT count(*) FROM sessions', '0', 'other tables are cleaned');
sleep 2;
my @said = slurp_file($node->logfile, $log) =~ /(LOG:  retention in database "simple".*)/g;
is(scalar @said, 1, 'the log says it once');
is(one($node, 'simple', "SET ROLE stranger; $error"), '', 'not everybody sees errors');
is(one($node, 'simple', "SET ROLE stranger; SELECT count(*) > 0 FROM svc.workers WHERE kind = 'launcher'"), 't', 'but who is there');
$node->safe_psql('simple', 'DELETE FROM posts');
becomes($node, 'simple', 'SELECT count(*) FROM users', '0', 'it is tried again');
becomes($node, 'simple', "SELECT count(*) FROM svc.workers WHERE last_error IS NOT NULL", '0', 'and forgotten when it went well');

# Killed in all ways: the work is done in the end
$node->safe_psql('simple', "DROP TABLE sessions;\nDROP FUNCTION slow;\n" . expiring(300, 20));
$node->safe_psql('simple', "SELECT pg_terminate_backend(" . deleting('simple') . ')');
becomes($node, 'simple', 'SELECT count(*) FROM sessions', '0', 'a worker that is terminated: another one comes');
$node->safe_psql('simple', "SELECT pg_terminate_backend(pid) FROM svc.workers WHERE kind = 'launcher'");
$node->safe_psql('simple', 'INSERT INTO sessions VALUES (1, now())');
becomes($node, 'simple', 'SELECT count(*) FROM sessions', '0', 'the launcher is terminated: it comes again');
$node->safe_psql('simple', "INSERT INTO sessions SELECT g, now() FROM generate_series(1, 300) g");
kill_process(deleting('simple'));
wait_for_server($node);
becomes($node, 'simple', 'SELECT count(*) FROM sessions', '0', 'a worker that is killed, and the server with it');
$node->safe_psql('simple', "INSERT INTO sessions SELECT g, now() FROM generate_series(1, 100) g");
deleting('simple');
$node->stop('immediate');
$node->start;
becomes($node, 'simple', 'SELECT count(*) FROM sessions', '0', 'a server that crashes');

# Asked for while a worker is at work: waits, and all is done then
$node->safe_psql('simple', "INSERT INTO sessions SELECT g, now() FROM generate_series(1, 100) g");
deleting('simple');
$node->safe_psql('simple', 'CALL svc.run_pending()');
is(one($node, 'simple', 'SELECT count(*) FROM sessions'), '0', 'svc.run_pending waits for the worker');

# ---- memory ----

# Round after round, the worker does not grow
$node->append_conf('postgresql.conf', "svc_ownership.worker_idle_timeout = '60s'");
$node->reload;
sub rounds
{
	my ($n) = @_;
	my $keep = "SELECT svc.keep_rows('sessions', 'expires_at', '0');\n";

	$node->safe_psql('simple', $keep x $n . "INSERT INTO sessions VALUES (1, now());\n$keep");
	becomes($node, 'simple', 'SELECT count(*) FROM sessions', '0', "a worker has come, after $n rings");
	my $worker = one($node, 'simple', "SELECT pid FROM svc.workers WHERE kind = 'worker' AND database = 'simple'");
	my ($size) = slurp_file("/proc/$worker/status") =~ /^RssAnon:\s+(\d+)/m;
	return ($worker, $size);
}
my ($first, $small) = rounds(200);
my ($second, $large) = rounds($rounds);
is($second, $first, "the same worker after $rounds rings");
note("memory of its own: $small kB after 200 rings, $large kB after $rounds more");
SKIP:
{
	skip('a sanitizer takes memory of its own', 1) if ($ENV{LD_PRELOAD} // '') =~ /asan/;
	cmp_ok($large - $small, '<', 1024, 'it has not grown');
}

# ---- a pooler ----

SKIP:
{
	my ($program) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin';
	skip 'PgBouncer is not installed', 1 unless $program;
	my $home = PostgreSQL::Test::Utils::tempdir_short();
	my $user = one($node, 'postgres', 'SELECT current_user');
	local $ENV{PGPASSWORD} = 'of the pooler';
	$node->safe_psql('postgres', qq{ALTER ROLE "$user" PASSWORD '$ENV{PGPASSWORD}'});
	append_to_file("$home/users", one($node, 'postgres', q{SELECT format('"%s" "%s"', rolname, rolpassword) FROM pg_authid WHERE rolname = current_user}) . "\n");
	my $pooler = start_pooler($program, $node, $home, 1, "auth_file = $home/users");
	my ($o, $e) = ('', '');

	$node->safe_psql('simple', 'INSERT INTO sessions VALUES (1, now())');
	IPC::Run::run([ 'psql', '-X', '-h', $home, '-p', '6432', '-d', "dbname=simple user=$user", '-c', "SELECT svc.keep_rows('sessions', 'expires_at', '0')",
			'-c', 'CALL svc.run_pending()' ], '<', \'', '>', \$o, '2>', \$e);
	is($e, '', 'through a pooler it is rung and asked for');
	becomes($node, 'simple', 'SELECT count(*) FROM sessions', '0', 'and done');
	stop_pooler($pooler);
}

$node->stop;
done_testing();
