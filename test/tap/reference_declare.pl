# Declaring references on whole servers: what a dump of one schema keeps of
# them without a row of the catalog, whose rights they have then, that declaring
# reads no table, and that two who declare the same wait for each other.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $node = new_server('main', workers => 0);
my $tempdir = PostgreSQL::Test::Utils::tempdir;

$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', <<'SQL');
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('product', schema => 'product'), svc.create_service('cart', schema => 'cart');
SET ROLE product_owner;
CREATE TABLE product.products (id int PRIMARY KEY);
INSERT INTO product.products SELECT generate_series(1, 10);
SELECT svc.publish('product', 'products', 'product.products'), svc.grant_contract('product', 'cart');
SET ROLE cart_owner;
CREATE TABLE cart.items (product_id int);
CREATE TABLE cart.orders (at date, product_id int) PARTITION BY RANGE (at);
CREATE TABLE cart.orders_1 PARTITION OF cart.orders FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
SELECT svc.create_reference('cart.items', 'product_id', 'product', 'products');
SELECT svc.create_reference('cart.orders', 'product_id', 'product', 'products', mode => 'commit');
SQL

# ---- a dump of schemas has triggers and no rows of the catalog ----

command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-n', 'cart', '-n', 'product', '-n', 'product_api', '-f', "$tempdir/schemas.sql", 'shop' ], 'pg_dump -n');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->safe_psql('copy', 'CREATE EXTENSION svc_ownership');
command_ok([ 'psql', '-Xq', '-h', $node->host, '-p', $node->port, '-v', 'ON_ERROR_STOP=1', '-d', 'copy', '-f', "$tempdir/schemas.sql" ], 'comes back');
rows($node, 'copy', 'SELECT count(*) FROM svc.reference', '0', 'without a row');
my @writes = ('INSERT INTO cart.items VALUES (11)', "INSERT INTO cart.orders VALUES ('2026-01-01', 11)", "INSERT INTO cart.orders_1 VALUES ('2026-01-01', 11)");

sub writes_give
{
	my ($code, $name) = @_;

	is(outcome($node, 'copy', "SET ROLE cart_owner; SET CONSTRAINTS ALL IMMEDIATE; $_"), $code, "$name: $_") foreach @writes;
	return;
}

writes_give('23503', 'keys are looked up as the owner of the schema');
allowed($node, 'copy', [ map { "SET ROLE cart_owner \\; SET CONSTRAINTS ALL IMMEDIATE \\; " . s/11/10/r } @writes ], 'and found');
# a superuser's rights are not used, nor those of somebody for whom the table's owner does not act
my $superuser = one($node, 'copy', 'SELECT current_user');
$node->safe_psql('copy', "ALTER SCHEMA cart OWNER TO \"$superuser\"; GRANT ALL ON SCHEMA cart TO cart_owner");
writes_give('55000', "a superuser's schema");
like(($node->psql('copy', $writes[0]))[2], qr/ERROR:  reference "items_product_id_ref" of relation "items" cannot be checked\n.*superuser.*\nHINT:  Let the relation belong to a service/s, 'with a hint');
$node->safe_psql('copy', 'ALTER SCHEMA cart OWNER TO cart_owner; CREATE ROLE other; GRANT ALL ON SCHEMA cart TO other; ALTER TABLE cart.items OWNER TO other');
is(outcome($node, 'copy', "SET ROLE other; $writes[0]"), '55000', 'the owner of a table in a schema of another role has no use of its rights');
$node->safe_psql('copy', 'ALTER TABLE cart.items OWNER TO cart_owner');
# the service is made around it, and what is declared takes the triggers over
$node->safe_psql('copy', <<'SQL');
SELECT svc.create_service('product', schema => 'product', adopt => true), svc.create_service('cart', schema => 'cart', adopt => true);
DROP SCHEMA product_api CASCADE;
SELECT svc.publish('product', 'products', 'product.products'), svc.grant_contract('product', 'cart');
SELECT svc.create_reference('cart.items', 'product_id', 'product', 'products', mode => 'commit');
SELECT svc.create_reference('cart.orders', 'product_id', 'product', 'products', mode => 'statement');
SQL
rows($node, 'copy', 'SELECT reference, trigger FROM svc.reference_status ORDER BY 1', "items_product_id_ref|enabled\norders_product_id_ref|enabled", 'triggers that are there are taken over');
rows($node, 'copy', "SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE '%_ref' ORDER BY 1", 'cart.items|items_product_id_ref', 'and go where the mode has none');
writes_give('23503', 'declared again');

# ---- declaring reads no rows ----

# What was read is told when the command has ended, and nobody else reads the table
my $rows = $ENV{SVC_REFERENCE_ROWS} // 100_000;
my $told = 'SELECT pg_stat_force_next_flush()';
$node->safe_psql('shop', "CREATE TABLE cart.large WITH (autovacuum_enabled = off) AS SELECT 1 AS product_id FROM generate_series(1, $rows); ALTER TABLE cart.large OWNER TO cart_owner; VACUUM ANALYZE cart.large; $told");
my $blocks = "SELECT pg_stat_get_blocks_fetched('cart.large'::regclass)";
my $before = one($node, 'shop', $blocks);
cmp_ok($before, '>', $rows / 1000, 'a table that was read');
my (undef, undef, $notice) = $node->psql('shop', "SELECT svc.create_reference('cart.large', 'product_id', 'product', 'products'); $told");
like($notice, qr/NOTICE:  about $rows rows of "large" are not checked/, 'the estimate is said');
is(one($node, 'shop', $blocks), $before, "of $rows rows none is read");

# ---- two who declare the same ----

my $first = $node->background_psql('shop', on_error_stop => 0);
my $second = $node->background_psql('shop', on_error_stop => 0);
$node->safe_psql('shop', 'CREATE TABLE cart.a (product_id int); CREATE TABLE cart.b (product_id int); ALTER TABLE cart.a OWNER TO cart_owner; ALTER TABLE cart.b OWNER TO cart_owner');
$first->query_safe('BEGIN');
$first->query_safe("SELECT svc.create_reference('cart.a', 'product_id', 'product', 'products', name => 'same')");
$second->query_until(qr/begun/, "\\echo begun\nSELECT svc.create_reference('cart.b', 'product_id', 'product', 'products', name => 'same');\n");
ok($node->poll_query_until('shop', "SELECT count(*) = 1 FROM pg_locks WHERE NOT granted"), 'the second waits');
$first->query_safe('COMMIT');
$first->quit;
$second->query('SELECT 1');
like($second->{stderr}, qr/ERROR:  reference "same" already exists/, 'and is told that the name is taken');
$second->quit;
rows($node, 'shop', "SELECT relation FROM svc.reference WHERE reference = 'same'", 'cart.a', 'there is one');

# ---- whoever waits can be stopped ----

# each of these wants something that somebody else holds
$node->safe_psql('shop', 'CREATE TABLE cart.c (product_id int); ALTER TABLE cart.c OWNER TO cart_owner; INSERT INTO cart.items VALUES (1)');
my %waits = (
	'product.products' => [
		'INSERT INTO cart.items VALUES (1)', "SET CONSTRAINTS ALL IMMEDIATE \\; INSERT INTO cart.orders VALUES ('2026-01-01', 1)",
		"SELECT svc.create_reference('cart.c', 'product_id', 'product', 'products')", "SELECT svc.alter_reference('items_product_id_ref', on_delete => 'set_null')",
		"SELECT svc.drop_reference('items_product_id_ref')", "SELECT svc.drop_service('cart')", "!CALL svc.check_references('items_product_id_ref')" ],
	'cart.items' => [
		"SELECT svc.create_reference('cart.items', 'product_id', 'product', 'products', name => 'x')", "SELECT svc.alter_reference('items_product_id_ref', mode => 'commit')",
		"SELECT svc.drop_reference('items_product_id_ref')", "!CALL svc.validate_reference('items_product_id_ref')" ]);
my $known = 'SELECT reference, declared_mode, on_delete, trigger FROM svc.references_declared JOIN svc.reference_status USING (reference) ORDER BY 1';
my $before_waiting = one($node, 'shop', $known);
foreach my $held (sort keys %waits)
{
	my $holder = $node->background_psql('shop');
	my @states;

	$holder->query_safe("BEGIN; LOCK TABLE $held IN ACCESS EXCLUSIVE MODE");
	@states = outcomes($node, 'shop', $waits{$held}, before => "SET statement_timeout = '500ms';");
	is("@states", join(' ', ('57014') x @states), "$held is held: statement_timeout ends each wait");
	@states = outcomes($node, 'shop', [ grep { !/^!/ } @{ $waits{$held} } ], before => "SET lock_timeout = '200ms';");
	is("@states", join(' ', ('55P03') x @states), 'and lock_timeout');
	$holder->query_safe('ROLLBACK');
	$holder->quit;
	is(one($node, 'shop', $known), $before_waiting, 'nothing is left of them');
	@states = outcomes($node, 'shop', $waits{$held});
	is("@states", join(' ', map { /'x'/ ? '42710' : '00000' } @{ $waits{$held} }), 'and afterwards all come to their end');
}

$node->stop;
done_testing();
