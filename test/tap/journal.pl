# Nothing that a transaction left in the journal is skipped, nothing is invented,
# and entries about one row come in the order in which they were written, whatever
# happens meanwhile: transactions that commit late or after long, prepared ones,
# savepoints that are rolled back, consumers that fail, and workers, sessions and
# servers that are killed.
#
# Each row of a table counts its changes and leaves the count in the journal, so
# what a consumer is to be given is known: for each row 1, 2, 3, ... up to what the
# row says in the end.  After a crash some may come again.
#
#   SVC_JOURNAL_ENTRIES   how many entries, about (30000)
#   SVC_JOURNAL_KILLS     how many kills (6)
#   SVC_SEED              of the random choices

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest qw(:DEFAULT kill_process wait_for_server);
use Test::More;
use Time::HiRes qw(sleep time);

my $entries = $ENV{SVC_JOURNAL_ENTRIES} // 30_000;
my $kills = $ENV{SVC_JOURNAL_KILLS} // 6;
my $seed = $ENV{SVC_SEED} || int(rand(2**31));
my $tempdir = PostgreSQL::Test::Utils::tempdir;
my $db = 'postgres';
my $rows = 2000;
my $clients = 8;

srand($seed);
note("seed $seed, about $entries entries, $kills kills");

# The consumer is a library of its own
sub build_consumer
{
	my $folder = "$tempdir/journal_test";

	system_or_bail('cp', '-r', "$FindBin::RealBin/../modules/journal", $folder);
	system_or_bail('make', '-s', '-C', $folder, "PG_CPPFLAGS=-I$FindBin::RealBin/../../src",
		'with_llvm=no', "PG_CONFIG=$ENV{PG_CONFIG}", 'all');
	return "$folder/journal_test";
}

my $library = build_consumer();
my $node = new_server('main', conf => <<"CONF");
shared_preload_libraries = 'svc_ownership, $library'
max_prepared_transactions = 50
max_connections = 60
restart_after_crash = on
fsync = off
# a generation is left at a sixteenth of it
svc_ownership.journal_limit = '96MB'
svc_ownership.worker_interval = '1s'
journal_test.fails = 10
CONF

$node->safe_psql($db, <<"SQL");
CREATE EXTENSION svc_ownership;
CREATE FUNCTION journal_test_append(regclass, name, bigint[], int) RETURNS boolean LANGUAGE c AS '$library';
CREATE TABLE consumed (seq bigserial PRIMARY KEY, number bigint, subject name, keys bigint[]);
CREATE TABLE counted (k int PRIMARY KEY, changes bigint NOT NULL DEFAULT 0) WITH (fillfactor = 50);
INSERT INTO counted SELECT generate_series(1, $rows);
-- change some rows, in one order so that nobody waits for each other, and leave it in the journal
CREATE FUNCTION change(n int) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
    row int;
    at bigint;
BEGIN
    FOR row IN SELECT DISTINCT 1 + (random() * ($rows - 1))::int AS x FROM generate_series(1, n) ORDER BY x LOOP
        UPDATE counted SET changes = changes + 1 WHERE k = row RETURNING changes INTO at;
        PERFORM journal_test_append('counted', 'row ' || row, ARRAY[at], 1);
    END LOOP;
END \$\$;
-- what the consumer was given that is wrong
CREATE VIEW wrong AS
SELECT c.subject, c.seq, 'more than one key' AS problem FROM consumed c WHERE cardinality(c.keys) IS DISTINCT FROM 1
UNION ALL
SELECT o.subject, o.seq, format('%s after %s', o.at, o.before)
  FROM (SELECT c.subject, c.seq, c.keys[1] AS at,
               coalesce(max(c.keys[1]) OVER (PARTITION BY c.subject ORDER BY c.seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
          FROM consumed c) o
 WHERE o.at > o.before + 1
UNION ALL
SELECT 'row ' || t.k, NULL, format('%s came, of %s', m.last, t.changes)
  FROM counted t LEFT JOIN (SELECT subject, max(keys[1]) AS last FROM consumed GROUP BY subject) m ON m.subject = 'row ' || t.k
 WHERE coalesce(m.last, 0) <> t.changes;
SQL

# ---- late commits, one by one ----

# What the consumer was given of some subject, in order
sub consumed
{
	my ($subject, $expected, $name, $again) = @_;

	$node->safe_psql($db, 'CALL svc.run_pending()');
	is($node->safe_psql($db, "SELECT string_agg(keys, ' ' ORDER BY seq) FROM (SELECT array_to_string(keys, '+', 'NULL') AS keys, " . ($again ? 'min(seq) AS seq' : 'seq')
			  . " FROM consumed WHERE subject = '$subject'" . ($again ? ' GROUP BY 1' : '') . ') c'),
		$expected, $name);
	return;
}

sub append { return "SELECT journal_test_append('counted', '$_[0]', ARRAY[$_[1]]::bigint[], 1)" }

sub quiet_consumer
{
	my ($quiet) = @_;

	$node->safe_psql($db, 'ALTER SYSTEM ' . ($quiet ? "SET $_ = 0" : "RESET $_"))
	  foreach qw(svc_ownership.max_workers journal_test.fails);
	$node->reload;
	return;
}

sub late_commits
{
	my ($one, $two) = map { $node->background_psql($db) } 1 .. 2;

	# the gap that a reader of numbers never looks into again
	$one->query_safe('BEGIN; ' . append('gap', 1));
	$two->query_safe(append('gap', 2));
	consumed('gap', '2', 'what is not committed is not read');
	$two->query_safe(append('gap', 3));
	consumed('gap', '2 3', 'and nobody waits for it');
	$one->query_safe(append('gap', 4) . '; COMMIT');
	consumed('gap', '2 3 1 4', 'what commits late is read then');

	# the transaction that is older writes the row last
	$one->query_safe('BEGIN; SELECT pg_current_xact_id()');
	$two->query_safe('BEGIN; UPDATE counted SET changes = 1 WHERE k = 1; ' . append('row', 1) . '; COMMIT');
	$one->query_safe('UPDATE counted SET changes = 2 WHERE k = 1; ' . append('row', 2) . '; COMMIT');
	consumed('row', '1 2', 'entries about one row are in order, whichever transaction began first');
	$one->query_safe('BEGIN; SELECT pg_current_xact_id()');
	$two->query_safe('BEGIN; UPDATE counted SET changes = 1 WHERE k = 1; ' . append('row', 3) . '; COMMIT');
	consumed('row', '1 2 3', 'the first of them is read');
	$one->query_safe('UPDATE counted SET changes = 2 WHERE k = 1; ' . append('row', 4) . '; COMMIT');
	consumed('row', '1 2 3 4', 'and the second after it');

	# savepoints have transaction ids of their own
	$one->query_safe('BEGIN; SAVEPOINT a; ' . append('deep', 1) . '; SAVEPOINT b; ' . append('deep', 2)
		  . '; ROLLBACK TO b; ' . append('deep', 3) . '; RELEASE a');
	$two->query_safe(append('deep', 4));
	consumed('deep', '4', 'a savepoint that was released is not committed');
	$one->query_safe('COMMIT');
	consumed('deep', '4 1 3', 'it is with its transaction');

	# a prepared transaction, and a crash in between
	$one->query_safe('BEGIN; ' . append('prepared', 1) . "; PREPARE TRANSACTION 'late'");
	is(one($node, $db, "SELECT gid FROM svc.journal_open"), 'late', 'svc.journal_open names it');
	$two->query_safe(append('prepared', 2));
	consumed('prepared', '2', 'a prepared transaction has not ended');
	eval { local $SIG{PIPE} = 'IGNORE'; $_->quit } foreach $one, $two;
	$node->stop('immediate');
	$node->start;
	consumed('prepared', '2', 'nor has it after a crash', 1);
	$node->safe_psql($db, "COMMIT PREPARED 'late'");
	consumed('prepared', '2 1', 'it is read when it has been committed', 1);

	# a copy of the database has its own journal, and reads on where the other was
	$node->safe_psql($db, append('copy', 1));
	$node->safe_psql('template1', "CREATE DATABASE copy TEMPLATE $db");
	is($node->safe_psql('copy', "CALL svc.run_pending(); SELECT string_agg(keys::text, ' ') FROM consumed WHERE subject = 'copy'"),
		'{1}', 'a copy of the database reads what was unread');
	consumed('copy', '1', 'so does the database');
	$node->safe_psql('template1', 'DROP DATABASE copy');

	# for others to be ready to count
	$node->safe_psql($db, 'TRUNCATE consumed; UPDATE counted SET changes = 0');
	return;
}

quiet_consumer(1);
late_commits();
quiet_consumer(0);

# ---- everything at once ----

# One transaction of a client, of many kinds
sub transaction_script
{
	my $file = "$tempdir/transaction.sql";

	append_to_file($file, <<'PGBENCH');
\set kind random(1, 100)
\set nap random(1, 100)
\set id random(1, 1000000000)
BEGIN;
SELECT change(12);
\if :kind <= 8
SAVEPOINT a;
SELECT change(3) FROM (SELECT pg_advisory_xact_lock(1)) x;
ROLLBACK TO a;
\endif
\if :kind > 8 and :kind <= 12
SAVEPOINT b;
SELECT journal_test_append('counted', 'nobody', '{1}', 2);
ROLLBACK TO b;
RELEASE b;
\endif
\if :kind > 12 and :kind <= 22
\sleep :nap ms
\endif
\if :kind > 22 and :kind <= 28
ROLLBACK;
\elif :kind > 28 and :kind <= 33
PREPARE TRANSACTION 'p:id';
\sleep :nap ms
COMMIT PREPARED 'p:id';
\elif :kind > 33 and :kind <= 36
PREPARE TRANSACTION 'p:id';
ROLLBACK PREPARED 'p:id';
\else
COMMIT;
\endif
PGBENCH
	return $file;
}

# Transactions that change other rows than those of the clients, and stay open
sub long_transaction
{
	my $session = $node->background_psql($db, on_error_stop => 0);

	$session->query("BEGIN; INSERT INTO counted VALUES ($rows + 1 + (random() * 100000000)::int) RETURNING k \\gset\n"
		  . "UPDATE counted SET changes = changes + 1 WHERE k = :k;\n"
		  . "SELECT journal_test_append('counted', 'row ' || :k, '{1}', 1);");
	return $session;
}

# A session may be gone with its server
sub end_session
{
	my ($session, $how) = @_;

	eval { local $SIG{PIPE} = 'IGNORE'; $session->query($how); $session->quit; };
}

sub end_prepared
{
	foreach my $gid (lines($node, $db, 'SELECT gid FROM pg_prepared_xacts'))
	{
		$node->psql($db, (rand() < 0.5 ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$gid'");
	}
}

my @ways = (
	[ 'a worker is told to end' => "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'svc_ownership worker'" ],
	[ 'a session is ended' => "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgbench' ORDER BY random() LIMIT 1" ],
	[ 'a worker is killed' => undef, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'svc_ownership worker'" ],
	[ 'a session is killed' => undef, "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgbench' ORDER BY random() LIMIT 1" ],
	[ 'the server stops at once' ]);
my ($killed, %killed) = (int(rand(@ways)));

sub kill_something
{
	my ($name, $statement, $victim) = @{ $ways[ $killed++ % @ways ] };

	if ($statement)
	{
		$node->psql($db, $statement);
	}
	elsif ($victim)
	{
		my ($rc, $pid) = $node->psql($db, $victim);

		return unless $rc == 0 && $pid && $pid =~ /^\d+$/;
		kill_process($pid);
	}
	else
	{
		$node->stop('immediate');
		$node->start;
	}
	$killed{$name}++;
	wait_for_server($node);
	return;
}

my $truncated = "SELECT count(*) FROM unnest('{svc.journal_0,svc.journal_1,svc.journal_2}'::regclass[]) r WHERE pg_relation_filenode(r) <> r::oid";
my $script = transaction_script();
my $round = 0;
my $first = $killed;
my $end = time + 3600;

while (time < $end)
{
	my $done = one($node, $db, 'SELECT sum(changes) FROM counted');
	my $long = long_transaction();
	my $out = '';
	my $load = IPC::Run::start([ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-f', $script, '-c', $clients,
			'-T', 3, '--max-tries', 3, '--random-seed', $seed + $round++, $db ],
		'>', \$out, '2>', \$out);

	sleep 0.5 + rand(2);
	if ($killed - $first < $kills)
	{
		kill_something();
	}
	$load->finish;
	end_session($long, rand() < 0.7 ? 'COMMIT;' : 'ROLLBACK;');
	end_prepared();
	# how much the last round adds is a matter of the machine's speed
	last if $done >= $entries && $killed - $first >= $kills && ($entries < 30_000 || one($node, $db, $truncated) > 0);
}
note("$_: $killed{$_} times") foreach sort keys %killed;
cmp_ok($killed - $first, '>=', $kills, "killed $kills times");

# What is left is done by the worker, although some pieces still fail
$node->poll_query_until($db, "SELECT NOT EXISTS (SELECT 1 FROM svc.journal_entries(0) WHERE kind = 't')
  AND NOT EXISTS (SELECT 1 FROM wrong WHERE seq IS NULL)") or diag('the journal was not read to its end');
note(one($node, $db, "SELECT format('%s changes, %s entries consumed, %s of them again',
  (SELECT sum(changes) FROM counted), count(*), count(*) - count(DISTINCT (subject, keys))) FROM consumed"));
cmp_ok(one($node, $db, 'SELECT sum(changes) FROM counted'), '>=', $entries, 'as many changes as were wanted');
rows($node, $db, 'SELECT * FROM wrong LIMIT 20', '', 'none was skipped, none was invented, the order of each row was kept');
rows($node, $db, "SELECT count(*) FROM consumed WHERE subject = 'nobody'", '0', 'nothing of savepoints that were rolled back');

# What was read goes, as soon as nobody holds it
$node->poll_query_until($db, "SELECT count(*) <= 1 FROM unnest('{svc.journal_0,svc.journal_1,svc.journal_2}'::regclass[]) r WHERE pg_relation_size(r) > 0")
  or diag('generations were not emptied');
SKIP:
{
	skip 'too few entries to fill a generation', 1 if $entries < 30_000;
	cmp_ok(one($node, $db, $truncated), '>=', 1, 'generations were truncated meanwhile');
}
cmp_ok(one($node, $db, 'SELECT count(*) FROM svc.journal_cursor'), '<', 2000, 'rows of cursors that are past do not stay');
unlike(slurp_file($node->logfile), qr/unread entry of the journal is gone/, 'no unread entry was truncated');

done_testing();
