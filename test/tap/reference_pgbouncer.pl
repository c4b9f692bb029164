# References through PgBouncer in transaction mode, on both sides: before the server
# that is asked, which must not be told settings that poolers refuse and must find
# each question in a transaction of its own, and before the one that asks, where every
# transaction of a client may run in another session.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $program = pgbouncer();
my $node = new_server('main', tcp => 1, conf => "max_worker_processes = 16\n");
my $home = PostgreSQL::Test::Utils::tempdir_short();
my $pooler;

END { my $status = $?; stop_pooler($pooler); $? = $status }

# ---- two services, in two databases of one server ----

$node->safe_psql('postgres', q(CREATE EXTENSION svc_ownership; SELECT svc.create_service('product', database => 'product_db', login => 'product_user', password => 'secret', login_level => 'owner')));
$node->safe_psql('postgres', q(SELECT svc.create_service('cart', database => 'cart_db', login => 'cart_user', password => 'secret', login_level => 'owner')));
$node->safe_psql('product_db', <<'SQL');
SET ROLE product_owner;
CREATE TABLE products (id int PRIMARY KEY, name text);
INSERT INTO products SELECT i, 'thing' FROM generate_series(1, 20000) i;
SELECT svc.publish('product', 'products', 'products'), svc.grant_contract('product', 'cart');
SQL
my $port = $node->port;
$node->safe_psql('cart_db', "SELECT svc.connect('product', database => 'product_db', host => '127.0.0.1', port => $port, username => 'product_user', password => 'secret', sslmode => 'disable')");
$node->safe_psql('cart_db', <<'SQL');
SET ROLE cart_owner;
CREATE TABLE items (product_id int);
CREATE TABLE late (product_id int);
CREATE TABLE later (product_id int);
SELECT svc.create_reference('items', 'product_id', 'product', 'products', mode => 'statement', on_unavailable => 'reject', cache_ttl => '0');
SELECT svc.create_reference('late', 'product_id', 'product', 'products', mode => 'commit', on_unavailable => 'reject', cache_ttl => '0');
SELECT svc.create_reference('later', 'product_id', 'product', 'products');
SQL
$node->safe_psql('postgres', q(ALTER DATABASE cart_db SET svc_ownership.reference_budget = '20s'));

# From here on what is asked goes through the pooler: two connections for each user
PostgreSQL::Test::Utils::append_to_file("$home/users", join('', map { "$_\n" } lines($node, 'postgres', q(
SELECT format('"%s" "%s"', rolname, rolpassword) FROM pg_authid WHERE rolpassword IS NOT NULL))));
$pooler = start_pooler($program, $node, $home, 2, "auth_file = $home/users");
$node->safe_psql('cart_db', "ALTER SERVER product OPTIONS (SET host '$home', SET port '6432')");

# Runs psql; returns its SQLSTATE, '' where nothing failed, and what it printed
sub run_psql
{
	my ($host, $port, $user, @statements) = @_;
	my ($out, $err);
	local $ENV{PGPASSWORD} = 'secret';

	IPC::Run::run([ 'psql', '-XAtqw', '-v', 'VERBOSITY=sqlstate', '-h', $host, '-p', $port, '-U', $user, '-d', 'cart_db', map { ('-c', $_) } @statements ],
		'<', \'', '>', \$out, '2>', \$err);
	chomp $out;
	return ($err =~ /(?:ERROR|FATAL):\s+(\w{5})/ ? $1 : $err =~ s/^NOTICE:.*\n//mgr, $out);
}

# ---- before the server that is asked ----

sub tries
{
	return (run_psql('127.0.0.1', $port, 'cart_user', @_))[0];
}
is(tries('INSERT INTO items VALUES (1), (2), (NULL)'), '', 'keys that are there');
rows($node, 'postgres', q(SELECT count(DISTINCT pid) > 0 FROM pg_stat_activity WHERE usename = 'product_for_cart' AND application_name LIKE 'svc_ownership%'), 't', 'asked for through the pooler');
is(tries('INSERT INTO items VALUES (1), (-1)'), '23503', 'a key that is not');
is(tries('INSERT INTO items SELECT generate_series(1, 15000)'), '', 'many keys');
is(tries('INSERT INTO items SELECT generate_series(15000, 20001)'), '23503', 'many keys, one of them missing');
is(tries('BEGIN', 'INSERT INTO late VALUES (1), (-1)', 'COMMIT'), '23503', 'at commit');
$node->safe_psql('product_db', q(INSERT INTO products VALUES (-1, 'new')));
is(tries('INSERT INTO items VALUES (-1)'), '', 'each question sees what is committed there then');
$node->safe_psql('product_db', 'DELETE FROM products WHERE id = -1');
is(tries('INSERT INTO items VALUES (-1)'), '23503', 'and what is gone');
is(tries('INSERT INTO later VALUES (1), (-7)'), '', 'written, to be checked later');
ok($node->poll_query_until('cart_db', q(SELECT count(*) = 1 FROM svc.reference_violations WHERE reference = 'later_product_id_ref' AND key = '-7' AND state = 'open')), 'and checked');
is(tries('CALL svc.check_references()'), '', 'a sweep');
rows($node, 'cart_db', q(SELECT reference, key FROM svc.reference_violations WHERE state = 'open' ORDER BY 1, 2), "items_product_id_ref|-1\nlater_product_id_ref|-7", 'finds what is missing');

# It is stopped and started again
stop_pooler($pooler);
is(tries("SET svc_ownership.reference_budget = '1s'", 'INSERT INTO items VALUES (5)'), 'SV001', 'no pooler: unavailable');
$pooler = start_pooler($program, $node, $home, 2, "auth_file = $home/users");
ok($node->poll_query_until('cart_db', q(SELECT every(state = 'valid') FROM svc.prevalidate('items_product_id_ref', '{1,2}'::int[]))), 'back again');

# ---- before the server that asks ----

# Clients take turns on two connections
my @clients = map {
	my $client = $_;
	my ($out, $err) = ('', '');
	local $ENV{PGPASSWORD} = 'secret';
	my @statements = map {
		my $key = $client * 100 + $_;

		("INSERT INTO items VALUES ($key)", "INSERT INTO items VALUES (-$key)", "BEGIN; INSERT INTO late VALUES ($key); COMMIT", "BEGIN; INSERT INTO late VALUES (-$key); COMMIT", "INSERT INTO later VALUES ($key)")
	} 1 .. 5;
	my $run = IPC::Run::start([ 'psql', '-XAtqw', '-v', 'VERBOSITY=sqlstate', '-h', $home, '-p', 6432, '-U', 'cart_user', '-d', 'cart_db', map { ('-c', $_) } @statements ],
		'<', \'', '>', \$out, '2>', \$err);

	sub { $run->finish; return $err; }
} 1 .. 8;
my %states;
for my $client (@clients)
{
	$states{$_}++ for $client->() =~ /(?:ERROR|FATAL):\s+(\w{5})/g;
}
is(join(', ', map { "$_ $states{$_}" } sort keys %states), '23503 80', '8 clients on two connections: what is missing is refused, and nothing else');
rows($node, 'cart_db', 'SELECT (SELECT count(*) FROM late WHERE product_id > 100), (SELECT count(*) FROM late WHERE product_id < 0)', '40|0', 'and what is there is written');
is((run_psql($home, 6432, 'cart_user', 'CALL svc.check_references()'))[0], '', 'a sweep through the pooler');
is((run_psql($home, 6432, 'cart_user', 'CALL svc.run_pending()'))[0], '', 'and what is pending');
ok($node->poll_query_until('cart_db', 'SELECT sum(pending) = 0 FROM svc.reference_status'), 'nothing is left to be checked');
rows($node, 'cart_db', q(SELECT count(*) FROM svc.reference_violations WHERE state = 'open'), '2', 'and no violation came');

stop_pooler($pooler);
$node->stop;
done_testing();
