# What is not as workers would have it: they and the launcher are killed at any
# moment, their database is dropped before they came or becomes a template, they are
# not allowed, the server is a standby until it is promoted, the extension is older
# than the library, settings of the database are against them, errors are written in
# other encodings.  Nothing is lost, nobody is held up, and svc.workers says what is.
#
#   SVC_KILLS   how many workers are told to end at a random moment (20; make soak: 400)
#   SVC_SEED    of the moments

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use Encode ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest qw(:DEFAULT becomes worker_in new_database expiring kill_process wait_for_server);
use Test::More;
use Time::HiRes qw(sleep);

my $kills = $ENV{SVC_KILLS} // 20;
my $seed = $ENV{SVC_SEED} || int(rand(2**31));
srand($seed);
note("$kills kills, seed $seed");

my $node = new_server('main', conf => <<'CONF');
fsync = off
autovacuum = off
jit = off
restart_after_crash = on
wal_level = logical
max_worker_processes = 20
svc_ownership.max_workers = 4
svc_ownership.worker_interval = '1h'
svc_ownership.worker_idle_timeout = '60s'
CONF
my $ring = "SELECT svc.keep_rows('sessions', 'expires_at', '0')";
my $enter = "INSERT INTO sessions VALUES (1, now()); $ring";
my $left = 'SELECT count(*) FROM sessions';

new_database($node, 'base', expiring(0, 0));
becomes($node, 'base', worker_in('base'), '1', 'a worker has come');

# Nothing failed: nothing was done
# who waits was rung for, and stays; who only looks at a database leaves without a wait
my $waiting = "FROM pg_stat_activity WHERE backend_type = 'svc_ownership worker' AND datname = 'base' AND state = 'idle' AND wait_event_type = 'Extension'";
becomes($node, 'base', "SELECT count(*) $waiting", '1', 'and has nothing to do');
my $idle = one($node, 'base', "SELECT pid $waiting");
$node->safe_psql('base', "SELECT pg_terminate_backend($idle, 60000)");
becomes($node, 'base', "SELECT count(*) FROM svc.workers WHERE pid = $idle", '0', 'a worker that has nothing to do is told to end');
is(one($node, 'base', 'SELECT count(*) FROM svc.workers WHERE last_error IS NOT NULL'), '0', 'that is no error');
$node->safe_psql('base', $ring);
becomes($node, 'base', worker_in('base'), '1', 'and another one comes');

sub set
{
	my ($name, $value) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET svc_ownership.$name = '$value'");
	$node->reload;
	return;
}

# ---- a database that is to be copied ----

$node->safe_psql('postgres', 'CREATE ROLE maker LOGIN CREATEDB');
$node->safe_psql('postgres', 'ALTER DATABASE base IS_TEMPLATE true');
is(one($node, 'postgres', worker_in('base')), '0', 'a worker leaves a database that becomes a template');
allowed($node, 'postgres', ['!CREATE DATABASE copied TEMPLATE base STRATEGY wal_log'], 'whoever may can copy it', user => 'maker');
$node->safe_psql('postgres', 'ALTER DATABASE copied OWNER TO CURRENT_USER');
$node->safe_psql('copied', $enter);
becomes($node, 'copied', worker_in('copied'), '1', 'a worker is in the copy');
$node->safe_psql('postgres', 'ALTER DATABASE copied ALLOW_CONNECTIONS false');
is(one($node, 'postgres', worker_in('copied')), '0', 'and leaves it when nobody is let in any more');
$node->safe_psql('postgres', 'ALTER DATABASE copied ALLOW_CONNECTIONS true');

# ---- one who keeps workers out again and again ----

$node->safe_psql('copied', $enter);
becomes($node, 'copied', worker_in('copied'), '1', 'a worker comes back');
my $session = $node->background_psql('postgres');
$session->query_safe('CREATE DATABASE mine TEMPLATE template0 STRATEGY wal_log');
$session->query_safe('BEGIN; ' . 'ALTER DATABASE mine RENAME TO other; ALTER DATABASE other RENAME TO mine;' x 40);
{
	my ($rc, $out, $err) = $node->psql('postgres', "SET client_min_messages = debug1;\nDROP DATABASE copied");

	is($rc, 0, 'does not use up the room for others') or diag($err);
	cmp_ok(($err =~ /waited (\d+) ms for a worker/)[0], '<', 2500, 'who are not held up');
}
$session->query_safe('COMMIT');
$session->quit;

# ---- dropped before a worker came ----

my $log = -s $node->logfile;
my $script = <<"SQL" x ($kills / 4);
CREATE DATABASE brief TEMPLATE base STRATEGY wal_log;
\\c brief
$enter;
\\c postgres
DROP DATABASE brief;
SQL
$node->safe_psql('postgres', $script);
unlike(slurp_file($node->logfile, $log), qr/FATAL: .*does not exist|is being accessed/, 'a database can be dropped while its worker starts');
becomes($node, 'base', "SELECT count(*) FROM svc.workers WHERE kind = 'worker'", '0', 'no worker is shown for it');

# ---- told to end, at any moment ----

my @many = map { "many_$_" } 1 .. ($kills < 20 ? $kills : 20);
$node->safe_psql('postgres', "CREATE DATABASE $_ TEMPLATE base STRATEGY wal_log") foreach @many;
my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');

# The server's processes with a title, also those that no view shows yet
sub processes
{
	my ($title) = @_;
	my @pids;

	foreach my $pid (map { m{/(\d+)/} ? $1 : () } glob '/proc/[0-9]*/stat')
	{
		my $stat = eval { slurp_file("/proc/$pid/stat") } // next;
		my ($parent) = $stat =~ /\) \S (\d+)/;
		next unless $parent == $postmaster;
		push @pids, $pid if (eval { slurp_file("/proc/$pid/cmdline") } // '') =~ /\Q$title\E/;
	}
	return @pids;
}

my $killed = 0;
my $tries = 0;
while ($killed < $kills && $tries++ < 10 * $kills)
{
	my $dbname = $many[ $tries % @many ];

	$node->safe_psql($dbname, $enter);
	sleep rand(0.03);
	$killed += kill 'TERM', processes('svc_ownership worker');
}
cmp_ok($killed, '>=', $kills, "$killed workers were told to end");
becomes($node, $_, $left, '0', "the work of $_ is done in the end") foreach @many;
set('worker_idle_timeout', '0');
becomes($node, 'base', "SELECT count(*) FROM svc.workers WHERE kind = 'worker'", '0', 'and no worker is left over');
set('worker_idle_timeout', '60s');
unlike(slurp_file($node->logfile, $log), qr/PANIC|TRAP|was terminated by signal/, 'without a crash');

# The launcher is killed, and the server with it
$node->safe_psql('many_1', "INSERT INTO sessions VALUES (1, now())");
kill_process(one($node, 'base', "SELECT pid FROM svc.workers WHERE kind = 'launcher'"));
wait_for_server($node);
becomes($node, 'many_1', $left, '0', 'the launcher is killed: the server comes back, and the work is done');

# ---- allowed, and not allowed ----

set('worker_idle_timeout', '1h');
$node->safe_psql('many_2', $enter);
becomes($node, 'many_2', $left, '0', 'a worker is there, and stays');
set('max_workers', '0');
becomes($node, 'many_1', 'SHOW svc_ownership.max_workers', '0', 'workers are not allowed');
becomes($node, 'base', "SELECT count(*) FROM svc.workers WHERE kind = 'worker'", '0', 'and those who were there leave');
$node->safe_psql('many_2', $enter);
sleep 1;
is(one($node, 'many_2', $left), '1', 'then there are none');
$node->safe_psql('many_2', 'CALL svc.run_pending()');
is(one($node, 'many_2', $left), '0', 'svc.run_pending does the work');
$node->safe_psql('many_3', $enter);
set('max_workers', '4');
becomes($node, 'many_3', $left, '0', 'and they come when they are allowed, without another ring');

# ---- settings of the database ----

my %against = (statement_timeout => '1ms', lock_timeout => '1ms', idle_in_transaction_session_timeout => '1ms', default_transaction_read_only => 'on',
	default_transaction_isolation => 'serializable', search_path => 'nowhere', row_security => 'off',
	$node->pg_version >= 17 ? (transaction_timeout => '300ms') : ());
$node->safe_psql('postgres', "ALTER DATABASE many_4 SET $_ = '$against{$_}'") foreach sort keys %against;
{
	# not against us
	local $ENV{PGOPTIONS} = join ' ', '-c default_transaction_read_only=off', '-c search_path=public', map { /timeout/ ? "-c $_=0" : () } keys %against;

	$node->safe_psql('many_4', 'DROP TABLE sessions; DROP FUNCTION slow;' . expiring(60, 20));
	becomes($node, 'many_4', $left, '0', 'settings of the database do not reach its worker');
}

# ---- an extension that is older than the library ----

$node->safe_psql('many_5', <<'SQL');
SET svc_ownership.restoring = on;
ALTER TABLE svc.journal_1 RENAME TO journal_later;
SQL
$node->safe_psql('many_5', "INSERT INTO sessions VALUES (1, now()); $ring");
becomes($node, 'many_5', $left, '0', 'other work goes on');
becomes($node, 'many_5', "SELECT last_error FROM svc.worker_states() WHERE last_error IS NOT NULL", 'journal: table svc.journal_1 does not exist', 'svc.workers says what is missing');
my $append = q(SELECT svc.journal_append('c', 'sessions', 'x', ARRAY[1]));
my ($rc, $out, $err) = $node->psql('many_5', "\\set ON_ERROR_STOP off\n$append;\n$append;\n", on_error_stop => 0);
is(() = $err =~ /ERROR:  table svc.journal_1 does not exist\nDETAIL:  The library that is loaded needs a newer version of the extension than this database has.\nHINT:  ALTER EXTENSION svc_ownership UPDATE/g,
	2, 'and so is everybody told, each time') or diag($err);

# ---- errors in other encodings ----

# Rows that expire and that somebody refers to, with names that are no ASCII
sub failing
{
	my ($dbname, $encoding, $table, $constraint) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $dbname ENCODING '$encoding' LOCALE 'C' TEMPLATE template0 STRATEGY wal_log");
	$node->safe_psql($dbname, <<"SQL");
SET client_encoding = 'UTF8';
CREATE EXTENSION svc_ownership;
CREATE TABLE "$table" (id int PRIMARY KEY, until date);
CREATE INDEX ON "$table" (until);
CREATE TABLE posts (author int CONSTRAINT "$constraint" REFERENCES "$table");
INSERT INTO "$table" VALUES (1, '2001-01-01');
INSERT INTO posts VALUES (1);
SQL
	$node->safe_psql($dbname, qq(SET client_encoding = 'UTF8'; SELECT svc.keep_rows('"$table"', 'until', '0')));
	my $error = "SELECT last_error FROM svc.worker_states() WHERE database = (SELECT oid FROM pg_database WHERE datname = '$dbname')";
	$node->poll_query_until('postgres', "SELECT ($error) <> ''");
	my $shown = one($node, 'postgres', $error);
	# a round that does not try again forgets nothing
	$node->safe_psql($dbname, q(SELECT svc.journal_append('i', 'posts', 'author', ARRAY[1])));
	becomes($node, $dbname, 'SELECT count(*) FROM svc.journal_pending', '0', "something else is done in a database in $encoding");
	is(one($node, 'postgres', $error), $shown, 'and what failed is still shown');
	return $shown;
}
$node->safe_psql('postgres', 'CREATE EXTENSION svc_ownership');
like(failing('latin', 'LATIN1', "b\xc3\xbccher", 'c'), qr/^retention: expired rows of public."b\?cher" were not deleted/, 'another encoding is not shown as if it were ours');
my $shown = failing('utf8', 'UTF8', "\xc3\xa4" x 31, 'a' . "\xc3\xa4" x 31);
ok(eval { Encode::decode('UTF-8', my $copy = $shown, Encode::FB_CROAK); 1 }, 'no character is cut in two') or diag($shown);
is(length $shown, 254, 'where there is no room for all of it');

# ---- logical replication ----

# Entries and cursors are nobody else's
$node->safe_psql('many_6', <<"SQL");
CREATE PUBLICATION everything FOR ALL TABLES;
SELECT pg_create_logical_replication_slot('slot', 'pgoutput');
SQL
$node->safe_psql('many_6', "SELECT svc.journal_append('i', 'sessions', 'id', ARRAY[i]) FROM generate_series(1, 1000) i; CREATE TABLE seen (id int); INSERT INTO seen VALUES (1)");
$node->safe_psql('many_6', 'CALL svc.run_pending()');
becomes($node, 'many_6', 'SELECT count(*) FROM svc.journal_pending', '0', 'the journal of a publisher is read');
my $decoded = one($node, 'many_6', <<'SQL');
SELECT string_agg(DISTINCT name, ' ' ORDER BY name)
  FROM pg_logical_slot_get_binary_changes('slot', NULL, NULL, 'proto_version', '1', 'publication_names', 'everything') c,
       LATERAL (SELECT unnest(regexp_match(encode(data, 'escape'), '(seen|journal_\w+)')) AS name) n
 WHERE get_byte(data, 0) IN (ascii('R'), ascii('T'))
SQL
is($decoded, 'seen', 'its journal is not published');
$node->safe_psql('many_6', "SELECT pg_drop_replication_slot('slot')");

# ---- a dump, with something in the journal ----

set('max_workers', '0');
$node->safe_psql('many_7', q(SELECT svc.journal_append('i', 'sessions', 'id', ARRAY[1])));
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
command_ok([ 'pg_dump', '-f', $dump, $node->connstr('many_7') ], 'a database with entries is dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ], 'and restored');
is(one($node, 'restored', 'SELECT count(*) FROM svc.journal_entries()'), '0', 'without them');
is(one($node, 'restored', q(SELECT svc.journal_append('i', 'sessions', 'id', ARRAY[2]); SELECT keys FROM svc.journal_entries())), "t\n{2}", 'its journal is written');
$node->safe_psql('restored', 'CALL svc.run_pending()');
is(one($node, 'restored', 'SELECT count(*) FROM svc.journal_entries()'), '0', 'and read');
$node->stop;

# ---- a standby, and what is pending when it is promoted ----

my $primary = new_server('primary', init => { allows_streaming => 1 }, workers => 0, conf => "max_prepared_transactions = 5\n");
new_database($primary, 'simple', expiring(0, 0));
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "svc_ownership.max_workers = 4\nsvc_ownership.worker_interval = '100ms'");
$standby->start;
my $append_id = q(SELECT svc.journal_append('i', 'sessions', 'id', ARRAY[1]));
$primary->safe_psql('simple', "$enter; $append_id");
$primary->safe_psql('simple', "BEGIN; $append_id; PREPARE TRANSACTION 'late'");
$primary->wait_for_catchup($standby);
sleep 0.5;
is(one($standby, 'simple', "$left; SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'svc%'"), "1\n0", 'nobody works on a standby');
$primary->stop('immediate');
$standby->promote;
my $entries = 'SELECT count(*) FROM svc.journal_entries()';
becomes($standby, 'simple', $left, '0', 'when it is promoted, what was pending is done');
becomes($standby, 'simple', $entries, '0', 'and its journal read');
my $before = one($standby, 'simple', 'SELECT max(move) FROM svc.journal_cursor');
$standby->safe_psql('simple', "COMMIT PREPARED 'late'");
becomes($standby, 'simple', $entries, '0', 'also what was prepared before');
cmp_ok(one($standby, 'simple', 'SELECT max(move) FROM svc.journal_cursor'), '>', $before, 'when it is committed');
$standby->stop;

# ---- no preload ----

my $bare = new_server('bare', preload => 0, conf => "fsync = off\n");
new_database($bare, 'simple', expiring(10, 0));
is(one($bare, 'simple', 'SELECT count(*) FROM svc.workers'), '0', 'without preload there is nobody');
$bare->safe_psql('simple', 'CALL svc.run_pending()');
is(one($bare, 'simple', $left), '0', 'svc.run_pending works');
rows($bare, 'simple', "SELECT detail, hint FROM svc.status() WHERE item = 'preload'",
	'not in shared_preload_libraries: there are no workers, and what is left for later stays pending'
	  . '|CALL svc.run_pending() does it. For workers, and checks against other databases: add svc_ownership to shared_preload_libraries, and restart.',
	'svc.status says what does it');
$bare->stop;

done_testing();
