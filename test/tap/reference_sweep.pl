# Sweeps of large tables: seen from other sessions, cancelled, killed and gone on
# with; done by workers where they are needed; of contracts elsewhere, that do
# not answer; in memory that does not grow with the table.  The log: its
# partitions come and go without keeping anybody waiting, dumps leave them out,
# DROP EXTENSION takes them.
#
# SVC_SWEEP_ROWS says how many rows the large table has (make soak: 10000000).

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest qw(:DEFAULT becomes);
use Test::More;
use Time::HiRes qw(time);

my $rows = $ENV{SVC_SWEEP_ROWS} // 500000;
my $node = new_server('main', tcp => 1, conf => <<'CONF');
fsync = off
autovacuum = off
restart_after_crash = on
max_worker_processes = 20
svc_ownership.worker_interval = '200ms'
svc_ownership.worker_idle_timeout = '300ms'
svc_ownership.reference_log_sample = 0
svc_ownership.log_retention = '20000d'
CONF
note("$rows rows");

# ---- helpers ----

# A session that does something meanwhile; what it says is in the last two
sub in_background
{
	my ($dbname, @statements) = @_;
	my ($out, $err) = ('', '');
	my $session = IPC::Run::start(
		[ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr($dbname), map { ('-c', $_) } @statements ],
		'<', \undef, '>', \$out, '2>', \$err);
	return { session => $session, out => \$out, err => \$err };
}

sub ended
{
	my ($b) = @_;

	# the session may have been killed
	eval { $b->{session}->finish; 1 } or note($@);
	return ${ $b->{err} };
}

# All that was deleted from a table is free again: nobody else's snapshot keeps it
sub vacuumed
{
	my ($dbname, $table) = @_;
	my $until = time + 30;
	my $err = '';

	while ($err !~ /\b0 are dead but not yet removable/ && time < $until)
	{
		$node->psql($dbname, "VACUUM (VERBOSE) $table", stderr => \$err);
	}
	like($err, qr/\b0 are dead but not yet removable/, "$table has room");
	return;
}

# The worker of a database that is there now ends: the next one has the settings of now
sub end_worker
{
	my ($dbname) = @_;

	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE backend_type = 'svc_ownership worker' AND datname = '$dbname'");
	return;
}

# Who sweeps, and how much memory of its own that takes, in kilobytes
sub sweeper
{
	my ($dbname) = @_;
	return "SELECT pid FROM pg_stat_activity WHERE datname = '$dbname' AND query LIKE 'CALL svc.%' AND pid <> pg_backend_pid()";
}

sub own_memory
{
	my ($pid) = @_;
	my ($kb) = slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB/m;
	return $kb;
}

# A database with products 1 to 1000, and a cart whose items name them and, nearly
# at the end of their table, one more
sub new_shop
{
	my ($dbname, $items, $options) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $dbname");
	$node->safe_psql($dbname, <<"SQL");
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('product', schema => 'product', role_prefix => '${dbname}_product'),
       svc.create_service('cart', schema => 'cart', role_prefix => '${dbname}_cart');
SET ROLE ${dbname}_product_owner;
CREATE TABLE product.products (id int PRIMARY KEY);
INSERT INTO product.products SELECT generate_series(1, 1000);
SELECT svc.publish('product', 'products', 'product.products'), svc.grant_contract('product', 'cart');
SET ROLE ${dbname}_cart_owner;
CREATE TABLE cart.items (id int, product_id int$options);
INSERT INTO cart.items SELECT i, 1 + i % 1000 FROM generate_series(1, $items) i;
INSERT INTO cart.items VALUES (0, 2000);
INSERT INTO cart.items SELECT -1000 - i, 1 FROM generate_series(1, 99) i;
BEGIN;
SELECT svc.create_reference('cart.items', 'product_id', 'product', 'products', name => 'items_ref');
RESET ROLE;
-- nobody sweeps but who is asked to
UPDATE svc.reference_state SET needs_sweep = false;
COMMIT;
SQL
	return;
}

my $violations = 'SELECT key, rows, state FROM svc.reference_violations ORDER BY key';
my $progress = 'SELECT state, block > 0, rows > 0 FROM svc.reference_sweeps';

# ---- seen, cancelled, killed ----

# six ranges
new_shop('shop', 240000, ", pad text DEFAULT repeat('x', 380)");
my @slow = ("SET svc_ownership.sweep_delay = '1min'", "CALL svc.check_references('items_ref')");
my $sweep = in_background('shop', @slow);
becomes($node, 'shop', $progress, 'unfinished|t|t', 'how far a sweep got is seen from another session');
my $started = one($node, 'shop', 'SELECT started FROM svc.reference_sweeps');
my $begin = time;
$node->safe_psql('shop', "SELECT pg_cancel_backend(pid) FROM (" . sweeper('shop') . ") s");
like(ended($sweep), qr/canceling statement due to user request/, 'a sweep that rests can be cancelled');
cmp_ok(time - $begin, '<', 20, 'at once');

my $block = one($node, 'shop', 'SELECT block FROM svc.reference_sweeps');
$sweep = in_background('shop', @slow);
becomes($node, 'shop', "SELECT block > $block FROM svc.reference_sweeps", 't', 'the next call goes on there');
kill 'KILL', one($node, 'shop', sweeper('shop'));
ended($sweep);
becomes($node, 'shop', 'SELECT state FROM svc.reference_sweeps', 'unfinished', 'a server that crashed knows how far it was');
$block = one($node, 'shop', 'SELECT block FROM svc.reference_sweeps');
my ($out, $err);
$node->psql('shop', "CALL svc.validate_reference('items_ref')", stderr => \$err);
like($err, qr/violated by existing rows\nDETAIL:  1 key in 1 row is not there/, 'what was found before the crash counts');
is(one($node, 'shop', 'SELECT started, state, rows FROM svc.reference_sweeps'),
	"$started|finished|240100", 'each row was looked at once');
rows($node, 'shop', $violations, '2000|1|open', 'it is one violation');

# while everything moves: the row with the missing key is at the end of the
# table, and is updated into the room that is there at its beginning
$node->safe_psql('shop', 'DELETE FROM cart.items WHERE id BETWEEN 1 AND 2000');
vacuumed('shop', 'cart.items');
$sweep = in_background('shop', "SET svc_ownership.sweep_delay = '1s'", "CALL svc.check_references('items_ref')");
becomes($node, 'shop', $progress, 'unfinished|t|t', 'a sweep is on its way');
my $moved = one($node, 'shop', "UPDATE cart.items SET id = -1 WHERE id = 0; SELECT ctid < '(2048,0)' FROM cart.items WHERE id = -1");
is($moved, 't', 'a row moves into a range that was read');
like(ended($sweep), qr/1 key in 1 row/, 'and is found');
rows($node, 'shop', $violations, '2000|1|open', 'its violation is not resolved');

# ---- memory ----

new_shop('small', $rows / 5, '');
new_shop('large', $rows, '');
my %memory;
my %took;
foreach my $dbname (qw(small large))
{
	# each key has a row of its own kind: as many keys as rows
	$node->safe_psql($dbname, <<"SQL");
INSERT INTO product.products SELECT i FROM generate_series(1001, 1000000) i WHERE i <> 2000;
SET session_replication_role = replica;
UPDATE cart.items SET product_id = 1 + id % 1000000 WHERE id > 0;
RESET session_replication_role;
VACUUM ANALYZE;
SQL
	my $session = $node->background_psql($dbname, timeout => 60 + $rows / 5000);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');

	$session->query_safe("SET client_min_messages = error; SET maintenance_work_mem = '8MB'");
	$memory{$dbname} = -own_memory($pid);
	$took{$dbname} = -time;
	$session->query_safe("CALL svc.check_references('items_ref')");
	$took{$dbname} += time;
	$memory{$dbname} += own_memory($pid);
	$session->quit;
}
SKIP:
{
	skip('a sanitizer takes memory of its own', 1) if ($ENV{LD_PRELOAD} // '') =~ /asan/;
	cmp_ok($memory{large}, '<', 16384, "memory does not grow with the table, but to what may be used ($memory{small} kB, $memory{large} kB)");
}
note(sprintf('%d rows a second, keys all over a million', $rows / $took{large}));

# ---- workers ----

$node->safe_psql('shop', <<'SQL');
INSERT INTO product.products VALUES (2000);
UPDATE svc.reference_state SET needs_sweep = true;
SQL
becomes($node, 'shop', "SELECT needs_sweep FROM svc.reference_state", 'f', 'a worker sweeps what needs it');
becomes($node, 'shop', 'SELECT key, state FROM svc.reference_violations', '2000|resolved', 'and what is valid now is resolved');
$node->safe_psql('shop', <<'SQL');
DELETE FROM product.products WHERE id = 7;
ALTER DATABASE shop SET svc_ownership.sweep_delay = '60s';
SQL
end_worker('shop');
$node->safe_psql('shop', 'UPDATE svc.reference_state SET needs_sweep = true');
becomes($node, 'shop', $progress, 'unfinished|t|t', 'a worker is in the middle of a sweep');
$node->safe_psql('shop', 'ALTER DATABASE shop RESET svc_ownership.sweep_delay');
end_worker('shop');
becomes($node, 'shop', 'SELECT state FROM svc.reference_sweeps', 'finished', 'the next one ends what it owes');
like(one($node, 'shop', "SELECT rows FROM svc.reference_violations WHERE key = '7' AND state = 'open'"), qr/^[1-9]/, 'and finds what there is');

# a worker that rests is in nobody's way
$node->safe_psql('postgres', 'ALTER DATABASE small SET svc_ownership.sweep_delay = 60000');
end_worker('small');
$node->safe_psql('small', <<'SQL');
CREATE TABLE cart.more (LIKE cart.items);
ALTER TABLE cart.more OWNER TO small_cart_owner;
ALTER TABLE cart.more INHERIT cart.items;
INSERT INTO cart.more VALUES (0, 1);
UPDATE svc.reference_state SET needs_sweep = true;
SQL
becomes($node, 'small', "SELECT state FROM svc.reference_sweeps", 'unfinished', 'a worker rests between two parts');
$node->psql('postgres', "SET client_min_messages = debug1;\nDROP DATABASE small", stderr => \$err);
my ($held) = $err =~ /waited (\d+) ms for a worker/;
cmp_ok($held // 99999, '<', 4000, 'its database can be dropped');

# ---- the log ----

my $partitions = q(SELECT count(*) FROM pg_inherits WHERE inhparent = 'svc.reference_log'::regclass AND inhrelid::regclass::text LIKE '%_2020%');
$node->safe_psql('shop', <<'SQL');
CREATE TABLE svc.reference_log_20200101 PARTITION OF svc.reference_log FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2020-01-02 00:00+00');
CREATE TABLE svc.reference_log_20200102 PARTITION OF svc.reference_log FOR VALUES FROM ('2020-01-02 00:00+00') TO ('2020-01-03 00:00+00');
INSERT INTO svc.reference_log VALUES ('2020-01-01 12:00+00', 'items_ref', 'old', 'missing', 'sweep');
UPDATE svc.reference_violation SET last_seen = '2020-01-01' WHERE state = 'resolved';
SQL
my $reader = $node->background_psql('shop');
$reader->query_safe('BEGIN; SELECT count(*) FROM svc.reference_validation_log');
$node->safe_psql('postgres', "ALTER SYSTEM SET svc_ownership.log_retention = '14d'");
$node->reload;
$begin = time;
$node->psql('shop', 'CALL svc.run_pending()', stderr => \$err);
rows($node, 'shop', $partitions, '2', 'a reader keeps old partitions');
$begin = time;
is(one($node, 'shop', "SELECT count(*) FROM svc.reference_validation_log WHERE key = 'old'"), '1', 'and nobody keeps another reader waiting');
cmp_ok(time - $begin, '<', 10, 'for long');
$reader->query_safe('COMMIT');
$reader->quit;
$node->psql('shop', 'CALL svc.run_pending()', stderr => \$err);
becomes($node, 'shop', $partitions, '0', 'they go when nobody reads');
becomes($node, 'shop', "SELECT count(*) FROM svc.reference_violations WHERE state = 'resolved'", '0', 'so do violations that were resolved long ago');

# several who find no partition at once
$node->safe_psql('shop', <<'SQL');
DO $$
DECLARE
    part regclass;
BEGIN
    -- ALTER EXTENSION ... DROP TABLE wants the row's type to be a member since 18
    SET LOCAL allow_system_table_mods = on;
    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'svc.reference_log'::regclass LOOP
        DELETE FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = part AND deptype = 'e';
        EXECUTE format('DROP TABLE %s', part);
    END LOOP;
END $$;
SET ROLE shop_cart_owner;
CREATE TABLE cart.a (product_id int);
CREATE TABLE cart.b (product_id int);
CREATE TABLE cart.c (product_id int);
INSERT INTO cart.a VALUES (3001);
INSERT INTO cart.b VALUES (3001);
INSERT INTO cart.c VALUES (3001);
SELECT svc.create_reference('cart.' || t, 'product_id', 'product', 'products', name => t) FROM unnest(ARRAY['a', 'b', 'c']) t;
SQL
my @makers = map { in_background('shop', "CALL svc.check_references('$_')") } qw(a b c);
is(join('', map { ended($_) =~ /ERROR/ ? ended($_) : '' } @makers), '', 'several who find no partition make one');
is(one($node, 'shop', q(SELECT count(DISTINCT reference) FROM svc.reference_validation_log WHERE key = '3001')), '3', 'and write it');

# ---- dumps ----

my $dump = "$PostgreSQL::Test::Utils::tmp_check/shop.sql";
command_ok([ 'pg_dump', '-f', $dump, $node->connstr('shop') ], 'a dump');
unlike(slurp_file($dump), qr/reference_log|reference_violation|reference_sweep\b/, 'has nothing of what was found out');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('copy') ], 'is restored');
becomes($node, 'copy', q(SELECT count(*) FROM svc.reference_violations WHERE reference IN ('a', 'b', 'c') AND state = 'open'), '3', 'where workers look at all rows again');
$node->safe_psql('copy', 'DROP EXTENSION svc_ownership CASCADE');
is(one($node, 'copy', q(SELECT count(*) FROM pg_class WHERE relname LIKE 'reference\_%')), '0', 'with the extension goes the log');

# ---- a contract elsewhere ----

$node->safe_psql('postgres', 'CREATE EXTENSION svc_ownership');
$node->safe_psql('postgres', q(SELECT svc.create_service('product', database => 'product_db', login => 'product_user', password => 'secret', login_level => 'owner')));
$node->safe_psql('product_db', <<'SQL');
SET ROLE product_owner;
CREATE TABLE products (id int PRIMARY KEY);
INSERT INTO products SELECT generate_series(1, 1000);
SELECT svc.publish('product', 'products', 'products'), svc.grant_contract('product', 'cart');
SQL
$node->safe_psql('postgres', 'CREATE DATABASE cart_db');
$node->safe_psql('cart_db', <<"SQL");
CREATE EXTENSION svc_ownership;
CREATE EXTENSION postgres_fdw;
SELECT svc.create_service('cart', schema => 'cart');
SELECT svc.connect('product', database => 'product_db', consumer => 'cart');
SET ROLE cart_owner;
CREATE TABLE cart.items (id int, product_id int);
INSERT INTO cart.items SELECT i, 1 + i % 1000 FROM generate_series(1, 20000) i;
INSERT INTO cart.items VALUES (0, 2000);
BEGIN;
SELECT svc.create_reference('cart.items', 'product_id', 'product', 'products', name => 'items_ref');
RESET ROLE;
UPDATE svc.reference_state SET needs_sweep = false;
INSERT INTO svc.reference_sweep (reference, started, fence, block, rows, seen, finished, owed) VALUES ('items_ref', now(), '3', 0, 0, now(), now(), false);
COMMIT;
SQL
$node->psql('cart_db', "CALL svc.check_references('items_ref')", stderr => \$err);
like($err, qr/1 key in 1 row is not there/, 'a contract in another database is asked');
$node->safe_psql('product_db', 'DELETE FROM products WHERE id = 5');
# its time has come
$node->safe_psql('cart_db', q(UPDATE svc.reference_sweep SET seen = now() - interval '2 days'));
becomes($node, 'cart_db', q(SELECT key, rows, source FROM svc.reference_violations WHERE key = '5'), '5|20|sweep', 'workers find what was deleted there');
# nobody answers
$node->safe_psql('postgres', 'ALTER DATABASE product_db ALLOW_CONNECTIONS false');
$node->safe_psql('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'product_db'));
$node->psql('cart_db', "INSERT INTO cart.items VALUES (1, 3); CALL svc.check_references('items_ref')", stderr => \$err, on_error_stop => 0);
like($err, qr/ERROR:  keys of reference "items_ref" could not be looked up/, 'a contract that does not answer ends the sweep');
is(one($node, 'cart_db', q(SELECT count(*) FROM svc.reference_violations WHERE state = 'open')), '2', 'what is not known is not missing');
is(outcome($node, 'cart_db', "!CALL svc.check_references('items_ref')"), 'SV001', 'with a code of its own');
$node->safe_psql('postgres', 'ALTER DATABASE product_db ALLOW_CONNECTIONS true');
$node->safe_psql('product_db', 'INSERT INTO products VALUES (5), (2000)');
$node->safe_psql('cart_db', "CALL svc.validate_reference('items_ref')");
is(one($node, 'cart_db', q(SELECT count(*) FROM svc.reference_violations WHERE state = 'open')), '0', 'when it answers again, all is well');

$node->stop;
done_testing();
