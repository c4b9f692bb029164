# A database with references is dumped and restored in every way: whole, in
# parallel, over what is there, in sections, rows into a schema that has its
# triggers already.  Whatever came back is checked as before; what nobody has
# checked is known to be so; and the first sweep finds what was wrong when it
# was dumped, and nothing else.  What a dump of one schema keeps is in
# reference_declare.pl.
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
$node->safe_psql('postgres', 'CREATE ROLE dba SUPERUSER LOGIN');
$node->safe_psql('shop', <<'SQL');
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('product', schema => 'product'), svc.create_service('cart', schema => 'cart');
SET ROLE product_owner;
CREATE TABLE product.products (id int PRIMARY KEY, name text, sold boolean NOT NULL DEFAULT true);
INSERT INTO product.products SELECT i, 'thing' FROM generate_series(1, 100) i;
SELECT svc.publish('product', 'products', 'product.products', columns => '{id,name}', filter => 'sold'), svc.grant_contract('product', 'cart');
SET ROLE cart_owner;
CREATE TABLE cart.items (id int PRIMARY KEY, product_id int);
CREATE TABLE cart.lists (id int PRIMARY KEY, products int[]);
CREATE TABLE cart.orders (at date, product_id int) PARTITION BY RANGE (at);
CREATE TABLE cart.orders_1 PARTITION OF cart.orders FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO cart.items VALUES (0, 999);
SELECT svc.create_reference('cart.items', 'product_id', 'product', 'products', on_delete => 'set_null', on_unavailable => 'reject');
SELECT svc.create_reference('cart.lists', 'products', 'product', 'products', mode => 'observe', name => 'Wished "for"');
SELECT svc.create_reference('cart.orders', 'product_id', 'product', 'products', mode => 'commit', on_delete => 'delete', cache_ttl => '5 minutes');
INSERT INTO cart.items SELECT i, i FROM generate_series(1, 100) i;
INSERT INTO cart.orders SELECT '2026-01-01', i FROM generate_series(1, 100) i;
INSERT INTO cart.lists VALUES (1, '{1,2}');
RESET ROLE;
CALL svc.check_references();
SELECT svc.waive_violation('items_product_id_ref', '999', 'from before');
SQL
# deleted, and not settled when it is dumped
$node->safe_psql('shop', 'DELETE FROM product.products WHERE id = 50');
rows($node, 'shop', "SELECT count(*) > 0 FROM svc.journal_entries()", 't', 'something waits in the journal');

my $declared = 'SELECT reference, relation, column_name, service, entity, mode, on_missing, on_unavailable, on_delete, cache_ttl, declared_mode FROM svc.references_declared ORDER BY 1';
my $triggers = q(SELECT t.tgrelid::regclass, t.tgname, t.tgenabled, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
 WHERE f.proname ~ '^(check_reference|watch_deletes)' ORDER BY t.tgrelid::regclass::text COLLATE "C", t.tgname COLLATE "C");
my %expected = (declared => one($node, 'shop', $declared), triggers => one($node, 'shop', $triggers));

sub run_ok
{
	my ($user, @command) = @_;
	local $ENV{PGUSER} = $user;
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run(\@command, '>', \$out, '2>', \$err);

	ok($ok, join(' ', map { s{.*/}{}r } @command));
	diag($err) unless $ok;
	return;
}

my $me = one($node, 'postgres', 'SELECT current_user');
sub dump_to { my ($file, @options) = @_; run_ok($me, 'pg_dump', '-f', "$tempdir/$file", @options, 'shop'); return "$tempdir/$file"; }
sub fresh { my ($dbname) = @_; $node->safe_psql('postgres', "CREATE DATABASE $dbname TEMPLATE template0"); return; }
sub restore { my ($dbname, @options) = @_; run_ok($me, 'pg_restore', '--exit-on-error', '-d', $dbname, @options); return; }

# What a copy is like, before and after somebody has looked at its rows
sub check_copy
{
	my ($dbname) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @bad = ('INSERT INTO cart.items VALUES (1000, 1000)', "SET CONSTRAINTS ALL IMMEDIATE \\; INSERT INTO cart.orders VALUES ('2026-01-01', 1000)",
		"SET CONSTRAINTS ALL IMMEDIATE \\; INSERT INTO cart.orders_1 VALUES ('2026-01-01', 1000)", 'UPDATE cart.items SET product_id = 1000 WHERE id = 1');

	is(one($node, $dbname, $declared), $expected{declared}, "$dbname: what was declared is there");
	is(one($node, $dbname, $triggers), $expected{triggers}, 'with its triggers');
	rows($node, $dbname, 'SELECT DISTINCT trigger, needs_sweep FROM svc.reference_status', 'enabled|t', 'nobody knows of its rows');
	is(join(' ', outcomes($node, $dbname, \@bad)), join(' ', ('23503') x @bad), 'new ones are checked');
	rows($node, $dbname, 'SELECT count(*) FROM svc.reference_violations', '0', 'what was found out before does not come along');
	rows($node, $dbname, "SELECT object, privilege FROM svc.check_grants() WHERE privilege NOT LIKE 'SET %'", '', 'and rights are as they were');
	$node->safe_psql($dbname, 'DELETE FROM product.products WHERE id = 1; UPDATE product.products SET sold = false WHERE id = 2');
	$node->safe_psql($dbname, 'CALL svc.run_pending()');
	rows($node, $dbname, 'SELECT (SELECT count(*) FROM cart.items WHERE product_id IN (1, 2)), (SELECT count(*) FROM cart.orders WHERE product_id IN (1, 2))', '0|0', 'deletions are noted');
	$node->safe_psql($dbname, 'CALL svc.check_references()');
	rows($node, $dbname, 'SELECT reference, key, state FROM svc.reference_violations ORDER BY 1, 2',
		"Wished \"for\"|1|open\nWished \"for\"|2|open\nitems_product_id_ref|50|open\nitems_product_id_ref|999|open\norders_product_id_ref|50|open", 'a sweep finds what is wrong');
	rows($node, $dbname, 'SELECT DISTINCT trigger, needs_sweep FROM svc.reference_status', 'enabled|f', 'and that is known');
	$node->safe_psql('postgres', "DROP DATABASE $dbname");
	return;
}

# ---- whole ----

my $custom = dump_to('custom', '-Fc');
my $directory = dump_to('directory', '-Fd', '-j2');

fresh('parallel');
restore('parallel', '-j4', $directory);
check_copy('parallel');
# over what is there, by another superuser: views of contracts go and come back
fresh('again');
restore('again', $custom);
{
	local $ENV{PGOPTIONS} = '-c svc_ownership.restoring=on';
	run_ok('dba', 'pg_restore', '--clean', '--if-exists', '--exit-on-error', '-d', 'again', $custom);
}
check_copy('again');

# ---- in pieces ----

# the rows are there before the triggers
fresh('sections');
restore('sections', "--section=$_", $custom) foreach qw(pre-data data post-data);
check_copy('sections');
# the triggers before the rows
fresh('schema_first');
run_ok($me, 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'schema_first', '-f', dump_to('schema.sql', '-s'));
run_ok($me, 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'schema_first', '-f', dump_to('data.sql', '-a', '--disable-triggers'));
check_copy('schema_first');

$node->stop;
done_testing();
