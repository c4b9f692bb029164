# A service whose code does not end: the worker gives it up, says so, and does the
# work of other services, whatever it was: rows that follow a deleted key, rows
# that expire, questions to a validator.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_server('main', conf => <<'CONF');
fsync = off
autovacuum = off
svc_ownership.worker_interval = '200ms'
svc_ownership.worker_patience = '500ms'
CONF

# What a query prints in the end, or the last that it did
sub becomes
{
	my ($query, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $until = time + 60;
	my $got = '';

	while (time < $until)
	{
		$got = one($node, 'postgres', $query);
		last if $got eq $expected;
		sleep 0.05;
	}
	is($got, $expected, $name);
	return;
}

$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('product', schema => 'product'), svc.create_service('good', schema => 'good'),
       svc.create_service('slow', schema => 'slow');
SET ROLE product_owner;
CREATE TABLE product.products (id int PRIMARY KEY);
INSERT INTO product.products SELECT generate_series(1, 100);
SELECT svc.publish('product', 'products', 'product.products'), svc.grant_contract('product', 'good'),
       svc.grant_contract('product', 'slow');
SET ROLE slow_owner;
CREATE FUNCTION slow.sleep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(100000); RETURN OLD; END';
CREATE FUNCTION slow.sleeps(keys int[]) RETURNS SETOF int LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(100000); END';
CREATE TABLE slow.items (id int, product_id int);
CREATE TABLE slow.asked (product_id int);
CREATE TABLE slow.sessions (until timestamptz);
CREATE INDEX ON slow.sessions (until);
SELECT svc.create_reference('slow.items', 'product_id', 'product', 'products', name => 'slow', on_delete => 'set_null');
INSERT INTO slow.items SELECT i, i FROM generate_series(1, 20) i;
INSERT INTO slow.asked VALUES (1);
INSERT INTO slow.sessions VALUES (now() - interval '1 hour');
CREATE TRIGGER sleep BEFORE UPDATE ON slow.items FOR EACH ROW EXECUTE FUNCTION slow.sleep();
CREATE TRIGGER sleep BEFORE DELETE ON slow.sessions FOR EACH ROW EXECUTE FUNCTION slow.sleep();
SET ROLE good_owner;
CREATE TABLE good.items (id int, product_id int);
SELECT svc.create_reference('good.items', 'product_id', 'product', 'products', name => 'good', on_delete => 'set_null');
INSERT INTO good.items SELECT i, i FROM generate_series(1, 20) i;
CREATE TABLE good.sessions (until timestamptz);
CREATE INDEX ON good.sessions (until);
INSERT INTO good.sessions VALUES (now() - interval '1 hour');
SQL

# ---- rows that follow a deleted key, many deletions ----
$node->safe_psql('postgres', "DELETE FROM product.products WHERE id = $_") foreach 1 .. 10;
becomes('SELECT count(product_id) FROM good.items', '10', 'others have their turn');
becomes("SELECT count(*) > 0 FROM svc.tombstones('slow') WHERE last_error ~ 'worker_patience'", 't',
	'the slow one is told why');
becomes("SELECT state FROM svc.reference_violations WHERE reference = 'slow' LIMIT 1", 'open',
	'and what it could not do is a violation');
is(one($node, 'postgres', 'SELECT count(product_id) FROM slow.items'), '20', 'nothing of it is done');

# ---- rows that expire ----
$node->safe_psql('postgres', <<'SQL');
SET ROLE slow_owner;
SELECT svc.keep_rows('slow.sessions', 'until', '0');
SET ROLE good_owner;
SELECT svc.keep_rows('good.sessions', 'until', '0');
SQL
becomes('SELECT count(*) FROM good.sessions', '0', "others' rows expire");
is(one($node, 'postgres', 'SELECT count(*) FROM slow.sessions'), '1', 'and those of the slow one stay');
$node->safe_psql('postgres', "SELECT svc.drop_retention('slow.sessions')");

# ---- a validator ----
$node->safe_psql('postgres', <<'SQL');
SET ROLE slow_owner;
SELECT svc.create_reference('slow.asked', 'product_id', 'product', 'products', name => 'asked', validator => 'slow.sleeps(int[])');
SQL
becomes("SELECT last_error IS NOT NULL FROM svc.reference_status WHERE reference = 'asked'", 't', 'its sweep fails');
$node->safe_psql('postgres', 'DELETE FROM product.products WHERE id BETWEEN 11 AND 20');
becomes('SELECT count(product_id) FROM good.items', '0', 'and others have their turn');

# ---- somebody holds rows of the catalog that are about him ----
# Were each of them waited for as long as locks of tables are, others would wait for minutes
my @held = map { "held $_" } 1 .. 4;
$node->safe_psql('postgres', join("\n", 'SET ROLE slow_owner;', map { <<"SQL" } @held));
CREATE TABLE slow."$_" (product_id int);
SELECT svc.create_reference('slow."$_"', 'product_id', 'product', 'products', name => '$_', mode => 'async');
INSERT INTO slow."$_" VALUES (1001);
SQL
$node->safe_psql('postgres', <<'SQL');
SET ROLE good_owner;
CREATE TABLE good.later (product_id int);
SELECT svc.create_reference('good.later', 'product_id', 'product', 'products', name => 'good later', mode => 'async');
SQL
becomes("SELECT count(*) FROM svc.reference_violations WHERE reference LIKE 'held%'", '4', 'violations');
my ($out, $err) = ('', '');
my $holder = IPC::Run::start(
	[ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('postgres'), map { ('-c', $_) } 'BEGIN', 'SET ROLE slow_owner',
	  "SELECT svc.waive_violation(reference, key, 'held') FROM svc.reference_violations WHERE reference LIKE 'held%'",
	  'SELECT pg_sleep(100000)' ],
	'<', \undef, '>', \$out, '2>', \$err);
my $holding = "query = 'SELECT pg_sleep(100000)' AND backend_type = 'client backend'";
becomes("SELECT count(*) FROM pg_stat_activity WHERE $holding", '1', 'are held');
$node->safe_psql('postgres', join('', map { "INSERT INTO slow.\"$_\" VALUES (1001), (1002);" } @held)
	  . 'INSERT INTO good.later VALUES (1001)');
becomes("SELECT count(*) FROM svc.reference_violations WHERE reference = 'good later'", '1', 'others do not wait for them');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $holding");
eval { $holder->finish };
becomes("SELECT count(*) FROM svc.reference_violations WHERE reference LIKE 'held%'", '8', 'nothing of it is lost');

done_testing();
