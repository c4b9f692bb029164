# examples/food-delivery: four services in databases of their own that read each
# other over connections.  It must install, check itself and go away as its
# README says, twice in one cluster, and its Goose files must lead both ways.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $checks = 136;
my $node = new_server('main', workers => 0, tcp => 1, conf => "jit = off\nmax_worker_processes = 16\n");
my $example = "$FindBin::RealBin/../../examples/food-delivery";
my @services = qw(auth restaurant order payment);
my ($rc, $out, $err);

# up.sh is called from the example's directory
chdir $example or die "$example: $!";
my $empty = roles_of($node);

($rc, $out, $err) = run_script($node, 'postgres', "$example/install.sql");
is($rc . $out . $err, '0', 'install.sql without a word');
my %before = map { $_ => dump_of($node, "${_}db") } @services;
run_checks($node, 'postgres', "$example/test.sql", $checks);
same_text(dump_of($node, "${_}db"), $before{$_}, "which change nothing in ${_}db") foreach @services;

# Ids are checked across databases
found_later($node, 'orderdb', 'order_items_item_id_ref', 9999,
	'UPDATE order_items SET item_id = 9999 WHERE id = 1', 'UPDATE order_items SET item_id = 1 WHERE id = 1');
found_later($node, 'paymentdb', 'payments_order_id_ref', '00000000-0000-4000-8000-000000000099',
	q(INSERT INTO payments (order_id, amount, method, provider, idempotency_key)
		VALUES ('00000000-0000-4000-8000-000000000099', 1, 'card', 'none', 'nowhere')),
	q(DELETE FROM payments WHERE idempotency_key = 'nowhere'));
%before = map { $_ => dump_of($node, "${_}db") } @services;

# Again it stops at once
($rc, $out, $err) = run_script($node, 'postgres', "$example/install.sql");
is($rc, 3, 'install.sql stops where the services are already');
like($err, qr/ERROR:  service "auth" already exists/, 'and says so');
same_text(dump_of($node, "${_}db"), $before{$_}, "and changes nothing in ${_}db") foreach @services;

# Each login, as its processes come: over TCP, with its password
foreach my $service (@services)
{
	is(logs_in($node, "${service}db", "${service}_service", "demo-$service"), "${service}_owner",
		"${service}_service works as its owner role");
	like(logs_in($node, "${_}db", "${service}_service", "demo-$service"), qr/permission denied for database/,
		"and does not get into ${_}db")
	  foreach grep { $_ ne $service } @services;
	like(logs_in($node, "${service}db", "${service}_service", "demo"), qr/password authentication failed/,
		'nor anywhere with another password');
}

# A second copy in the same cluster
($rc, $out, $err) = run_script($node, 'postgres', "$example/install.sql", prefix => 'staging_', password => 'other');
is($rc . $out . $err, '0', 'install.sql with a prefix');
run_checks($node, 'postgres', "$example/test.sql", $checks, prefix => 'staging_', password => 'other');
run_checks($node, 'postgres', "$example/test.sql", $checks);

# test.sql finds what is wrong
my @wrong = (
	orderdb => 'UPDATE order_items SET item_id = 9999 WHERE id = 1' => 'UPDATE order_items SET item_id = 1 WHERE id = 1',
	authdb => 'GRANT SELECT ON users TO PUBLIC' => 'REVOKE SELECT ON users FROM PUBLIC',
	paymentdb => 'GRANT CONNECT ON DATABASE paymentdb TO auth_service' => 'REVOKE CONNECT ON DATABASE paymentdb FROM auth_service',
	restaurantdb => 'ALTER TABLE items DISABLE TRIGGER ALL' => 'ALTER TABLE items ENABLE TRIGGER ALL');
while (my ($dbname, $wrong, $right) = splice @wrong, 0, 3)
{
	$node->safe_psql($dbname, $wrong);
	my $failures = () = (run_script($node, 'postgres', "$example/test.sql"))[1] =~ /^not ok/mg;
	cmp_ok($failures, '>', 0, "test.sql notices: $wrong");
	$node->safe_psql($dbname, $right);
}

# Rid of both
foreach my $prefix ('staging_', '')
{
	($rc, $out, $err) = run_script($node, 'postgres', "$example/remove.sql", prefix => $prefix);
	is($rc . $out . $err, '0', 'remove.sql without a word');
}
is(roles_of($node), $empty, 'no database and no role is left');

# What an installation that stopped has left goes, too: no login gets in
($rc, $out, $err) = run_script($node, 'postgres', "$example/install.sql", host => '127.0.0.3');
is($rc, 3, 'install.sql stops where the logins do not get in');
like($err, qr/Connection refused/, 'and says why');
isnt(roles_of($node), $empty, 'what is there stays');
($rc, $out, $err) = run_script($node, 'postgres', "$example/remove.sql");
is(roles_of($node), $empty, 'until remove.sql takes it away');

# Every migration leads back, as the service's login goes it: up.sh, and the
# Down parts in reverse
sub down_parts
{
	my ($folder) = @_;
	my $script = '';

	foreach my $file (reverse sort glob "$folder/*.sql")
	{
		my ($down) = slurp_file($file) =~ /^-- \+goose Down\n(.*)/ms;
		isnt($down // '', '', "$file has a way back");
		$script .= $down;
	}
	return $script;
}
my $state = <<'SQL';
SELECT format('%s %s', c.relkind, c.oid::regclass) FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
UNION ALL SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
UNION ALL SELECT relation::text FROM svc.retentions
UNION ALL SELECT target || '.' || counter FROM svc.counters
ORDER BY 1
SQL
foreach my $service (@services)
{
	my $dbname = "${service}_alone";
	my $migrations = "services/$service-service/migrations";
	my $login = sub {
		local $ENV{PGUSER} = "${service}_service";
		return $node->safe_psql($dbname, "SET client_min_messages = warning;\n$_[0]");
	};

	$node->safe_psql('postgres', "CREATE EXTENSION IF NOT EXISTS svc_ownership");
	$node->safe_psql('postgres', "SELECT svc.create_service('$service', database => '$dbname', login => '${service}_service', login_level => 'owner')");
	my ($up) = run_command([ './up.sh', $migrations ]);
	$login->($up);
	my $made = one($node, $dbname, $state);
	isnt($made, '', "$service-service goes up");
	$login->(down_parts($migrations));
	rows($node, $dbname, $state, '', 'and down to nothing');
	$login->($up);
	rows($node, $dbname, $state, $made, 'and up again');
	rows($node, $dbname, 'SELECT count(*) FROM svc.check_grants()', '0', 'with all rights');
}

$node->stop;
done_testing();
