# A service moves: from a schema of its consumer's database to a database of its
# own, and from there to another server, while its consumer goes on writing.
# Nothing is declared again.  Whoever writes while the contract is away is not
# refused, and what he wrote is checked later; at the end every key that is not
# there is a violation, and no other.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $near = new_server('near', tcp => 1, conf => "max_worker_processes = 16\n");
my $far = new_server('far', tcp => 1);
my $tempdir = PostgreSQL::Test::Utils::tempdir;

# Products 1 to 1000 are there; carts ask for 1 to 1200
my $table = 'CREATE TABLE products (id int PRIMARY KEY, name text)';
$near->safe_psql('postgres', 'CREATE DATABASE shop');
$near->safe_psql('shop', <<"SQL");
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('product', schema => 'product', role_prefix => 'old_product');
SELECT svc.create_service('cart', schema => 'cart', login => 'cart_user');
SET ROLE old_product_owner;
SET search_path = product;
$table;
INSERT INTO products SELECT i, 'thing ' || i FROM generate_series(1, 1000) i;
SELECT svc.publish('product', 'products', 'products'), svc.grant_contract('product', 'cart');
SET ROLE cart_owner;
SET search_path = cart;
CREATE TABLE cart_items (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, product_id int);
CREATE TABLE attempts (product_id int, outcome text, at timestamptz DEFAULT now());
CREATE FUNCTION try(key int) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
	outcome text := 'accepted';
BEGIN
	BEGIN
		INSERT INTO cart.cart_items (product_id) VALUES (key);
	EXCEPTION WHEN foreign_key_violation THEN
		outcome := 'refused';
	END;
	INSERT INTO cart.attempts (product_id, outcome) VALUES (key, outcome);
END\$\$;
SELECT svc.create_reference('cart_items', 'product_id', 'product', 'products');
SQL

# The service, as its new place has it before anybody moves there
sub make_service
{
	my ($node) = @_;

	$node->safe_psql('postgres', 'CREATE EXTENSION svc_ownership');
	$node->safe_psql('postgres', q(SELECT svc.create_service('product', database => 'product_db', login => 'product_user', password => 'secret', login_level => 'owner')));
	$node->safe_psql('product_db', <<"SQL");
SET ROLE product_owner;
$table;
SELECT svc.publish('product', 'products', 'products'), svc.grant_contract('product', 'cart');
SQL
	return;
}

# Its rows go from one place to the other
sub copy_products
{
	my ($from, $dbname, $relation, $to) = @_;
	my $rows = $from->safe_psql($dbname, "COPY $relation TO STDOUT");

	$to->safe_psql('product_db', "TRUNCATE products;\nCOPY products FROM STDIN;\n$rows\n\\.\n");
	return;
}

# What is declared, and how it is checked; nothing of it may change
my $declared = <<'SQL';
SELECT reference, column_name, service, entity, declared_mode, on_missing, on_unavailable, on_delete FROM svc.references_declared;
SELECT oid, tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'cart.cart_items'::regclass ORDER BY oid;
SQL
my $before = one($near, 'shop', $declared);

sub mode_is
{
	my ($mode, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	rows($near, 'shop', 'SELECT mode FROM svc.references_declared', $mode, $name);
	is(one($near, 'shop', $declared), $before, 'nothing was declared again');
	return;
}

sub accepted { return one($near, 'shop', q(SELECT count(*) FROM cart.attempts WHERE outcome = 'accepted')) }

# Wait until the writers have had so many more rows accepted
sub let_them_write
{
	my ($count) = @_;
	my $enough = accepted() + $count;
	return $near->poll_query_until('shop', "SELECT count(*) >= $enough FROM cart.attempts WHERE outcome = 'accepted'");
}

# Wait until a worker has checked everything that is there now; somebody else gets it to begin at once
sub all_checked
{
	my $now = one($near, 'shop', 'SELECT now()');

	$near->safe_psql('shop', 'CALL svc.run_pending()');
	return $near->poll_query_until('shop', "SELECT coalesce(min(oldest_pending) > '$now', true) FROM svc.reference_status");
}

sub bad_accepted
{
	return one($near, 'shop', q(SELECT count(*) FROM cart.attempts WHERE product_id > 1000 AND outcome = 'accepted'));
}

# ---- in one database ----

PostgreSQL::Test::Utils::append_to_file("$tempdir/write.sql", "\\set key random(1, 1200)\nSELECT cart.try(:key);\n\\sleep 10 ms\n");
my $said = '';
my $writers = do
{
	local $ENV{PGUSER} = 'cart_user';
	IPC::Run::start([ 'pgbench', '-n', '-c', 3, '-T', 900, '-f', "$tempdir/write.sql", '-h', $near->host, '-p', $near->port, 'shop' ],
		'<', \'', '>&', \$said);
};
let_them_write(100);
mode_is('statement', 'in one database keys are checked at once');
rows($near, 'shop', q(SELECT outcome FROM cart.attempts WHERE product_id > 1000 GROUP BY 1), 'refused', 'and bad ones are refused');

# ---- to a database of its own ----

make_service($near);
copy_products($near, 'shop', 'product.products', $near);
$near->safe_psql('shop', q(SELECT svc.revoke_contract('product', 'cart')));
let_them_write(200);
cmp_ok(bad_accepted(), '>', 0, 'while the contract may not be read, everything is accepted');
$near->safe_psql('shop', q(SELECT svc.drop_service('product', drop_objects => true, force => true)));
let_them_write(200);
is(one($near, 'shop', $declared), $before, 'the reference is there, and its service is not');
rows($near, 'shop', 'SELECT count(*) FROM svc.reference_violations', '0', 'nothing is missing as long as nobody can be asked');
$near->safe_psql('shop', q(SELECT svc.connect('product', database => 'product_db')));
mode_is('async', 'from another database keys are checked later');
my $connected = one($near, 'shop', 'SELECT now()');
let_them_write(20);
# what began before that has ended
$near->poll_query_until('shop', "SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'cart_user' AND xact_start < '$connected'") or die;
ok(all_checked(), 'also those that came in between');
rows($near, 'shop', <<"SQL", '0|0', 'each key of that time that is not there is a violation');
SELECT count(*) FILTER (WHERE v.key IS NULL), count(*) FILTER (WHERE v.key::int <= 1000)
  FROM (SELECT DISTINCT product_id FROM cart.attempts WHERE product_id > 1000 AND outcome = 'accepted' AND at < '$connected') a
  FULL JOIN svc.reference_violations v ON v.key = a.product_id::text
 WHERE v.key IS NULL OR v.key::int <= 1000
SQL
my $bad = bad_accepted();
let_them_write(300);
cmp_ok(bad_accepted(), '>', $bad, 'bad keys are accepted');
cmp_ok(one($near, 'shop', q(SELECT count(*) FROM cart.attempts WHERE outcome = 'refused')), '>', 0, 'which were refused before');

# What its service deletes now is found by a sweep
$near->safe_psql('shop', 'SELECT cart.try(id) FROM generate_series(11, 20) id');
$near->safe_psql('product_db', 'DELETE FROM products WHERE id BETWEEN 11 AND 20');
my $held = one($near, 'shop', 'SELECT array_agg(DISTINCT product_id) FROM cart.cart_items WHERE product_id BETWEEN 11 AND 20');
is($held, '{' . join(',', 11 .. 20) . '}', 'deleted ones are held');
# The first call may go on with a sweep that was begun before
$near->safe_psql('shop', 'CALL svc.check_references()') for 1 .. 2;
rows($near, 'shop', "SELECT key FROM unnest('$held'::int[]) AS key EXCEPT SELECT key::int FROM svc.reference_violations WHERE state = 'open'", '', 'a sweep finds them');

# ---- to another server ----

make_service($far);
copy_products($near, 'product_db', 'products', $far);
$near->safe_psql('shop', q(SELECT svc.disconnect('product')));
let_them_write(200);
$far->safe_psql('product_db', q(INSERT INTO products SELECT i, 'new thing' FROM generate_series(1001, 1100) i));
$near->safe_psql('shop', sprintf q(SELECT svc.connect('product', database => 'product_db', host => '127.0.0.1', port => %d, username => 'product_user', password => 'secret')), $far->port);
mode_is('async', 'on another server');
let_them_write(200);

# and that server goes down, and comes again
$far->stop('immediate');
let_them_write(200);
$far->start;
let_them_write(100);

# ---- at the end ----

$writers->signal('INT');
$writers->finish;
unlike($said, qr/ERROR|abort/i, 'nobody who wrote met an error') or diag($said);
$near->poll_query_until('shop', q(SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'cart_user')) or die 'writers do not end';
ok(all_checked(), 'everything is checked');
$near->safe_psql('shop', 'CALL svc.check_references()') for 1 .. 2;
my $products = $far->safe_psql('product_db', 'SELECT array_agg(id) FROM products');
rows($near, 'shop', "SELECT count(*) FROM svc.reference_violations WHERE state = 'open' AND key::int = ANY ('$products')", '0', 'no key that is there is a violation');
my $open = one($near, 'shop', "SELECT count(*) FROM svc.reference_violations WHERE state = 'open'");
cmp_ok($open, '>', 50, "$open keys are");
rows($near, 'shop', "SELECT count(DISTINCT product_id) FROM cart.cart_items WHERE product_id <> ALL ('$products')", $open, 'all that are not there');
rows($near, 'shop', "SELECT count(*) > 0 FROM svc.reference_validation_log WHERE state <> 'valid'", 't', 'the log has them');
rows($near, 'shop', 'SELECT trigger, needs_sweep FROM svc.reference_status', 'enabled|f', 'and nothing is left to do');
note(accepted() . ' rows were written');

$near->stop;
$far->stop;
done_testing();
