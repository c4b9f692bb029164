# examples/deploy-platform: three services on three servers, connected over TCP.
# It must install, check itself and go away as its README says, also on one
# server.  SVC_INSTALL_PATHS names other servers' installations, with the
# extension in them, for auth, project and deploy: "/a:/b:/c"; an empty one is
# the tested server's.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $checks = 93;
my $example = "$FindBin::RealBin/../../examples/deploy-platform";
my @services = qw(auth project deploy);
my @paths = split /:/, $ENV{SVC_INSTALL_PATHS} // '';
my ($rc, $out, $err);

# The servers.  install.sql reaches all of them over TCP, as a superuser with a
# password.
local $ENV{PGPASSWORD} = 'the superuser';
my %node;
foreach my $i (0 .. $#services)
{
	my $node = new_server($services[$i], workers => 0, tcp => 1, install_path => $paths[$i], conf => "jit = off\nmax_worker_processes = 16\n");

	$node->safe_psql('postgres', "ALTER ROLE CURRENT_USER PASSWORD '$ENV{PGPASSWORD}'");
	note("$services[$i]: " . one($node, 'postgres', 'SELECT version()'));
	$node{ $services[$i] } = $node;
}
my %ports = map { ("${_}_port" => $node{$_}->port) } @services;
my %empty = map { $_ => roles_of($node{$_}) } @services;

# Run a script for three servers
sub run_three
{
	my ($file, %variables) = @_;
	return run_script($node{auth}, 'postgres', "$example/$file", %ports, %variables);
}

($rc, $out, $err) = run_three('install.sql');
is($rc . $out . $err, '0', 'install.sql without a word');
my %before = map { $_ => dump_of($node{$_}, "usecapsule_$_") } @services;
run_checks($node{auth}, 'postgres', "$example/test.sql", $checks, %ports);
same_text(dump_of($node{$_}, "usecapsule_$_"), $before{$_}, "which change nothing in usecapsule_$_") foreach @services;

($rc, $out, $err) = run_three('install.sql');
is($rc, 3, 'install.sql stops where the services are already');
like($err, qr/ERROR:  service "auth" already exists/, 'and says so');
same_text(dump_of($node{$_}, "usecapsule_$_"), $before{$_}, "and changes nothing in usecapsule_$_") foreach @services;

# Each login, as its processes come
foreach my $service (@services)
{
	is(logs_in($node{$service}, "usecapsule_$service", "usecapsule_$service", "demo-$service"), "${service}_owner",
		"usecapsule_$service works as its owner role");
	like(logs_in($node{$service}, "usecapsule_$service", "usecapsule_$service", 'demo'), qr/password authentication failed/,
		'and needs its password');
}

# A server that is away, and comes back
$node{auth}->stop;
like(join("\n", lines($node{deploy}, 'usecapsule_deploy', 'SELECT service, ok FROM svc.check_connections() ORDER BY 1')),
	qr/^auth\|f\nproject\|t$/, 'svc.check_connections() says which server is away');
is(outcome($node{deploy}, 'usecapsule_deploy', 'SELECT * FROM auth_api.users'), '08001', 'what it published cannot be read');
is(outcome($node{deploy}, 'usecapsule_deploy', 'SELECT * FROM project_api.projects'), '00000', 'and the others can');
$node{auth}->start;

# New passwords for the links, and a contract that grows
$node{deploy}->safe_psql('usecapsule_deploy', "SELECT svc.rotate_link('auth'), svc.rotate_link('project')");
$node{auth}->safe_psql('usecapsule_auth',
	"SELECT svc.publish('auth', 'user_preferences', 'user_preferences', key => 'user_id', columns => '{user_id,timezone}')");
$node{deploy}->safe_psql('usecapsule_deploy', "SET client_min_messages = warning; SELECT svc.refresh_contract('auth')");
rows($node{deploy}, 'usecapsule_deploy', 'SELECT count(*) FROM auth_api.user_preferences', '3', 'what auth publishes more is there after a refresh');
$node{auth}->safe_psql('usecapsule_auth', "SELECT svc.unpublish('auth', 'user_preferences', force => true)");
$node{deploy}->safe_psql('usecapsule_deploy', "SET client_min_messages = warning; SELECT svc.refresh_contract('auth')");
run_checks($node{auth}, 'postgres', "$example/test.sql", $checks, %ports);

# A second copy on the same servers, and a third one all on one
($rc, $out, $err) = run_three('install.sql', prefix => 'staging_', password => 'other');
is($rc . $out . $err, '0', 'install.sql with a prefix');
run_checks($node{auth}, 'postgres', "$example/test.sql", $checks, %ports, prefix => 'staging_', password => 'other');
($rc, $out, $err) = run_three('remove.sql', prefix => 'staging_');
is($rc . $out . $err, '0', 'remove.sql without a word');
($rc, $out, $err) = run_script($node{deploy}, 'postgres', "$example/install.sql", prefix => 'one_');
is($rc . $out . $err, '0', 'install.sql on one server');
run_checks($node{deploy}, 'postgres', "$example/test.sql", $checks, prefix => 'one_');
run_checks($node{auth}, 'postgres', "$example/test.sql", $checks, %ports);
($rc, $out, $err) = run_script($node{deploy}, 'postgres', "$example/remove.sql", prefix => 'one_');
is($rc . $out . $err, '0', 'remove.sql there');

# test.sql finds what is wrong
my @wrong = (
	auth => "UPDATE users SET token_count = 7 WHERE email = 'chika\@example.com'" => "SELECT svc.recount('users')",
	project => 'GRANT SELECT ON environment_variables TO PUBLIC' => 'REVOKE SELECT ON environment_variables FROM PUBLIC',
	deploy => 'UPDATE domains SET environment_id = 99 WHERE id = 1' => 'UPDATE domains SET environment_id = 31 WHERE id = 1');
while (my ($service, $wrong, $right) = splice @wrong, 0, 3)
{
	$node{$service}->safe_psql("usecapsule_$service", $wrong);
	my $failures = () = (run_three('test.sql'))[1] =~ /^not ok/mg;
	cmp_ok($failures, '>', 0, "test.sql notices: $wrong");
	$node{$service}->safe_psql("usecapsule_$service", $right);
}

($rc, $out, $err) = run_three('remove.sql');
is($rc . $out . $err, '0', 'remove.sql without a word');
is(roles_of($node{$_}), $empty{$_}, "no database and no role is left on the server of $_") foreach @services;

# The migrations' own way back: their comments, run from the last to the first
foreach my $service (@services)
{
	my $node = $node{$service};
	my $dbname = "${service}_alone";
	my @files = sort glob "$example/services/$service/migrations/V*.sql";
	my $run = sub {
		local $ENV{PGUSER} = "usecapsule_$service";
		$node->safe_psql($dbname, "SET client_min_messages = warning;\n" . join("\n", @_));
	};
	my $state = <<'SQL';
SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
UNION ALL SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
UNION ALL SELECT relation::text FROM svc.retentions
UNION ALL SELECT target || '.' || counter FROM svc.counters
ORDER BY 1
SQL
	$node->safe_psql('postgres', "SELECT svc.create_service('$service', database => '$dbname', login => 'usecapsule_$service', login_level => 'owner')");
	$run->(map { slurp_file($_) } @files);
	my $made = one($node, $dbname, $state);
	isnt($made, '', "$service: the migrations run");
	$run->(map { slurp_file($_) =~ /^-- Rollback: (.*)$/mg } reverse @files);
	rows($node, $dbname, $state, '', 'their way back leads to nothing');
	$run->(map { slurp_file($_) } @files);
	rows($node, $dbname, $state, $made, 'and they run again');
	like(slurp_file("$example/services/$service/migrations/flyway.conf"), qr/^flyway\.table=flyway_schema_history$/m, 'flyway.conf is there');
}

$_->stop foreach values %node;
done_testing();
