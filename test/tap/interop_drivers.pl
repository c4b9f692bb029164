# Drivers and ORMs tell a foreign key violation by its SQLSTATE and the fields of
# the error.  What they see when a reference refuses a key must be what a foreign
# key would have shown them: alone, in batches, in COPY, at COMMIT; and the
# connection stays good.  So it is where the keys belong to a service in another
# database; keys that cannot be looked up there are an error of their own.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Interop;
use Test::More;

my $programs = "$FindBin::RealBin/../interop/drivers";
my $password = 'cart and horse';
my $node = new_server('main', tcp => 1, conf => "max_worker_processes = 16\n");

# The same two tables four times: with foreign keys, with references, with
# references into another database, and with those that ask nobody
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('product', schema => 'product');
SELECT svc.create_service('cart', schema => 'cart', login => 'cart_user', password => '$password', login_level => 'owner');
SET ROLE product_owner;
CREATE TABLE product.products (id uuid PRIMARY KEY);
INSERT INTO product.products VALUES ('00000000-0000-4000-8000-000000000001');
GRANT REFERENCES ON product.products TO cart_owner;
GRANT USAGE ON SCHEMA product TO cart_owner;
SELECT svc.publish('product', 'products', 'product.products'), svc.grant_contract('product', 'cart');
SET ROLE cart_owner;
CREATE TABLE cart.items_fkey (product_id uuid CONSTRAINT items_fkey_product REFERENCES product.products);
CREATE TABLE cart.late_fkey (product_id uuid CONSTRAINT late_fkey_product REFERENCES product.products DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE cart.items_refs (product_id uuid);
CREATE TABLE cart.late_refs (product_id uuid);
SELECT svc.create_reference('cart.items_refs', 'product_id', 'product', 'products', name => 'items_refs_product');
SELECT svc.create_reference('cart.late_refs', 'product_id', 'product', 'products', mode => 'commit', name => 'late_refs_product');
SQL
$node->safe_psql('postgres', q(SELECT svc.create_service('stock', database => 'stock_db')));
$node->safe_psql('stock_db', <<'SQL');
SET ROLE stock_owner;
CREATE TABLE products (id uuid PRIMARY KEY);
INSERT INTO products VALUES ('00000000-0000-4000-8000-000000000001');
SELECT svc.publish('stock', 'products', 'products'), svc.grant_contract('stock', 'cart');
SQL
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION postgres_fdw;
SELECT svc.connect('stock', database => 'stock_db', consumer => 'cart');
SET ROLE cart_owner;
CREATE TABLE cart.items_far (product_id uuid);
CREATE TABLE cart.late_far (product_id uuid);
CREATE TABLE cart.items_down (product_id uuid);
CREATE TABLE cart.late_down (product_id uuid);
SELECT svc.create_reference(format('cart.%s', t)::regclass, 'product_id', 'stock', 'products', name => t || '_product',
                            mode => CASE WHEN t ~ '^late' THEN 'commit' ELSE 'statement' END,
                            on_unavailable => 'reject', cache_ttl => '1 day')
  FROM unnest(ARRAY['items_far', 'late_far', 'items_down', 'late_down']) t;
SQL

my @host = ('127.0.0.1', $node->port);
my $url = sprintf 'postgres://cart_user:%s@%s:%d/postgres?sslmode=disable', $password =~ s/ /%20/gr, @host;

# Programs by name: the tool they need, and how they are called for two tables
my %program = (
	'Go' => [ 'drivers-go', sub { ("$_[0]/violations", $url, @_[ 1, 2 ]) } ],
	'Python' => [ 'drivers-python', sub { ("$_[0]/environment/bin/python", "$programs/violations.py", @host, 'postgres', 'cart_user', $password, @_[ 1, 2 ]) } ],
	'Node' => [ 'drizzle-0.45', sub { ('node', "$programs/violations.mjs", $_[0], $url, @_[ 1, 2 ]) } ],
	'Node, Drizzle 1.0' => [ 'drizzle-1.0', sub { ('node', "$programs/violations.mjs", $_[0], $url, @_[ 1, 2 ]) } ],
	'JDBC' => [ 'flyway-13.12.0', sub { ('java', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', "$_[0]/lib/*", "$programs/Violations.java", "jdbc:postgresql://$host[0]:$host[1]/postgres", 'cart_user', $password, @_[ 1, 2 ]) } ]);

# What a program sees of a pair of tables
sub seen
{
	my ($name, $kind) = @_;
	my ($tool, $call) = @{ $program{$name} };
	my ($status, $said) = command($call->(tool($tool), "cart.items_$kind", "cart.late_$kind"));

	is($status, 0, "$name, $kind: ends well") or diag($said);
	return map { decode_json($_) } grep { /^\{/ } split /\n/, $said;
}

# What is said of a foreign key, with the names of a reference; which of them
# sets the column's name, and has a hint
sub expected
{
	my ($foreign, $kind) = @_;
	my %wanted = map { $_ => (defined $foreign->{$_} ? $foreign->{$_} =~ s/_fkey/_$kind/gr : undef) } keys %$foreign;

	delete @wanted{qw(column hint)};
	return \%wanted;
}

# A program sees of references what it sees of foreign keys
sub compare
{
	my ($name, $kind, $contract, @foreign) = @_;
	my @reference = seen($name, $kind);

	is(scalar @reference, scalar @foreign, "$name, $kind: as many cases");
	foreach my $i (0 .. $#foreign)
	{
		my ($case, $got) = ("$foreign[$i]{driver}, $kind, $foreign[$i]{case}", { %{ $reference[$i] } });
		my ($column, $hint) = delete @$got{qw(column hint)};

		is($got->{code}, '23503', "$case: a foreign key violation");
		is($column, 'product_id', "$case: the column is named");
		like($hint, qr/$contract\.products/, "$case: the hint names the contract");
		is_deeply($got, expected($foreign[$i], $kind), "$case: as a foreign key says it") or diag(explain($got));
	}
	return;
}

# A program sees that keys could not be looked up, which is no violation
sub unavailable
{
	my ($name, $cases) = @_;
	my @seen = seen($name, 'down');

	is(scalar @seen, $cases, "$name, down: as many cases");
	foreach my $got (@seen)
	{
		my $table = $got->{case} eq 'commit' ? 'late_down' : 'items_down';

		is_deeply([ @$got{qw(code schema table column constraint)} ], [ 'SV001', 'cart', $table, 'product_id', "${table}_product" ],
			"$got->{driver}, down, $got->{case}: unavailable, with all names") or diag(explain($got));
		isnt($got->{class} // '', 'foreign key violation', "$got->{driver}, down, $got->{case}: not taken for a violation");
	}
	return;
}

# How long a statement waits for another database; 0: it has what is remembered
sub set_budget
{
	my ($budget) = @_;

	$node->safe_psql('postgres', "ALTER ROLE cart_user SET svc_ownership.reference_budget = '$budget'");
	return;
}

foreach my $name (sort keys %program)
{
	# without one language the others are still tested
	my ($dir, $reason) = find_tool($program{$name}[0]);
	unless (defined $dir || ($ENV{CI} // '') eq 'true')
	{
		SKIP: { skip("$name: $reason", 1) }
		next;
	}

	set_budget('60s');
	my @foreign = seen($name, 'fkey');
	compare($name, 'refs', 'product_api', @foreign);
	compare($name, 'far', 'stock_api', @foreign);
	# the key that is there is remembered
	set_budget('0');
	unavailable($name, scalar @foreign);
}

$node->stop;
done_testing();
