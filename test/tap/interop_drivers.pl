# Drivers and ORMs tell a foreign key violation by its SQLSTATE and the fields of
# the error.  What they see when a reference refuses a key must be what a foreign
# key would have shown them: alone, in batches, in COPY, at COMMIT; and the
# connection stays good.

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

# The same two tables twice: with foreign keys, and with references
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
	my ($foreign) = @_;
	my %wanted = map { $_ => (defined $foreign->{$_} ? $foreign->{$_} =~ s/_fkey/_refs/gr : undef) } keys %$foreign;

	delete @wanted{qw(column hint)};
	return \%wanted;
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

	my @foreign = seen($name, 'fkey');
	my @reference = seen($name, 'refs');

	is(scalar @reference, scalar @foreign, "$name: as many cases");
	foreach my $i (0 .. $#foreign)
	{
		my ($case, $got) = ("$foreign[$i]{driver}, $foreign[$i]{case}", { %{ $reference[$i] } });
		my ($column, $hint) = delete @$got{qw(column hint)};

		is($got->{code}, '23503', "$case: a foreign key violation");
		is($column, 'product_id', "$case: the column is named");
		like($hint, qr/product_api\.products/, "$case: the hint names the contract");
		is_deeply($got, expected($foreign[$i]), "$case: as a foreign key says it") or diag(explain($got));
	}
}

$node->stop;
done_testing();
