# Commands that want a database, or the extension, for themselves are not held up by
# those who work in it, whatever these do: sit in a statement, go from piece to
# piece, read a long journal, sweep, rest, or wait for a server that hangs.  Nor is
# the server when it stops.
#
#   SVC_LOOPS   how often each command meets somebody (2; make soak: 200)

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest qw(:DEFAULT becomes worker_in new_database expiring);
use Test::More;
use Time::HiRes qw(sleep time);

my $loops = $ENV{SVC_LOOPS} // 2;
# In seconds, of what may hold up a command: a few loops beside other tests only tell who leaves
# from who is given up, which happens after three
my $most = $loops > 2 ? 1 : 2.5;
my $node = new_server('main', tcp => 1, conf => <<'CONF');
fsync = off
autovacuum = off
max_worker_processes = 20
svc_ownership.max_workers = 4
svc_ownership.worker_interval = '1s'
svc_ownership.reference_budget = '100ms'
svc_ownership.reference_log_sample = 0
CONF

# Takes connections and never says a word
my $silent = IO::Socket::INET->new(Listen => 4096, LocalAddr => '127.0.0.1') or die "socket: $!";
note("$loops loops");

# ---- a database with work of all kinds ----

# Copies of it are made for each command; nobody works in a template
$node->safe_psql('postgres', 'CREATE EXTENSION svc_ownership');
$node->safe_psql('postgres', q(SELECT svc.create_service('auth', database => 'auth_db', login => 'auth_user', password => 'secret', login_level => 'owner')));
$node->safe_psql('auth_db', <<'SQL');
SET ROLE auth_owner;
CREATE TABLE users (id int PRIMARY KEY);
SELECT svc.publish('auth', 'users', 'users'), svc.grant_contract('auth', 'cart');
SQL
new_database($node, 'mold', 'CREATE EXTENSION postgres_fdw; ' . expiring(0, 20));
$node->safe_psql('mold', <<"SQL");
SELECT svc.create_service('product', schema => 'product'), svc.create_service('cart', schema => 'cart');
SELECT svc.connect('auth', database => 'auth_db', consumer => 'cart');
SET ROLE product_owner;
CREATE TABLE product.products (id int PRIMARY KEY);
INSERT INTO product.products SELECT generate_series(1, 1000);
SELECT svc.publish('product', 'products', 'product.products'), svc.grant_contract('product', 'cart');
SET ROLE cart_owner;
CREATE TABLE cart.items (product_id int);
CREATE TABLE cart.swept (product_id int);
CREATE TABLE cart.users (user_id int);
SELECT svc.create_reference('cart.items', 'product_id', 'product', 'products', mode => 'async', name => 'items_ref'),
       svc.create_reference('cart.swept', 'product_id', 'product', 'products', name => 'swept_ref'),
       svc.create_reference('cart.users', 'user_id', 'auth', 'users', mode => 'statement', cache_ttl => '0', name => 'users_ref');
INSERT INTO cart.swept SELECT 1 + i % 1000 FROM generate_series(1, 100000) i;
RESET ROLE;
CREATE TABLE rows (LIKE sessions);
CREATE INDEX ON rows (expires_at);
SELECT svc.keep_rows('rows', 'expires_at', '0');
CALL svc.run_pending();
SET svc_ownership.restoring = on;
DO \$\$
DECLARE
    server name;
BEGIN
    FOR server IN SELECT srvname FROM pg_foreign_server LOOP
        EXECUTE format('ALTER SERVER %I OPTIONS (SET port %L)', server, @{[ $silent->sockport ]});
    END LOOP;
END \$\$;
SQL
$node->safe_psql('postgres', 'ALTER DATABASE mold IS_TEMPLATE true');
becomes($node, 'postgres', worker_in('mold'), '0', 'the mold is quiet');

# Who is at work in a database, and what gives them work
my $anybody = "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type IN ('svc_ownership worker', 'svc_ownership checker') AND datname = 'victim'";
my $checker = "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'svc_ownership checker' AND datname = 'victim'";
my $sweep = 'UPDATE svc.reference_state SET needs_sweep = true;';
my $keys = q{SELECT count(*) FROM generate_series(1, 200000) i, LATERAL svc.journal_append('c', 'cart.items', 'items_ref', ARRAY[1 + i % 1000]) a;};
my $ask = 'INSERT INTO cart.users VALUES (1);';
my $rows = q{INSERT INTO rows SELECT g, now() FROM generate_series(1, 50000) g; SELECT svc.keep_rows('rows', 'expires_at', '0');};
my $sessions = q{INSERT INTO sessions SELECT g, now() FROM generate_series(1, 500) g; SELECT svc.keep_rows('sessions', 'expires_at', '0');};
my @work = (
	[ 'a statement that takes long', $sessions, $anybody ],
	[ 'many pieces', $rows, $anybody ],
	[ 'a long journal', $keys, $anybody ],
	[ 'a sweep that rests', "ALTER DATABASE victim SET svc_ownership.sweep_delay = '10s'; $sweep $rows", $anybody ],
	[ 'a server that hangs', $ask, $checker ],
	[ 'all of it', "$ask $keys $sweep $rows $sessions", $checker ]);

# ---- load beside it ----

my $busy = 'busy';
$node->safe_psql('postgres', "CREATE DATABASE $busy TEMPLATE mold");
my $script = PostgreSQL::Test::Utils::tempdir() . '/write.sql';
append_to_file($script, "INSERT INTO cart.items SELECT 1 + (random() * 999)::int FROM generate_series(1, 20);\n");
my $load;

sub start_load
{
	$load = IPC::Run::start([ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-f', $script, '-c', 2, '-R', 100, '-T', 86400, $busy ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');
	return;
}

sub end_load
{
	$load->kill_kill;
	return;
}

# ---- commands ----

mkdir $node->basedir . '/space';
$node->safe_psql('postgres', "CREATE TABLESPACE space LOCATION '" . $node->basedir . "/space'");

# What to do with a database where somebody works, and how to have it as it was; undef: it is made again
my %commands = (
	'DROP DATABASE' => [ 'postgres', 'DROP DATABASE victim', undef ],
	'ALTER DATABASE RENAME' => [ 'postgres', 'ALTER DATABASE victim RENAME TO other', 'ALTER DATABASE other RENAME TO victim' ],
	'SET TABLESPACE' => [ 'postgres', 'ALTER DATABASE victim SET TABLESPACE space', 'ALTER DATABASE victim SET TABLESPACE pg_default' ],
	'CREATE DATABASE TEMPLATE' => [ 'postgres', 'CREATE DATABASE other TEMPLATE victim', 'DROP DATABASE other' ],
	'ALTER EXTENSION' => [ 'victim', 'ALTER EXTENSION svc_ownership UPDATE', 'SELECT 1' ],
	'DROP EXTENSION' => [ 'victim', 'DROP EXTENSION svc_ownership CASCADE', undef ]);

# Run a statement: how long it took, and how much of it somebody held it up, in seconds
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

sub longest { return (sort { $b <=> $a } @_)[0] }

# Have somebody work there, and wait until he does; false: it was over too soon
sub give_work
{
	my ($work) = @_;
	my ($name, $statements, $at_work) = @$work;

	$node->safe_psql('victim', $statements);
	for (1 .. 100)
	{
		return 1 if one($node, 'postgres', $at_work) eq 't';
		sleep 0.01;
	}
	return 0;
}

sub make_victim
{
	$node->safe_psql('postgres', 'CREATE DATABASE victim TEMPLATE mold STRATEGY wal_log')
	  if one($node, 'postgres', "SELECT count(*) FROM pg_database WHERE datname = 'victim'") eq '0';
	return;
}

start_load();
my $turn = 0;
foreach my $name (sort keys %commands)
{
	my ($dbname, $command, $undo) = @{ $commands{$name} };
	my (@took, @held, %seen);

	foreach (1 .. $loops)
	{
		my $work = $work[ $turn++ % @work ];

		make_victim();
		$seen{ $work->[0] }++ if give_work($work);
		my ($took, $held) = timed($dbname, $command);
		push @took, $took;
		push @held, $held;
		$node->safe_psql('postgres', $undo) if $undo;
		# the same one sees all kinds
		$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS victim') if !$undo || $turn % @work == 0;
	}
	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS victim');
	my $met = 0;
	$met += $_ foreach values %seen;
	note(sprintf('%s: %d of %d met somebody at work; held up %.3f s in the median, %.3f s at most, of %.3f s and %.3f s',
			$name, $met, $loops, median(@held), longest(@held), median(@took), longest(@took)));
	note(join(', ', map { "$seen{$_} of $_" } sort keys %seen));
	cmp_ok($met, '>=', $loops / 2, "$name meets somebody at work");
	cmp_ok(longest(@held), '<', $most, "$name is not held up for long");
}
end_load();

# ---- the server stops ----

# From the request until everybody has ended: what comes then is the server's checkpoint
sub time_to_end
{
	my ($log) = @_;
	my ($asked) = $log =~ /^(\S+ [\d:.]+) .*received fast shutdown request/m;
	my ($ended) = $log =~ /^(\S+ [\d:.]+) .*LOG:  shutting down/m;
	my ($from, $to) = map { my ($h, $m, $s) = / (\d+):(\d+):([\d.]+)/; ($h * 60 + $m) * 60 + $s } $asked, $ended;

	return $to < $from ? $to + 86400 - $from : $to - $from;
}

my ($met, @stops) = (0);
make_victim();
foreach (1 .. $loops)
{
	my $log = -s $node->logfile;

	$met++ if give_work($work[ $turn++ % @work ]);
	$node->stop('fast');
	push @stops, time_to_end(slurp_file($node->logfile, $log));
	$node->start;
}
note(sprintf('stop: %d of %d met somebody at work; all had ended after %.3f s in the median, %.3f s at most', $met, $loops, median(@stops), longest(@stops)));
cmp_ok($met, '>=', $loops / 2, 'the server stops while somebody is at work');
cmp_ok(longest(@stops), '<', $most, 'and nobody holds it up for long');

# Nobody ends but by being asked to
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal|server process .* exited/, 'no process crashed');
$node->stop;

done_testing();
