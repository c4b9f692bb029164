# Many databases share a few workers.  While all are idle that costs next to nothing;
# what is entered in one is done within seconds, also when all have something to do
# at once and some never end; the launcher's memory does not grow; and where the
# server has no process to give, work waits and says so.
#
#   SVC_DATABASES      how many there are, three of them busy all the time (6; make soak: 100)
#   SVC_IDLE_SECONDS   for how long the cost of idle ones is measured (3; make soak: 60)

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest qw(:DEFAULT becomes worker_in new_database expiring);
use Test::More;
use Time::HiRes qw(sleep time);

my $databases = $ENV{SVC_DATABASES} // 6;
my $idle = $ENV{SVC_IDLE_SECONDS} // 3;
my $node = new_server('main', conf => <<'CONF');
fsync = off
autovacuum = off
max_worker_processes = 20
svc_ownership.max_workers = 2
svc_ownership.worker_interval = '1h'
CONF
note("$databases databases");

# ---- helpers ----

# Processor time in seconds: of the launcher, and of all processes of the server that have ended
sub processor_time
{
	my ($launcher, $postmaster) = map { [ split / /, slurp_file("/proc/$_/stat") =~ s/.*\) //sr ] } @_;
	my $ticks = POSIX::sysconf(&POSIX::_SC_CLK_TCK);

	# fields 14 to 17, and before these there are a number and a name
	return (($launcher->[11] + $launcher->[12]) / $ticks, ($postmaster->[13] + $postmaster->[14]) / $ticks);
}

# The launcher's memory of its own, in kB
sub memory
{
	my ($launcher) = @_;
	my ($size) = slurp_file("/proc/$launcher/status") =~ /^RssAnon:\s+(\d+)/m;
	return $size;
}

sub launcher
{
	$node->poll_query_until('base', "SELECT count(*) = 1 FROM svc.workers WHERE kind = 'launcher'");
	return one($node, 'base', "SELECT pid FROM svc.workers WHERE kind = 'launcher'");
}

my $workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'svc_ownership worker'";

# How many transactions there were in each database: workers report them when they leave
my $visits = "SELECT datname, xact_commit FROM pg_stat_database WHERE datname LIKE 'many%'";

# Wait until a worker has been in each database since they were counted
sub wait_for_visits
{
	my ($before, $name) = @_;

	becomes($node, 'postgres', <<"SQL", 't', $name);
SELECT count(*) FILTER (WHERE s.xact_commit > coalesce(b.n::bigint, 0)) = $databases
  FROM pg_stat_database s
  LEFT JOIN (SELECT split_part(x, '|', 1) AS datname, split_part(x, '|', 2) AS n FROM regexp_split_to_table('$before', ' ') x) b USING (datname)
 WHERE s.datname LIKE 'many%'
SQL
	return;
}

sub count_visits { return join ' ', split /\n/, $node->safe_psql('postgres', $visits) }

sub set
{
	my ($name, $value) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET svc_ownership.$name = '$value'");
	$node->reload;
	return;
}

# What rings in a database
my $ring = "SELECT svc.keep_rows('sessions', 'expires_at', '0')";

# ---- all idle ----

new_database($node, 'base', <<"SQL");
CREATE TABLE sessions (id int, expires_at timestamptz);
CREATE INDEX ON sessions (expires_at);
$ring;
SQL
$node->safe_psql('postgres', 'ALTER DATABASE base IS_TEMPLATE true');
$node->safe_psql('postgres', "CREATE DATABASE many_$_ TEMPLATE base STRATEGY wal_log") foreach 1 .. $databases;
my $before = count_visits();
$node->restart;
wait_for_visits($before, 'each database has been visited after the start');
becomes($node, 'postgres', $workers, '0', 'and left');
my $launcher = launcher();
my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
my @time = processor_time($launcher, $postmaster);
sleep $idle;
my @later = processor_time($launcher, $postmaster);
@time = map { $later[$_] - $time[$_] } 0, 1;
note(sprintf('%d s with %d idle databases: the launcher took %.2f s of a processor, visits of workers %.2f s', $idle, $databases, @time));
cmp_ok($time[0], '<', $idle / 20, 'a launcher that has nothing to do is idle');

# Visit after visit it does not grow
$before = count_visits();
set('worker_interval', '100ms');
wait_for_visits($before, 'an interval that was made shorter counts at once');
my $small = memory($launcher);
$before = count_visits();
sleep($databases > 50 ? 60 : 2);
wait_for_visits($before, 'workers go everywhere');
set('worker_interval', '1h');
becomes($node, 'postgres', $workers, '0', 'until it is longer again');
my $large = memory($launcher);
note("memory of the launcher: $small kB, then $large kB");
SKIP:
{
	skip('a sanitizer takes memory of its own', 1) if ($ENV{LD_PRELOAD} // '') =~ /asan/;
	cmp_ok($large - $small, '<', 512, 'the launcher does not grow');
}
is(launcher(), $launcher, 'and is the same');

# ---- some are busy all the time ----

$node->safe_psql("many_$_", 'DROP TABLE sessions; ' . expiring(100_000, 1)) foreach 1 .. 3;
becomes($node, 'postgres', $workers, '2', 'busy databases take turns');
my @took;
foreach my $i (map { 4 + int(rand($databases - 3)) } 1 .. ($databases > 50 ? 100 : 4))
{
	my $since = time;

	$node->safe_psql("many_$i", "INSERT INTO sessions VALUES (1, now()); $ring");
	$node->poll_query_until("many_$i", 'SELECT count(*) = 0 FROM sessions') or fail("an entry in database $i");
	push @took, time - $since;
}
@took = sort { $a <=> $b } @took;
note(sprintf('an entry in an idle database is done in %.1f s in the median, %.1f s at most', $took[ $#took / 2 ], $took[-1]));
cmp_ok($took[-1], '<', 30, 'an entry is done within seconds');

my $since = time;
$node->safe_psql("many_$_", "INSERT INTO sessions VALUES (1, now()); $ring") foreach 4 .. $databases;
my $entered = time - $since;
becomes($node, "many_$_", 'SELECT count(*) FROM sessions', '0', "database $_ has its turn") foreach 4 .. $databases;
note(sprintf('%d databases at once: entered in %.1f s, done after %.1f s beside three busy ones', $databases - 3, $entered, time - $since));
is(one($node, 'base', "SELECT count(*) <= 2 FROM svc.workers WHERE kind = 'worker' AND state <> 'leaving'"), 't', 'never more workers than allowed');
foreach my $i (1 .. 3)
{
	becomes($node, "many_$i", 'SELECT count(*) < 100000 FROM sessions', 't', "busy database $i has its turn, too");
}

# Nobody holds its database
$node->safe_psql('postgres', "DROP DATABASE many_$_") foreach 1 .. 4;
is(one($node, 'postgres', "SELECT count(*) FROM pg_database WHERE datname LIKE 'many%'"), $databases - 4, 'they can be dropped meanwhile');
becomes($node, 'base', "SELECT count(*) FROM svc.workers WHERE kind = 'worker'", '0', 'and nobody is left behind');
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
$taken->query_until(qr/started/, "\\echo started\nCALL svc.run(ARRAY['SELECT pg_sleep(100000)'], 'someone');\n");
becomes($full, 'simple', "SELECT count(*) FROM svc.workers WHERE kind = 'runner'", '1', 'a runner has the last worker');
$full->safe_psql('simple', expiring(10, 0));
becomes($full, 'simple', "SELECT state FROM svc.workers WHERE kind = 'launcher'", 'no free worker', 'svc.workers says that none is free');
sleep 2;
my @said = slurp_file($full->logfile) =~ /(LOG:  no background worker is free.*)/g;
is(scalar @said, 1, 'and the log, once');
$full->safe_psql('simple', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL svc.run%'");
becomes($full, 'simple', 'SELECT count(*) FROM sessions', '0', 'when one is free the work is done');
becomes($full, 'simple', "SELECT state FROM svc.workers WHERE kind = 'launcher'", 'waiting', 'and nobody waits');
eval { $taken->quit };
$full->stop;

done_testing();
