# examples/shop is what people see first: it must install, run and check itself
# as its README says, also a second time under other names, and each of its init
# files must run alone, as its service's own user runs it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $checks = 132;
my $node = new_server('main', workers => 0, conf => "jit = off\n");
my $shop = "$FindBin::RealBin/../../examples/shop";
my ($rc, $out, $err);

sub roles
{
	return join("\n", lines($node, 'postgres', 'SELECT oid, rolname FROM pg_roles ORDER BY oid'));
}

# As the README says
my $roles = roles();
$node->safe_psql('postgres', "CREATE DATABASE $_") foreach 'shop', 'shop2', 'shop3';
($rc, $out, $err) = run_script($node, 'shop', "$shop/install.sql");
is($rc, 0, 'install.sql');
is($out . $err, '', 'without a word');
my $before = dump_of($node, 'shop');

# The tour also tries what must be refused
my @refusals = (
	qr/permission denied for schema product/, qr/permission denied for view products/, qr/permission denied to set role/,
	qr/permission denied for schema auth/, qr/violates check constraint "promo_codes_usage_limit_check"/,
	qr/cannot drop service "review"/);
sub tour
{
	my ($dbname, %variables) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	($rc, $out, $err) = run_script($node, $dbname, "$shop/tour.sql", %variables);
	my @errors = $err =~ /ERROR:  (.*)/g;
	is($rc, 0, "tour.sql in $dbname");
	is(scalar @errors, scalar @refusals, 'is refused what it should be');
	like($errors[$_] // '', $refusals[$_], 'in the right order') foreach 0 .. $#refusals;
	my $lines = () = $out =~ /\S.*\n/g;
	cmp_ok($lines, '>=', 50, "and shows $lines lines");
	return;
}
tour('shop');
run_checks($node, 'shop', "$shop/test.sql", $checks);
same_text(dump_of($node, 'shop'), $before, 'both change nothing');

# Again: in the same database, and in another one, nothing happens; under other
# names it is a shop of its own
($rc, $out, $err) = run_script($node, 'shop', "$shop/install.sql");
is($rc, 3, 'install.sql stops where the shop is already');
like($err, qr/ERROR:  service "auth" already exists/, 'and says so');
same_text(dump_of($node, 'shop'), $before, 'and changes nothing');
my $roles_before = roles();
($rc, $out, $err) = run_script($node, 'shop2', "$shop/install.sql");
is($rc, 3, 'install.sql stops where roles are taken');
like($err, qr/ERROR:  role "auth_owner" already exists\n.*HINT:  .*role_prefix/s, 'and says so');
rows($node, 'shop2', "SELECT count(*) FROM pg_namespace WHERE nspname IN ('svc', 'auth', 'cart')", '0', 'and leaves nothing');
is(roles(), $roles_before, 'no roles either');
($rc, $out, $err) = run_script($node, 'shop2', "$shop/install.sql", prefix => 'staging_');
is($rc . $err, '0', 'install.sql with a prefix');
run_checks($node, 'shop2', "$shop/test.sql", $checks, prefix => 'staging_');
tour('shop2', prefix => 'staging_');
run_checks($node, 'shop', "$shop/test.sql", $checks);

# test.sql finds what is wrong
my @wrong = (
	'GRANT SELECT ON auth.users TO cart_reader' => 'REVOKE SELECT ON auth.users FROM cart_reader',
	'ALTER TABLE cart.wishlist_items DISABLE TRIGGER wishlist_items_product_id_ref_insert' => 'ALTER TABLE cart.wishlist_items ENABLE TRIGGER ALL; CALL svc.check_references()',
	'ALTER TABLE cart.cart_items DISABLE TRIGGER ALL' => 'ALTER TABLE cart.cart_items ENABLE TRIGGER ALL; CALL svc.check_references()',
	'UPDATE promotion.promo_codes SET usage_count = 0' => "SELECT svc.recount('promotion.promo_codes')");
while (my ($wrong, $right) = splice @wrong, 0, 2)
{
	$node->safe_psql('shop', $wrong);
	my $failures = () = (run_script($node, 'shop', "$shop/test.sql"))[1] =~ /^not ok/mg;
	cmp_ok($failures, '>', 0, "test.sql notices: $wrong");
	$node->safe_psql('shop', $right);
}
run_checks($node, 'shop', "$shop/test.sql", $checks);

# Rid of it, as the README says
my ($end) = slurp_file("$shop/README.md") =~ /To be rid of it.*?\n\n(.*?)\n\n/s;
foreach my $dbname ('shop', 'shop2')
{
	$node->safe_psql($dbname, $end);
	rows($node, $dbname, "SELECT count(*) FROM svc.services", '0', "$dbname is gone");
	rows($node, $dbname, "SELECT string_agg(nspname, ' ') FROM pg_namespace WHERE nspname !~ '^(pg_|svc|information_schema|public)'", '', 'with its schemas');
}
is(roles(), $roles, 'with all roles');

# Each init file alone, in a database of its own, by its service's login
my $tables = 0;
foreach my $file (sort glob "$shop/init/*.sql")
{
	my ($service) = $file =~ m{/(\w+)_db_init\.sql$};

	$node->safe_psql('postgres', "CREATE DATABASE ${service}_db");
	$node->safe_psql("${service}_db", "CREATE EXTENSION svc_ownership; SELECT svc.create_service('$service', schema => '$service', login => '${service}_user', login_level => 'owner')");
	($rc, $out, $err) = run_script($node, "${service}_db", $file, ON_ERROR_STOP => 1, user => "${service}_user");
	is($rc . $err, '0', "$service alone");
	my $n = one($node, "${service}_db", "SELECT count(*) FROM svc.tables WHERE service = '$service'");
	rows($node, "${service}_db", "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = '$service'::regnamespace AND relowner = '${service}_owner'::regrole",
		$n, "its $n tables belong to it");
	rows($node, "${service}_db", 'SELECT count(*) FROM svc.check_grants()', '0', 'with all rights');
	rows($node, "${service}_db", "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace", '0', 'and nothing is anywhere else');
	rows($node, "${service}_db", "SELECT count(*) > 0 FROM pg_trigger WHERE tgfoid = 'svc_triggers.update_updated_at_column()'::regprocedure", 't', 'its triggers call the function of svc_triggers');
	$tables += $n;
	# and once more: an error, not a second set of tables
	($rc, $out, $err) = run_script($node, "${service}_db", $file, ON_ERROR_STOP => 1, user => "${service}_user");
	is($rc, 3, 'a second time it stops');
	like($err, qr/ERROR:  relation ".*" already exists/, 'at the first table');
	rows($node, "${service}_db", "SELECT count(*) FROM svc.tables", $n, 'and has made none');
}
note("$tables tables of services that run alone");
is($tables, 22, 'all tables of the README');

# ---- four databases ----

my $database_checks = 163;
$node->stop;
$node = new_server('databases', workers => 0, conf => "jit = off\n");
ask_for_passwords($node);
shop_passwords();
my @databases = qw(auth_db cart_db poc product_db promotion_db);
($rc, $out, $err) = run_script($node, 'postgres', "$shop/databases.sql");
is($rc . $out . $err, '0', 'databases.sql without a word');
sub dumps { return join '', map { dump_of($node, $_) } @_ }
$before = dumps(@databases);
run_checks($node, 'postgres', "$shop/databases_test.sql", $database_checks);
same_text(dumps(@databases), $before, 'which change nothing');
($rc, $out, $err) = run_script($node, 'postgres', "$shop/databases.sql");
is($rc . $out . $err, '0', 'databases.sql a second time');
same_text(dumps(@databases), $before, 'changes nothing');

# Real logins: what a password opens, and what not
foreach my $login (qw(auth_user product_user cart_user promotion_user poc_user))
{
	local $ENV{PGPASSWORD} = 'secret of ' . ($login =~ s/_user//r);
	my @open = grep { connects($node, $_, $login) == 0 } @databases;
	is("@open", $login =~ s/_user$/_db/r =~ s/^poc_db$/poc/r, "$login gets into its own database");
}

# databases_test.sql finds what is wrong
@wrong = (
	[ 'product_db', 'GRANT SELECT ON products TO product_for_cart', 'REVOKE SELECT ON products FROM product_for_cart' ],
	[ 'cart_db', 'ALTER TABLE cart_items DISABLE TRIGGER ALL', 'ALTER TABLE cart_items ENABLE TRIGGER ALL; CALL svc.check_references()' ],
	[ 'auth_db', 'GRANT CONNECT ON DATABASE auth_db TO cart_user', 'REVOKE CONNECT ON DATABASE auth_db FROM cart_user' ],
	[ 'product_db', "UPDATE products SET name = 'x' WHERE id = 1", "UPDATE products SET name = 'Nordlys 5 Phone' WHERE id = 1" ]);
foreach my $case (@wrong)
{
	my ($dbname, $wrong, $right) = @$case;

	$node->safe_psql($dbname, $wrong);
	my $failures = () = (run_script($node, 'postgres', "$shop/databases_test.sql"))[1] =~ /^not ok/mg;
	cmp_ok($failures, '>', 0, "databases_test.sql notices: $wrong");
	$node->safe_psql($dbname, $right);
}
run_checks($node, 'postgres', "$shop/databases_test.sql", $database_checks);

# A visit of a customer, as the services' processes live it
($rc, $out, $err) = run_script($node, 'auth_db', "$shop/session.sql", user => 'auth_user');
is($rc, 0, 'session.sql');
run_checks($node, 'postgres', "$shop/databases_test.sql", $database_checks);

# A second shop in the cluster, with passwords that are made for it
sub second_shop
{
	my ($prefix) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	delete local @ENV{qw(AUTH_DB_PASSWORD PRODUCT_DB_PASSWORD CART_DB_PASSWORD PROMOTION_DB_PASSWORD POC_PASSWORD)};

	($rc, $out, $err) = run_script($node, 'postgres', "$shop/databases.sql", prefix => $prefix);
	is($rc . $err, '0', "databases.sql with the prefix $prefix");
	my @passwords = $out =~ /^\*:\*:(\w+:\w+:\w{32})$/mg;
	is(scalar @passwords, 5, 'shows the passwords that it has made');
	add_password(split /:/) foreach @passwords;
	run_checks($node, 'postgres', "$shop/databases_test.sql", $database_checks, prefix => $prefix);
	($rc, $out, $err) = run_script($node, "${prefix}auth_db", "$shop/session.sql", user => "${prefix}auth_user", prefix => $prefix);
	is($rc, 0, 'session.sql');
	return;
}
second_shop('staging_');
run_checks($node, 'postgres', "$shop/databases_test.sql", $database_checks);
($rc, $out, $err) = run_script($node, 'postgres', "$shop/databases_remove.sql", prefix => 'staging_');
is($rc . $out . $err, '0', 'databases_remove.sql takes one away');
run_checks($node, 'postgres', "$shop/databases_test.sql", $database_checks);

# Rid of it
$roles = join "\n", lines($node, 'postgres', "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1");
cmp_ok(($roles =~ tr/\n//), '>=', 5 + 4 * 3, 'there are many roles');
($rc, $out, $err) = run_script($node, 'postgres', "$shop/databases_remove.sql");
is($rc . $out . $err, '0', 'databases_remove.sql');
rows($node, 'postgres', "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> CURRENT_USER", '', 'leaves no role');
rows($node, 'postgres', "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database", 'postgres template0 template1', 'and no database');

# Beside a shop in schemas, whose roles have the names: under other names, with
# passwords that are made for it
$node->safe_psql('postgres', 'CREATE DATABASE shop');
($rc, $out, $err) = run_script($node, 'shop', "$shop/install.sql");
is($rc . $out . $err, '0', 'install.sql');
($rc, $out, $err) = run_script($node, 'postgres', "$shop/databases.sql");
is($rc, 3, 'databases.sql stops where roles are taken');
like($err, qr/ERROR:  role "auth_owner" already exists\n.*HINT:  .*role_prefix/s, 'and says so');
rows($node, 'postgres', "SELECT count(*) FROM pg_database WHERE datname LIKE '%\\_db'", '0', 'and leaves no database');
second_shop('four_');
run_checks($node, 'shop', "$shop/test.sql", $checks);
($rc, $out, $err) = run_script($node, 'postgres', "$shop/databases_remove.sql", prefix => 'four_');
is($rc . $out . $err, '0', 'databases_remove.sql with a prefix');
run_checks($node, 'shop', "$shop/test.sql", $checks);

# A product and two customers go for good: what refers to them does what its reference says
$node->safe_psql('shop', q(DELETE FROM product.products WHERE name = 'Rain Jacket'));
$node->safe_psql('shop', q(DELETE FROM auth.users WHERE email IN ('amelie@example.com', 'elif@example.com')));
my $elif = "'a0000000-0000-4000-8000-000000000005'";
my $referring = <<"SQL";
SELECT (SELECT count(*) FROM cart.wishlist_items WHERE product_id = 14),
       (SELECT count(*) FROM cart.saved_carts WHERE user_id = $elif), (SELECT count(*) FROM promotion.user_promo_eligibility WHERE user_id = $elif),
       (SELECT count(*) FROM promotion.promo_suggestions WHERE user_id = $elif), (SELECT count(*) FROM promotion.promo_codes WHERE created_by IS NULL),
       (SELECT count(*) FROM promotion.promo_usage WHERE user_id = $elif), (SELECT count(*) FROM cart.carts WHERE user_id = $elif)
SQL
rows($node, 'shop', $referring, '1|2|1|2|0|2|1', 'nobody waits for that');
$node->safe_psql('shop', 'CALL svc.run_pending()');
rows($node, 'shop', $referring, '0|0|0|0|9|2|1', 'rows go, lose the key, or stay');
rows($node, 'shop', q(SELECT reference, count(*) FROM svc.reference_violations WHERE state = 'open' GROUP BY 1 ORDER BY 1),
	"cart_items_product_id_ref|1\ncart_items_variant_id_ref|2\ncarts_user_id_ref|1", 'and those that stay are reported, but for what is to be kept');
rows($node, 'shop', q(SELECT count(*) FROM svc.tombstones() WHERE state <> 'settled'), '0', 'all of it is settled');

$node->stop;
done_testing();
