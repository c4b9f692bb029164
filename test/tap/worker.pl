# Workers come when there is work and are in nobody's way.  Commands that want a
# database for themselves are not held up, workers, sessions and servers that are
# killed lose nothing, and many databases share a few workers fairly.
#
# The work is rows that expire.  SVC_LOOPS says how often each command meets a
# worker, SVC_DATABASES how many databases there are (make soak: 200 and 100).

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $loops = $ENV{SVC_LOOPS} // 2;
my $databases = $ENV{SVC_DATABASES} // 8;
my $node = new_server('main', conf => <<'CONF');
fsync = off
autovacuum = off
restart_after_crash = on
max_worker_processes = 20
svc_ownership.max_workers = 4
svc_ownership.worker_interval = '200ms'
svc_ownership.worker_idle_timeout = '300ms'
CONF
note("$loops loops, $databases databases");

# ---- helpers ----

# What a query prints in the end, or the last that it did
sub becomes
{
	my ($server, $dbname, $query, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $until = time + 60;
	my $got = '';

	while (time < $until)
	{
		$got = eval { one($server, $dbname, $query) } // $@;
		last if $got eq $expected;
		sleep 0.05;
	}
	is($got, $expected, $name);
	return;
}

# Is there a worker in a database?
sub worker_in
{
	my ($dbname) = @_;
	return "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'svc_ownership worker' AND datname = '$dbname'";
}

# A table whose rows expire; each takes so many milliseconds to go
sub expiring
{
	my ($rows, $milliseconds) = @_;
	return <<"SQL";
CREATE TABLE sessions (id int, expires_at timestamptz);
CREATE INDEX ON sessions (expires_at);
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
    PERFORM pg_sleep($milliseconds / 1000.0);
    RETURN OLD;
END \$\$;
CREATE TRIGGER slow BEFORE DELETE ON sessions FOR EACH ROW WHEN ($milliseconds > 0) EXECUTE FUNCTION slow();
INSERT INTO sessions SELECT g, now() - g * interval '1 s' FROM generate_series(1, $rows) g;
SELECT svc.keep_rows('sessions', 'expires_at', '0');
SQL
}

sub new_database
{
	my ($server, $name, $script) = @_;

	$server->safe_psql('postgres', "CREATE DATABASE $name");
	$server->safe_psql($name, "CREATE EXTENSION svc_ownership;\n" . ($script // ''));
	return;
}

# Run a statement; how long it took, and how much of it a worker held it up, in seconds
sub timed
{
	my ($dbname, $statement) = @_;
	my ($rc, $out, $err) = $node->psql($dbname, "SET client_min_messages = debug1;\n\\timing on\n$statement;\n");

	die "$statement: $err" if $rc || $err =~ /ERROR/;
	my ($took) = $out =~ /^Time: ([\d.]+) ms/m;
	my ($held) = $err =~ /waited (\d+) ms for a worker/;
	return ($took / 1000, $held / 1000);
}

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	return $sorted[ $#sorted / 2 ];
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

# ---- commands that want a database for themselves ----

mkdir $node->basedir . '/space';
$node->safe_psql('postgres', "CREATE TABLESPACE space LOCATION '" . $node->basedir . "/space'");

# What to do with a database that a worker is in; and how to have it as it was
my %commands = (
	'DROP DATABASE' => [ 'postgres', 'DROP DATABASE victim', undef ],
	'ALTER DATABASE RENAME' => [ 'postgres', 'ALTER DATABASE victim RENAME TO other', 'ALTER DATABASE other RENAME TO victim' ],
	'SET TABLESPACE' => [ 'postgres', 'ALTER DATABASE victim SET TABLESPACE space', 'ALTER DATABASE victim SET TABLESPACE pg_default' ],
	'CREATE DATABASE TEMPLATE' => [ 'postgres', 'CREATE DATABASE other TEMPLATE victim', 'DROP DATABASE other' ],
	'ALTER EXTENSION' => [ 'victim', 'ALTER EXTENSION svc_ownership UPDATE', 'SELECT 1' ],
	'DROP EXTENSION' => [ 'victim', 'DROP EXTENSION svc_ownership CASCADE', undef ]);

# In a stuck one a worker sits in a statement for a minute, in the other it goes
# from piece to piece
sub make_victim
{
	my ($kind) = @_;

	if (one($node, 'postgres', "SELECT count(*) FROM pg_database WHERE datname = 'victim'") eq '0')
	{
		new_database($node, 'victim');
		$node->safe_psql('victim', $kind eq 'quick' ? expiring(100000, 0) : expiring(1000, 50));
	}
	elsif ($kind eq 'quick')
	{
		$node->safe_psql('victim', 'INSERT INTO sessions SELECT g, now() FROM generate_series(1, 50000) g');
	}
	return;
}

# How long commands are held up
foreach my $name (sort keys %commands)
{
	my ($dbname, $command, $undo) = @{ $commands{$name} };
	my (@took, @held);
	my $seen = 0;

	foreach my $i (0 .. $loops - 1)
	{
		my $turns = $loops > 20 && $undo ? 20 : 1;

		make_victim(int($i / $turns) % 2 ? 'stuck' : 'quick');
		for (1 .. 200)
		{
			last if one($node, 'postgres', worker_in('victim'));
			sleep 0.01;
		}
		$seen += one($node, 'postgres', worker_in('victim'));
		my ($took, $held) = timed($dbname, $command);
		push @took, $took;
		push @held, $held;
		$node->safe_psql('postgres', $undo) if $undo;
		$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS victim') if ($i + 1) % $turns == 0;
	}
	my ($longest) = sort { $b <=> $a } @held;
	note(sprintf('%s: %d of %d met a worker; held up %.3f s in the median, %.3f s at most, of %.3f s and %.3f s',
			$name, $seen, $loops, median(@held), $longest, median(@took), (sort { $b <=> $a } @took)[0]));
	cmp_ok($seen, '>=', $loops / 2, "$name meets workers");
	cmp_ok($longest, '<', 1, "$name is not held up for a second");
}

# The server stops
my @stops;
new_database($node, 'stuck', expiring(1000, 50));
foreach (1 .. ($loops > 10 ? $loops : 3))
{
	my $since = time;

	becomes($node, 'postgres', worker_in('stuck'), '1', 'a worker sits in a statement') unless @stops;
	$since = time;
	$node->stop('fast');
	push @stops, time - $since;
	$node->start;
}
note(sprintf('stop: median %.3f s, longest %.3f s', median(@stops), (sort { $b <=> $a } @stops)[0]));
cmp_ok((sort { $b <=> $a } @stops)[0], '<', 2, 'the server stops at once');

# Who may not run the command sends nobody away
$node->safe_psql('postgres', 'CREATE ROLE stranger LOGIN CREATEDB');
becomes($node, 'postgres', worker_in('stuck'), '1', 'a worker is at work');
my $pid = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'svc_ownership worker' AND datname = 'stuck'";
my $before = one($node, 'postgres', $pid);
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

# Only a ring is heard from here on
$node->append_conf('postgresql.conf', "svc_ownership.worker_interval = '1h'\nmax_prepared_transactions = 5");
$node->restart;
becomes($node, 'simple', worker_in('simple'), '0', 'a worker has looked once after the start');
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
becomes($node, 'simple', worker_in('simple'), '1', 'a worker is at work');
$node->safe_psql('simple', "SELECT pg_terminate_backend(pid) FROM svc.workers WHERE kind = 'worker' AND database = 'simple'");
becomes($node, 'simple', 'SELECT count(*) FROM sessions', '0', 'a worker that is terminated: another one comes');
$node->safe_psql('simple', "SELECT pg_terminate_backend(pid) FROM svc.workers WHERE kind = 'launcher'");
$node->safe_psql('simple', 'INSERT INTO sessions VALUES (1, now())');
becomes($node, 'simple', 'SELECT count(*) FROM sessions', '0', 'the launcher is terminated: it comes again');
$node->safe_psql('simple', "INSERT INTO sessions SELECT g, now() FROM generate_series(1, 300) g");
becomes($node, 'simple', worker_in('simple'), '1', 'a worker is at work');
kill 'KILL', one($node, 'simple', "SELECT pid FROM svc.workers WHERE kind = 'worker' AND database = 'simple'");
sleep 0.5;
becomes($node, 'simple', 'SELECT count(*) FROM sessions', '0', 'a worker that is killed, and the server with it');
$node->safe_psql('simple', "INSERT INTO sessions SELECT g, now() FROM generate_series(1, 100) g");
becomes($node, 'simple', worker_in('simple'), '1', 'a worker is at work');
$node->stop('immediate');
$node->start;
becomes($node, 'simple', 'SELECT count(*) FROM sessions', '0', 'a server that crashes');

# Asked for while a worker is at work: waits, and all is done then
$node->safe_psql('simple', "INSERT INTO sessions SELECT g, now() FROM generate_series(1, 100) g");
becomes($node, 'simple', worker_in('simple'), '1', 'a worker is at work');
$node->safe_psql('simple', 'CALL svc.run_pending()');
is(one($node, 'simple', 'SELECT count(*) FROM sessions'), '0', 'svc.run_pending waits for the worker');

# ---- memory ----

# Round after round, the worker does not grow
$node->append_conf('postgresql.conf', "svc_ownership.worker_idle_timeout = '60s'");
$node->reload;
my $rounds = $loops > 100 ? 5000 : 1000;
sub rounds
{
	my ($n) = @_;
	$node->safe_psql('simple', "SELECT svc.keep_rows('sessions', 'expires_at', '0');\n" x $n);
	my $worker = one($node, 'simple', "SELECT pid FROM svc.workers WHERE kind = 'worker' AND database = 'simple'");
	my ($size) = slurp_file("/proc/$worker/status") =~ /^RssAnon:\s+(\d+)/m;
	return ($worker, $size);
}
my ($first, $small) = rounds(200);
my ($second, $large) = rounds($rounds);
is($second, $first, "the same worker after $rounds rings");
note("memory of its own: $small kB after 200 rings, $large kB after $rounds more");
cmp_ok($large - $small, '<', 1024, 'it has not grown');

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

# ---- many databases, few workers ----

$node->append_conf('postgresql.conf', "svc_ownership.max_workers = 2\nsvc_ownership.worker_idle_timeout = '30s'\nsvc_ownership.worker_interval = '5s'");
$node->restart;
new_database($node, 'base');
$node->safe_psql('base', 'CREATE TABLE sessions (id int, expires_at timestamptz); CREATE INDEX ON sessions (expires_at)');
$node->safe_psql('postgres', "CREATE DATABASE many_$_ TEMPLATE base STRATEGY " . 'wal_log') foreach 1 .. $databases;
# three are busy for much longer than the others wait
$node->safe_psql("many_$_", 'DROP TABLE sessions; ' . expiring(3000, 3)) foreach 1 .. 3;
my $since = time;
foreach my $i (4 .. $databases)
{
	$node->safe_psql("many_$i", "INSERT INTO sessions VALUES (1, now()); SELECT svc.keep_rows('sessions', 'expires_at', '0')");
}
becomes($node, "many_$_", 'SELECT count(*) FROM sessions', '0', "database $_ has its turn") foreach 4 .. $databases;
note(sprintf('%d databases had their turn in %.1f s beside three busy ones', $databases - 3, time - $since));
becomes($node, "many_$_", 'SELECT count(*) FROM sessions', '0', "busy database $_ is done") foreach 1 .. 3;
is(one($node, 'base', "SELECT count(*) <= 2 FROM svc.workers WHERE kind = 'worker'"), 't', 'never more workers than allowed');
is(one($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'many%' AND backend_type <> 'svc_ownership worker'"),
	'0', 'nobody else is connected');
$node->stop;

# ---- no worker to be had ----

my $full = new_server('full', conf => <<'CONF');
fsync = off
max_worker_processes = 3
svc_ownership.max_workers = 1
svc_ownership.worker_interval = '500ms'
svc_ownership.worker_idle_timeout = '100ms'
CONF
# the launchers of the server and of the extension have two
new_database($full, 'simple', 'CREATE ROLE someone; ' . "SELECT svc.create_service('someone', schema => 'someone');");
my $taken = $full->background_psql('simple');
$taken->query_until(qr/started/, "\\echo started\nCALL svc.run(ARRAY['SELECT pg_sleep(60)'], 'someone');\n");
becomes($full, 'simple', "SELECT count(*) FROM svc.workers WHERE kind = 'runner'", '1', 'a runner has the last worker');
$full->safe_psql('simple', expiring(10, 0));
becomes($full, 'simple', "SELECT state FROM svc.workers WHERE kind = 'launcher'", 'no free worker', 'svc.workers says that none is free');
sleep 3;
@said = slurp_file($full->logfile) =~ /(LOG:  no background worker is free.*)/g;
is(scalar @said, 1, 'and the log, once');
$full->safe_psql('simple', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL svc.run%'");
becomes($full, 'simple', 'SELECT count(*) FROM sessions', '0', 'when one is free the work is done');
becomes($full, 'simple', "SELECT state FROM svc.workers WHERE kind = 'launcher'", 'waiting', 'and nobody waits');
eval { $taken->quit };
$full->stop;

done_testing();
