# What is guaranteed of deleted keys, under eight sessions that do as they like:
# they insert, change and delete rows that refer, and delete, hide, rename and
# make again what is referred to, in transactions with savepoints, rollbacks,
# PREPARE TRANSACTION and all isolation levels; meanwhile workers, sessions and
# the whole server are killed.  When all is settled a full join must find no
# row that refers to a key that is not there, unless that key is an open
# violation; no reference to a key that was always there may have been refused,
# and no row that refers to one may be gone.
#
#   SVC_SEED          repeats a run (printed), as far as the scheduler lets it
#   SVC_TRANSACTIONS  in all, over all sessions (6000)
#   SVC_KILLS         in all (6)
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use SvcTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run ();
use Time::HiRes qw(sleep time);

my $SESSIONS = 8;
my $KEYS = 200;
my $STAYING = 20;		# keys 1 .. 20 are never deleted, changed or hidden
my $seed = $ENV{SVC_SEED} // time ^ $$;
my $transactions = $ENV{SVC_TRANSACTIONS} // 6000;
my $kills = $ENV{SVC_KILLS} // 6;
srand $seed;
diag "seed $seed";

my $server = new_server('guarantee', conf => <<'CONF');
max_prepared_transactions = 20
deadlock_timeout = 100ms
fsync = off
restart_after_crash = on
svc_ownership.sweep_interval = 0
svc_ownership.worker_interval = 1s
CONF
$server->safe_psql('postgres', <<"SQL");
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('product', schema => 'product'), svc.create_service('cart', schema => 'cart');
CREATE TABLE product.products (id int PRIMARY KEY, shown boolean NOT NULL DEFAULT true);
INSERT INTO product.products SELECT generate_series(1, $KEYS);
CREATE TABLE cart.kept (table_name text, id int, key int);
CREATE TABLE cart.by_statement (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key int, kept boolean NOT NULL DEFAULT false, n int);
CREATE TABLE cart.by_commit (LIKE cart.by_statement INCLUDING ALL);
CREATE TABLE cart.by_worker (LIKE cart.by_statement INCLUDING ALL);
CREATE TABLE cart.reported (LIKE cart.by_statement INCLUDING ALL);
CREATE TABLE cart.filtered (LIKE cart.by_statement INCLUDING ALL);
CREATE INDEX ON cart.by_statement (key);
CREATE INDEX ON cart.by_commit (key);
CREATE INDEX ON cart.by_worker (key);
CREATE INDEX ON cart.reported (key);
CREATE INDEX ON cart.filtered (key);
DO \$\$
DECLARE t text;
BEGIN
	FOREACH t IN ARRAY '{product.products,cart.kept,cart.by_statement,cart.by_commit,cart.by_worker,cart.reported,cart.filtered}'::text[]
	LOOP
		EXECUTE format('ALTER TABLE %s OWNER TO %s', t, split_part(t, '.', 1) || '_owner');
	END LOOP;
END \$\$;
SELECT svc.publish('product', 'products', 'product.products', columns => '{id}'),
	svc.publish('product', 'offers', 'product.products', columns => '{id}', filter => 'shown'),
	svc.grant_contract('product', 'cart');
SELECT svc.create_reference('cart.by_statement', 'key', 'product', 'products', mode => 'statement', on_delete => 'delete'),
	svc.create_reference('cart.by_commit', 'key', 'product', 'products', mode => 'commit', on_delete => 'set_null'),
	svc.create_reference('cart.by_worker', 'key', 'product', 'products', mode => 'async', on_delete => 'delete'),
	svc.create_reference('cart.reported', 'key', 'product', 'products', mode => 'statement', on_delete => 'report'),
	svc.create_reference('cart.filtered', 'key', 'product', 'offers', mode => 'statement', on_delete => 'delete');
-- they are empty: nothing needs a sweep that could find what was lost
CALL svc.check_references();
SQL

my @TABLES = qw(by_statement by_commit by_worker reported filtered);

sub pick { return $_[ int rand @_ ] }

# A key that comes and goes, and one that stays
sub key { return $STAYING + 1 + int rand($KEYS - $STAYING) }
sub staying_key { return 1 + int rand $STAYING }

# The kinds of statements, and how often each is taken
my @kinds = (
	[ 6, sub { 'INSERT INTO cart.' . pick(@TABLES) . ' (key) VALUES ' . join ', ', map { '(' . key() . ')' } 1 .. 1 + int rand 3 } ],
	[ 2, sub {
			my ($table, $key) = (pick(@TABLES), staying_key());
			return "WITH i AS (INSERT INTO cart.$table (key, kept) VALUES ($key, true) RETURNING id, key)"
			  . " INSERT INTO cart.kept SELECT '$table', id, key FROM i";
		} ],
	[ 2, sub { 'UPDATE cart.' . pick(@TABLES) . ' SET key = ' . key() . ' WHERE NOT kept AND key = ' . key() } ],
	[ 1, sub { 'UPDATE cart.' . pick(@TABLES) . ' SET n = n + 1 WHERE key = ' . key() } ],
	[ 1, sub { 'DELETE FROM cart.' . pick(@TABLES) . ' WHERE NOT kept AND key = ' . key() } ],
	[ 4, sub { 'DELETE FROM product.products WHERE id IN (' . join(', ', map { key() } 1 .. 1 + int rand 4) . ')' } ],
	[ 4, sub { 'INSERT INTO product.products VALUES ' . join(', ', map { '(' . key() . ')' } 1 .. 1 + int rand 4) . ' ON CONFLICT DO NOTHING' } ],
	[ 1, sub { 'UPDATE product.products SET id = ' . key() . ' WHERE id = ' . key() } ],
	[ 2, sub { 'UPDATE product.products SET shown = NOT shown WHERE id = ' . key() } ],
);
my @weighted = map { my $kind = $_; map { $kind->[1] } 1 .. $kind->[0] } @kinds;

my $prepared = 0;

# One transaction as psql's input; it says "done" when it has been committed
sub transaction
{
	my $level = pick('READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');
	my $script = "BEGIN ISOLATION LEVEL $level;\n";

	foreach (1 .. 1 + int rand 3)
	{
		my $savepoint = rand() < 0.2;
		$script .= "SAVEPOINT s;\n" if $savepoint;
		$script .= pick(@weighted)->() . ";\n";
		$script .= pick('ROLLBACK TO s', 'RELEASE s') . ";\n" if $savepoint;
		$script .= "SELECT pg_sleep(0.02);\n" if rand() < 0.05;
	}
	return $script . "ROLLBACK;\n" if rand() < 0.05;
	return $script . "COMMIT;\n" if rand() < 0.97;
	my $name = 'p' . ++$prepared;
	return $script . "PREPARE TRANSACTION '$name';\nSELECT pg_sleep(0.05);\n" . pick('COMMIT', 'COMMIT', 'ROLLBACK') . " PREPARED '$name';\n";
}

my %outcomes = (begun => 0, committed => 0);
my @false;

# Wait for a session.  Others may have left a transaction prepared, and it waits for that.
sub await
{
	my ($run) = @_;
	my $look = time + 10;

	while ($run->pumpable)
	{
		eval { $run->pump_nb; 1 } or last;
		sleep 0.05;
		next if time < $look;
		eval { end_those_prepared("WHERE prepared < now() - interval '10 s'"); 1 } or note($@);
		$look = time + 10;
	}
	return;
}

# Run some transactions in each session; somebody is killed meanwhile, if asked
sub run_round
{
	my ($each, $kill) = @_;
	my @runs;

	foreach my $n (1 .. $SESSIONS)
	{
		my $base = PostgreSQL::Test::Utils::tempdir . "/session_$n";
		unlink "$base.sql", "$base.err", "$base.out";
		append_to_file("$base.sql", "\\set VERBOSITY verbose\n" . join('', map { transaction() } 1 .. $each));
		push @runs, { base => $base, run => IPC::Run::start(
				[ 'psql', '-X', '-d', $server->connstr('postgres'), '-f', "$base.sql" ], '<', '/dev/null',
				'>', "$base.out", '2>', "$base.err") };
	}
	$kill->() if $kill;
	await($_) foreach map { $_->{run} } @runs;
	foreach my $r (@runs)
	{
		$r->{run}->finish;
		my $text = slurp_file("$r->{base}.err");
		$outcomes{$1}++ while $text =~ /(?:ERROR|FATAL):\s+(\w{5}):/g;
		while ($text =~ /23503:.*\n.*DETAIL:\s+Key \(key\)=\((\d+)\) (.*)/g)
		{
			push @false, "$1 $2" if $1 <= $STAYING;
		}
		my $out = slurp_file("$r->{base}.out");
		$outcomes{begun}++ while $out =~ /^BEGIN$/mg;
		$outcomes{committed}++ while $out =~ /^COMMIT(?: PREPARED)?$/mg;
	}
	return;
}

# Ask until the answer is this one
sub wait_for
{
	my ($query, $answer, $seconds) = @_;
	my $until = time + $seconds;
	my $got = '';

	do
	{
		$got = eval { $server->safe_psql('postgres', $query) } // '';
		return 1 if $got eq $answer;
		sleep 0.1;
	} while time < $until;
	diag "waited in vain: $query: $got";
	return 0;
}

# A process of the server's by a condition on pg_stat_activity, or none
sub process
{
	my ($condition) = @_;
	return eval { $server->safe_psql('postgres',
			"SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND $condition ORDER BY random() LIMIT 1") } || undef;
}

my %killed;
my %killers = (
	worker_ended => sub { my $pid = process("backend_type LIKE 'svc_ownership %'") or return; kill 'TERM', $pid; return 1 },
	worker_killed => sub { my $pid = process("backend_type LIKE 'svc_ownership %'") or return; kill 'KILL', $pid; return 1 },
	session_killed => sub { my $pid = process("backend_type = 'client backend'") or return; kill 'KILL', $pid; return 1 },
	session_ended => sub { my $pid = process("backend_type = 'client backend'") or return; kill 'TERM', $pid; return 1 },
	server => sub { $server->stop('immediate'); $server->start; return 1 },
);

sub kill_somebody
{
	my ($name) = @_;

	sleep 0.3 + rand 0.7;
	$killed{$name}++ if $killers{$name}->();
	wait_for('SELECT 1', '1', 60);
	return;
}

# End some prepared transactions, one way or the other; how many there were
sub end_those_prepared
{
	my ($which) = @_;
	my @gids = split /\n/, $server->safe_psql('postgres', "SELECT gid FROM pg_prepared_xacts $which");

	foreach my $gid (@gids)
	{
		eval { $server->safe_psql('postgres', pick('COMMIT', 'ROLLBACK') . " PREPARED '$gid'"); 1 } or note($@);
	}
	return scalar @gids;
}

# What a crash left prepared ends.  The server may be
# about to notice that somebody was killed, and restart.
sub end_prepared
{
	my $until = time + 120;

	while (time < $until)
	{
		my $n = eval { end_those_prepared('') };
		return if defined $n && $n == 0;
		sleep 0.1;
	}
	die 'prepared transactions could not be ended';
}

my $began = time;
my $each = int($transactions / $SESSIONS / ($kills + 1)) + 1;
my @order = sort keys %killers;
my $round = 0;
while ($outcomes{begun} < $transactions || $round < $kills)
{
	my $name = $order[ $round % @order ];
	run_round($each, $round++ < $kills ? sub { kill_somebody($name) } : undef);
	end_prepared();
}
diag sprintf '%s, killed: %s, in %.0f s', join(', ', map { "$_: $outcomes{$_}" } sort keys %outcomes),
  join(', ', map { "$_: $killed{$_}" } sort keys %killed) || 'nobody', time - $began;

ok(wait_for("SELECT count(*) FROM svc.journal_pending", '0', 120), 'the journal was read to its end');
ok(wait_for("SELECT count(*) FROM svc.tombstone WHERE state <> 'settled'", '0', 120), 'all deleted keys are settled');
is($server->safe_psql('postgres', 'SELECT reference FROM svc.reference_status WHERE needs_sweep ORDER BY 1'), '',
	'no reference needs a sweep');
is($server->safe_psql('postgres', 'SELECT last_error FROM svc.tombstone WHERE last_error IS NOT NULL LIMIT 1'), '',
	'nothing failed');

my $ORPHANS = <<'SQL';
SELECT 'by_statement', c.key FROM cart.by_statement c LEFT JOIN product.products p ON p.id = c.key WHERE p.id IS NULL
UNION ALL
SELECT 'by_commit', c.key FROM cart.by_commit c LEFT JOIN product.products p ON p.id = c.key WHERE c.key IS NOT NULL AND p.id IS NULL
UNION ALL
SELECT 'filtered', c.key FROM cart.filtered c LEFT JOIN product.products p ON p.id = c.key AND p.shown WHERE p.id IS NULL
SQL
is($server->safe_psql('postgres', $ORPHANS), '', "no row refers to a deleted key (seed $seed)");
my $UNREPORTED = <<'SQL';
SELECT v.name, c.key
  FROM (SELECT 'reported_key_ref', key FROM cart.reported UNION ALL SELECT 'by_worker_key_ref', key FROM cart.by_worker) c (name, key)
  LEFT JOIN product.products p ON p.id = c.key
 CROSS JOIN LATERAL (SELECT c.name) v
 WHERE p.id IS NULL AND NOT EXISTS (
       SELECT 1 FROM svc.reference_violations x WHERE x.reference = c.name AND x.key = c.key::text AND x.state = 'open')
SQL
ok(wait_for("SELECT count(*) FROM ($UNREPORTED) u", '0', 10), "each row that does is reported, where that was asked for (seed $seed)")
  or diag $server->safe_psql('postgres', $UNREPORTED);
is_deeply(\@false, [], 'no reference to a key that stays was refused');
my $LOST = join "\nUNION ALL\n", map {
	"SELECT k.table_name, k.id, k.key FROM cart.kept k LEFT JOIN cart.$_ t ON t.id = k.id AND t.key = k.key"
	  . " WHERE k.table_name = '$_' AND t.id IS NULL" } @TABLES;
is($server->safe_psql('postgres', $LOST), '', 'no row that refers to a key that stays was changed');
cmp_ok($server->safe_psql('postgres', "SELECT count(*) FROM svc.tombstone WHERE state = 'settled'"), '>', 0, 'keys were settled');
cmp_ok($outcomes{23503} // 0, '>', 0, 'keys that were not there were refused');
cmp_ok($outcomes{committed}, '>', $outcomes{begun} / 2, 'most transactions were committed');

# Only what comes of such a run: missing keys, conflicts, lost connections
delete @outcomes{qw(begun committed 23503 23505 40001 40P01 25P01 25P02 3B001 57P01 57P02 57P03 08006 42704 55000 26000)};
is_deeply(\%outcomes, {}, 'nothing else went wrong');
$server->stop;
done_testing();
