# Services talk to their databases through poolers.  In transaction mode every
# transaction may run on another connection, so nothing that the extension does
# may hang on a session: a day of the shop must go the same way directly and
# through PgBouncer, also for more clients than there are connections, and its
# functions must work there, those that have work done elsewhere too.

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

my $checks = 163;
my $shop = "$FindBin::RealBin/../../examples/shop";
my $node = new_server('main', conf => "jit = off\nmax_connections = 60\n");
my ($rc, $out, $err);

ask_for_passwords($node);
shop_passwords();
($rc, $out, $err) = run_script($node, 'postgres', "$shop/databases.sql");
is($rc . $out . $err, '0', 'the shop in four databases');

# ---- the pooler ----

my $admin = $node->safe_psql('postgres', "SELECT current_user");
$node->safe_psql('postgres', qq{ALTER ROLE "$admin" PASSWORD 'of the administrator'});
add_password('*', $admin, 'of the administrator');
my $home = PostgreSQL::Test::Utils::tempdir_short();
my $pooler;

# Starts it with the given lines for who is who, in place of the one that runs
sub restart_pooler
{
	my ($authentication) = @_;

	stop_pooler($pooler);
	$pooler = start_pooler($program, $node, $home, 2, $authentication);
	return;
}

END { my $status = $?; stop_pooler($pooler); $? = $status }

# Runs psql through the pooler; returns exit status, output and errors
sub through_pooler
{
	my ($dbname, $user, @arguments) = @_;
	my ($printed, $said);
	local $ENV{PGHOST} = $home;
	local $ENV{PGPORT} = 6432;

	IPC::Run::run([ 'psql', '-X', '-w', '-At', '-d', $dbname, '-U', $user, @arguments ], '<', \'', '>', \$printed, '2>', \$said);
	return ($? >> 8, $printed, $said);
}

# Tests what statements print, each sent by itself
sub pooled
{
	my ($dbname, $user, $statements, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($status, $printed, $said) = through_pooler($dbname, $user, map { ('-c', $_) } @$statements);

	is($printed . ($status ? $said : ''), $expected, $name);
	return;
}

# ---- a day of the shop ----

# Its passwords as the server keeps them: PgBouncer needs to know no more
my @verifiers = lines($node, 'postgres', q{
SELECT format('"%s" "%s"', rolname, rolpassword) FROM pg_authid WHERE rolname LIKE '%\_user' OR rolname = current_user});
PostgreSQL::Test::Utils::append_to_file("$home/users", join('', map { "$_\n" } @verifiers));
restart_pooler("auth_file = $home/users");

sub visit
{
	my ($host, $port, $customer) = @_;
	my ($printed, $said);
	local $ENV{PGHOST} = $host;
	local $ENV{PGPORT} = $port;
	my $run = IPC::Run::start([ 'psql', '-X', '-w', '-d', 'auth_db', '-U', 'auth_user', '-v', "customer=$customer", '-f', "$shop/session.sql" ],
		'<', \'', '>', \$printed, '2>', \$said);

	return sub {
		$run->finish;
		return ($run->result(0), $printed, $said =~ s/^psql:.*?: //mgr);
	};
}

my @direct = visit($node->host, $node->port, 'kenji')->();
is($direct[0], 0, 'a visit, directly');
note($direct[1]);
my $steps = () = $direct[1] =~ /^--- /mg;
is($steps, 9, 'in nine steps');
is(join(' ', $direct[1] =~ /^(\d\w{4})$/mg), '42501 42501 23505 23505', 'with what must be refused');
my @pooled = visit($home, 6432, 'kenji')->();
is($pooled[0], 0, 'the same visit, through PgBouncer in transaction mode');
same_text($pooled[1], $direct[1], 'prints the same');
same_text($pooled[2], $direct[2], 'and is refused the same');

# Six customers on two connections for each service, four visits each
my @customers = qw(amelie bashir dmitri farah goran jamila);
foreach my $round (1 .. 4)
{
	my %running = map { $_ => visit($home, 6432, $_) } @customers;
	my %result = map { $_ => [ $running{$_}->() ] } @customers;
	my @other = grep { $result{$_}[0] != 0 || $result{$_}[1] ne $direct[1] } @customers;

	is("@other", '', "six visits at once, $round");
	diag("$_: status $result{$_}[0]\n$result{$_}[1]$result{$_}[2]") foreach @other;
}
my $connections = one($node, 'postgres', q{
SELECT max(n) FROM (SELECT count(*) FROM pg_stat_activity WHERE usename LIKE '%\_user' GROUP BY usename, datname) c (n)});
cmp_ok($connections, '<=', 2, 'by no more than two connections for each service');
run_checks($node, 'postgres', "$shop/databases_test.sql", $checks);

# ---- functions ----

# Each on the connection that is free: two of them have to look the same
pooled('auth_db', 'auth_user', [ ("SELECT current_user, session_user, current_setting('search_path'), svc.current_service()") x 4 ],
	"auth_owner|auth_user|public, svc_triggers|auth\n" x 4, 'every connection works as the service');
pooled('auth_db', 'auth_user', [
	"SELECT svc.publish('auth', 'profiles', 'user_profiles', key => 'user_id', columns => '{user_id,language}')",
	"SELECT count(*) FROM auth_api.profiles",
	"SELECT svc.owner_of('user_profiles')",
	"SELECT svc.unpublish('auth', 'profiles', force => true)",
	"SELECT to_regclass('auth_api.profiles') IS NULL" ], "\n12\nauth\n\nt\n", 'publish and unpublish');
pooled('cart_db', 'cart_user', [ "SELECT count(*) FROM product_api.products", "SELECT bool_and(ok) FROM svc.check_connections()" ],
	"20\nt\n", 'contracts of other databases');
pooled('auth_db', 'auth_user', [
	"CALL svc.run(ARRAY['CREATE TABLE made_elsewhere (id int)', 'VACUUM made_elsewhere', 'INSERT INTO made_elsewhere VALUES (1), (2)'])",
	"SELECT count(*), svc.owner_of('made_elsewhere') FROM made_elsewhere",
	"DROP TABLE made_elsewhere" ], qq([{"command": "CREATE TABLE"}, {"command": "VACUUM"}, {"command": "INSERT 0 2"}]\n2|auth\nDROP TABLE\n), 'the runner: statements of which one allows no transaction');
($rc, $out, $err) = through_pooler('auth_db', 'auth_user', '-c', "CALL svc.run(ARRAY['SELECT 1 / 0'])");
like($err, qr/ERROR:  division by zero/, 'and its errors');

# A service is made, used, connected and dropped without a session of one's own
pooled('postgres', $admin, [ q{SELECT svc.create_service('review', database => 'review_db', login => 'review_user', password => 'of reviews', login_level => 'owner')} ],
	"created\n", 'a service with a database of its own');
($rc, $out, $err) = through_pooler('postgres', $admin, '-c', q{BEGIN; SELECT svc.create_service('other', database => 'other_db'); COMMIT});
like($err, qr/ERROR:  .*cannot/, 'but not in a transaction block');
PostgreSQL::Test::Utils::append_to_file("$home/users", one($node, 'postgres', q{
SELECT format('"%s" "%s"', rolname, rolpassword) FROM pg_authid WHERE rolname = 'review_user'}) . "\n");
add_password('review_db', 'review_user', 'of reviews');
restart_pooler("auth_file = $home/users");
pooled('review_db', 'review_user', [
	'CREATE TABLE reviews (id bigint PRIMARY KEY, stars int)', 'INSERT INTO reviews VALUES (1, 5)',
	"SELECT svc.publish('review', 'reviews', 'reviews')", "SELECT svc.grant_contract('review', 'cart')" ],
	"CREATE TABLE\nINSERT 0 1\n\n\n", 'its login makes a table and shows it');
pooled('cart_db', $admin, ["SELECT svc.connect('review', database => 'review_db')"], "\n", 'another service is connected to it');
pooled('cart_db', 'cart_user', ['SELECT stars FROM review_api.reviews'], "5\n", 'and reads it');
pooled('cart_db', $admin, ["SELECT svc.disconnect('review')"], "\n", 'until it is disconnected');
pooled('review_db', 'review_user', ["SELECT svc.revoke_contract('review', 'cart')"], "\n", 'and its contract is taken back');
is(outcome($node, 'postgres', "!SELECT svc.drop_service('review', drop_objects => true)"), '55006',
	'while its connections are kept open it is not dropped');
stop_pooler($pooler);
is(outcome($node, 'postgres', "!SELECT svc.drop_service('review', drop_objects => true)"), '00000', 'but then it is');

# ---- passwords asked for by a query ----

# PgBouncer looks them up itself, as an administrator
unlink "$home/users";
PostgreSQL::Test::Utils::append_to_file("$home/users", qq{"$admin" "of the administrator"\n});
restart_pooler("auth_file = $home/users\nauth_user = $admin\nauth_query = SELECT usename, passwd FROM pg_catalog.pg_shadow WHERE usename = \$1");
@pooled = visit($home, 6432, 'kenji')->();
is($pooled[0], 0, 'a visit, with passwords that PgBouncer asks for by a query');
same_text($pooled[1], $direct[1], 'prints the same');
{
	local $ENV{PGPASSWORD} = 'wrong';
	($rc, $out, $err) = through_pooler('auth_db', 'auth_user', '-c', 'SELECT 1');
	isnt($rc, 0, 'a wrong password is refused');
	($rc, $out, $err) = through_pooler('product_db', 'auth_user', '-c', 'SELECT 1');
	isnt($rc, 0, 'as is another database');
}
($rc, $out, $err) = through_pooler('product_db', 'cart_user', '-c', 'SELECT 1');
isnt($rc, 0, "the right one does not help in another service's database");
stop_pooler($pooler);

run_checks($node, 'postgres', "$shop/databases_test.sql", $checks);
$node->stop;
done_testing();
