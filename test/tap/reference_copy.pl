# References to a local copy of another service's table, which logical replication
# keeps: the copy is a table of this database, so keys are looked up in the statement,
# and deletes that the subscription applies make tombstones and are followed.  A copy
# is always a little behind; what is done about that is tested, too.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $far = new_server('far', workers => 0, init => { allows_streaming => 'logical' });
my $near = new_server('near', conf => "max_worker_processes = 16\n");

# ---- the product service has a database of its own ----

$far->safe_psql('postgres', 'CREATE DATABASE product_db');
$far->safe_psql('product_db', <<'SQL');
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('product', schema => 'product');
SET ROLE product_owner;
CREATE TABLE product.products (id int PRIMARY KEY, name text, cost numeric);
INSERT INTO product.products SELECT i, 'thing ' || i, i FROM generate_series(1, 1000) i;
RESET ROLE;
CREATE PUBLICATION product_products FOR TABLE product.products (id, name);
SQL

# ---- the cart service's database has a copy, which stands for the service ----

my $source = $far->connstr('product_db') =~ s/'//gr;
$near->safe_psql('postgres', 'CREATE DATABASE cart_db');
$near->safe_psql('cart_db', <<"SQL");
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('product', schema => 'product');
SELECT svc.create_service('cart', schema => 'cart');
SET ROLE product_owner;
CREATE TABLE product.products (id int PRIMARY KEY, name text);
SELECT svc.publish('product', 'products', 'product.products'), svc.grant_contract('product', 'cart');
RESET ROLE;
CREATE SUBSCRIPTION cart_products CONNECTION '$source' PUBLICATION product_products;
SET ROLE cart_owner;
SET search_path = cart;
CREATE TABLE items (product_id int);
CREATE TABLE emptied (product_id int);
CREATE TABLE deleted (product_id int);
CREATE TABLE reported (product_id int);
SELECT svc.create_reference('items', 'product_id', 'product', 'products');
SELECT svc.create_reference('emptied', 'product_id', 'product', 'products', on_delete => 'set_null');
SELECT svc.create_reference('deleted', 'product_id', 'product', 'products', on_delete => 'delete');
SELECT svc.create_reference('reported', 'product_id', 'product', 'products', on_missing => 'report');
SQL

# The copy has what was committed there
sub caught_up
{
	$near->wait_for_subscription_sync($far, 'cart_products');
	return;
}

sub tries
{
	return outcome($near, 'cart_db', "!SET ROLE cart_owner; SET search_path = cart; $_[0]");
}

sub eventually
{
	my ($query, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	ok($near->poll_query_until('cart_db', $query, $expected), $name);
	return;
}
caught_up();
rows($near, 'cart_db', 'SELECT DISTINCT mode FROM svc.references_declared', 'statement', 'the copy is looked up in the statement');

# ---- keys ----

is(tries('INSERT INTO items VALUES (1), (2), (1000), (NULL)'), '00000', 'keys that the copy has');
is(tries('INSERT INTO items VALUES (1001)'), '23503', 'a key that nobody has');
$far->safe_psql('product_db', q(INSERT INTO product.products VALUES (1001, 'new', 1)));
caught_up();
is(tries('INSERT INTO items VALUES (1001)'), '00000', 'and when it has come');

# ---- deletes there ----

is(tries("INSERT INTO $_ SELECT generate_series(1, 20)"), '00000', "rows of $_") for qw(emptied deleted reported);
$far->safe_psql('product_db', 'DELETE FROM product.products WHERE id <= 2');
eventually(q(SELECT string_agg(DISTINCT reference || ' ' || key || ' ' || found, ', ' ORDER BY reference || ' ' || key || ' ' || found) FROM svc.reference_violations WHERE state = 'open'),
	'items_product_id_ref 1 deleted, items_product_id_ref 2 deleted, reported_product_id_ref 1 deleted, reported_product_id_ref 2 deleted', 'a delete that is applied here is reported');
eventually('SELECT count(*) FROM cart.emptied WHERE product_id IS NULL', '2', 'columns become NULL');
eventually('SELECT count(*) FROM cart.deleted', '18', 'rows are deleted');
is(tries('INSERT INTO emptied VALUES (1)'), '23503', 'and it is not referred to again');

$far->safe_psql('product_db', 'UPDATE product.products SET id = 5003 WHERE id = 3');
eventually('SELECT count(*) FROM cart.deleted WHERE product_id = 3', '0', 'a key that changes there is lost, too');
is(tries('INSERT INTO emptied VALUES (5003)'), '00000', 'and the new one is there');

# Deleted and made again before the copy hears of it: one transaction there
$far->safe_psql('product_db', q(BEGIN; DELETE FROM product.products WHERE id = 4; INSERT INTO product.products VALUES (4, 'again', 1); COMMIT));
caught_up();
$near->safe_psql('cart_db', 'CALL svc.run_pending()');
rows($near, 'cart_db', 'SELECT count(*) FROM cart.deleted WHERE product_id = 4', '1', 'a key that was made again keeps its rows');

# ---- a copy that is behind ----

$near->safe_psql('cart_db', 'ALTER SUBSCRIPTION cart_products DISABLE');
$near->poll_query_until('cart_db', q(SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type LIKE 'logical replication %worker')) or die;
$far->safe_psql('product_db', q(INSERT INTO product.products VALUES (2000, 'newer', 1); DELETE FROM product.products WHERE id = 6));
is(tries('INSERT INTO items VALUES (2000)'), '23503', 'behind: what is new there is missing here');
is(tries('INSERT INTO reported VALUES (2000)'), '00000', 'with on_missing report it is written');
eventually(q(SELECT state FROM svc.reference_violations WHERE reference = 'reported_product_id_ref' AND key = '2000'), 'open', 'and is a violation');
is(tries('INSERT INTO deleted VALUES (6)'), '00000', 'what was deleted there is still here');
$near->safe_psql('cart_db', 'ALTER SUBSCRIPTION cart_products ENABLE');
caught_up();
eventually('SELECT count(*) FROM cart.deleted WHERE product_id = 6', '0', 'until the copy hears of it');
$near->safe_psql('cart_db', 'CALL svc.check_references()');
rows($near, 'cart_db', q(SELECT state FROM svc.reference_violations WHERE reference = 'reported_product_id_ref' AND key = '2000'), 'resolved', 'and the next sweep finds the parent');

# ---- all of it goes ----

$far->safe_psql('product_db', 'TRUNCATE product.products');
eventually('SELECT count(*) FROM product.products', '0', 'a TRUNCATE there empties the copy');
eventually('SELECT count(*) FROM cart.deleted', '0', 'and rows are deleted');
eventually('SELECT count(*) FROM cart.emptied WHERE product_id IS NOT NULL', '0', 'or lose their key');
eventually(q(SELECT count(*) > 0 FROM svc.reference_violations WHERE reference = 'items_product_id_ref' AND key = '1000' AND state = 'open'), 't', 'or are reported');

# The copy is made anew: rows come by COPY, which is no delete
$far->safe_psql('product_db', q(INSERT INTO product.products SELECT i, 'thing', 1 FROM generate_series(1, 1000) i));
caught_up();
$near->safe_psql('cart_db', 'DROP SUBSCRIPTION cart_products; TRUNCATE product.products');
$near->safe_psql('cart_db', "CREATE SUBSCRIPTION cart_products CONNECTION '$source' PUBLICATION product_products");
caught_up();
is(tries('INSERT INTO items VALUES (1), (1000)'), '00000', 'a copy that was made anew');
$near->safe_psql('cart_db', 'CALL svc.run_pending()');
$near->safe_psql('cart_db', 'CALL svc.check_references()') for 1 .. 2;
rows($near, 'cart_db', q(SELECT DISTINCT key FROM svc.reference_violations WHERE state = 'open' ORDER BY 1), "1001\n2000", 'what it has is no violation any more');

$near->safe_psql('cart_db', 'DROP SUBSCRIPTION cart_products');
done_testing();
