# PREPARE TRANSACTION with references that are checked at the end: it checks as
# COMMIT does, what was collected for it ends with it, and the session's next
# transaction begins with nothing.  A pointer that stayed would be followed
# there, into memory of others; a file that stayed would be warned of.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $node = new_server('main', workers => 0, conf => "max_prepared_transactions = 10\nfsync = off\n");
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('product', schema => 'product'), svc.create_service('cart', schema => 'cart');
SET ROLE product_owner;
CREATE TABLE product.products (id int PRIMARY KEY);
INSERT INTO product.products SELECT generate_series(1, 20000);
SELECT svc.publish('product', 'products', 'product.products'), svc.grant_contract('product', 'cart');
SET ROLE cart_owner;
CREATE TABLE cart.items (product_id int);
SELECT svc.create_reference('cart.items', 'product_id', 'product', 'products', mode => 'commit');
SQL

# Runs statements in one session; the SQLSTATE of each, then all that the server said
sub session
{
	my ($name, $expected, $warnings, @statements) = @_;
	my $script = join '', map { "$_;\n\\echo '\@\@' :SQLSTATE\n" } @statements;
	my ($out, $err) = ('', '');
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	# a session that is lost is a wrong answer here, not the end of the test
	eval { $node->psql('postgres', "SET client_min_messages = warning;\n$script", on_error_stop => 0, stdout => \$out, stderr => \$err) };
	is(join(' ', $out =~ /^@@ (\w{5})$/mg), $expected, $name) or diag "$out\n$err";
	is(join("\n", $err =~ /^.*(WARNING: .*)$/mg), $warnings, 'nothing is warned of');
	return;
}

sub insert { return 'INSERT INTO cart.items ' . ($_[0] =~ /SELECT/ ? $_[0] : "VALUES ($_[0])") }
my $many = insert('SELECT generate_series(1, 20000)');

session('a key that is missing is found by PREPARE TRANSACTION', '00000 00000 23503 00000 00000', '',
	'BEGIN', insert(0), "PREPARE TRANSACTION 'p'",
	'BEGIN', 'ROLLBACK');
session('one that was made in the meantime is not', '00000 00000 00000 00000 00000', '',
	'BEGIN', insert(20001), 'INSERT INTO product.products VALUES (20001)', "PREPARE TRANSACTION 'made'",
	"COMMIT PREPARED 'made'");

# Each time the next transaction has keys of its own to collect, to be refused and to be found
foreach my $first (
	[ 'a key', insert(1) ],
	[ 'keys that were resolved', insert(2), 'SET CONSTRAINTS ALL IMMEDIATE', 'SET CONSTRAINTS ALL DEFERRED' ],
	[ 'many keys', $many ],
	[ 'keys in a file that nobody asks for', "SET LOCAL work_mem = '64kB'", 'SAVEPOINT s', $many, 'ROLLBACK TO s', insert(3) ])
{
	my ($what, @statements) = @$first;

	session("$what: the next transaction knows nothing of them",
		join(' ', ('00000') x (@statements + 3), '23503', ('00000') x 4), '',
		'BEGIN', @statements, "PREPARE TRANSACTION 'p'",
		# ended with what failed: the SQLSTATE is that of COMMIT
		'BEGIN', insert(0) . "\\; COMMIT",
		'BEGIN', $many, 'COMMIT', "COMMIT PREPARED 'p'");
}
# 20001; 1, 2, 3 and many, and many after each of them
rows($node, 'postgres', 'SELECT count(*), count(*) FILTER (WHERE product_id = 0) FROM cart.items', '100004|0', 'what was committed is there');

$node->stop;
done_testing();
