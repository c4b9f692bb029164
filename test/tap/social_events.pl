# examples/social-events in its three deployments, services in databases of their
# own, services in schemas and logical services in a monolith, all in one cluster:
# each checks itself, all have the same tables, and each service's file runs alone.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $checks = 149;
my $node = new_server('main', workers => 0, conf => "jit = off
");
my $example = "$FindBin::RealBin/../../examples/social-events";
my ($rc, $out, $err);

my $missing = one($node, 'postgres', <<'SQL');
SELECT string_agg(n, ' and ') FROM unnest('{postgis,uuid-ossp}'::text[]) n
 WHERE NOT EXISTS (SELECT 1 FROM pg_available_extensions e WHERE e.name = n)
SQL
if ($missing ne '')
{
	$node->stop;
	plan skip_all => "social-events needs $missing, which this server does not have";
}

# The services in databases of their own read each other by logins of their own
ask_for_passwords($node);
my $database_checks = 77;
($rc, $out, $err) = run_script($node, 'postgres', "$example/databases.sql");
is($rc . $out . $err, '0', 'databases.sql without a word');

my %deployment = (anigmaa => 'schemas', anigmaa_monolith => 'monolith');
foreach my $dbname (sort keys %deployment)
{
	$node->safe_psql('postgres', "CREATE DATABASE $dbname");
	($rc, $out, $err) = run_script($node, $dbname, "$example/$deployment{$dbname}.sql");
	is($rc . $out . $err, '0', "$deployment{$dbname}.sql without a word");
}

# After the other one is there, so that both fit into one cluster
foreach my $dbname (sort keys %deployment)
{
	my $before = dump_of($node, $dbname);
	run_checks($node, $dbname, "$example/test.sql", $checks, deployment => $deployment{$dbname});
	same_text(dump_of($node, $dbname), $before, 'which change nothing');
	($rc, $out, $err) = run_script($node, $dbname, "$example/$deployment{$dbname}.sql");
	is($rc, 3, 'a second time it stops');
	like($err, qr/ERROR:  (service|role|relation) ".*" already exists/, 'and says why');
	same_text(dump_of($node, $dbname), $before, 'and nothing changes');
}

# All three in one cluster
my @databases = map { "anigmaa_${_}_service" } qw(event post ticket user);
sub dumps { return join '', map { dump_of($node, $_) } @_ }
my $before = dumps(@databases);
run_checks($node, 'postgres', "$example/databases_test.sql", $database_checks);
($rc, $out, $err) = run_script($node, 'postgres', "$example/databases.sql");
is($rc . $out . $err, '0', 'databases.sql a second time');
same_text(dumps(@databases), $before, 'which both change nothing');

# In databases of their own the ids of others are checked later
my $nobody = '00000000-0000-4000-8000-000000000099';
found_later($node, 'anigmaa_post_service', 'shares_user_id_ref', $nobody,
	"UPDATE shares SET user_id = '$nobody' WHERE id = (SELECT id FROM shares ORDER BY id LIMIT 1)",
	"UPDATE shares SET user_id = (SELECT id FROM user_api.users ORDER BY id LIMIT 1) WHERE user_id = '$nobody'");

# The services' files and the migrations make the same tables
my @columns = map { (run_script($node, $_, "$example/columns.sql"))[1] } sort keys %deployment;
my $lines = () = $columns[0] =~ /\n/g;
note("columns.sql prints $lines lines");
cmp_ok($lines, '>=', 200, 'columns.sql prints every column, constraint and index');
same_text($columns[1], $columns[0], 'and the same in both deployments of one database');
my @references = map { /ALTER TABLE (\w+) ADD FOREIGN KEY \((\w+)\)/ ? "$1|$1_$2_fkey" : () } split /\n/, slurp_file("$example/foreign_keys.sql");
is(scalar @references, 15, 'fifteen foreign keys cross services');
my $separate = join '', sort map { "$_\n" } grep {
	my $line = $_;
	# nor the counters that need two services in one database
	$line !~ /^(events|posts|tickets)\|svc_keep_count_/ && !grep { index($line, "$_|") == 0 } @references
} split /\n/, $columns[0];
# types of a contract are in more than one of them
my %separate = map { $_ => 1 } map { split /\n/, (run_script($node, $_, "$example/columns.sql"))[1] } @databases;
same_text(join('', map { "$_\n" } sort keys %separate), $separate, 'in databases of their own the services have all else');
$node->safe_psql('anigmaa_monolith', 'ALTER TABLE posts ADD COLUMN one_more int');
isnt((run_script($node, 'anigmaa_monolith', "$example/columns.sql"))[1], $columns[0], 'it would see one column more');
$node->safe_psql('anigmaa_monolith', 'ALTER TABLE posts DROP COLUMN one_more');

# A second copy under other names
$node->safe_psql('postgres', "CREATE DATABASE anigmaa2");
($rc, $out, $err) = run_script($node, 'anigmaa2', "$example/schemas.sql");
is($rc, 3, 'where roles are taken it stops');
rows($node, 'anigmaa2', "SELECT count(*) FROM pg_extension WHERE extname <> 'plpgsql'", '0', 'and leaves nothing');
($rc, $out, $err) = run_script($node, 'anigmaa2', "$example/schemas.sql", prefix => 'staging_');
is($rc . $err, '0', 'with a prefix it runs');
run_checks($node, 'anigmaa2', "$example/test.sql", $checks, deployment => 'schemas', prefix => 'staging_');

# The conversion, with the data in place: what was a foreign key is a reference,
# and the same checks hold
foreach my $dbname (sort keys %deployment)
{
	($rc, $out, $err) = run_script($node, $dbname, "$example/references.sql");
	is($rc . $out, '0', "references.sql in $dbname");
	my $notices = () = $err =~ /NOTICE/g;
	is($notices, 15, 'says what changes');
	run_checks($node, $dbname, "$example/test.sql", $checks, deployment => $deployment{$dbname});
	rows($node, $dbname, "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND svc.owner_of(conrelid) <> svc.owner_of(confrelid)", '0',
		'no foreign key crosses services');
	($rc, $out, $err) = run_script($node, $dbname, "$example/references.sql");
	is($rc . $out . $err, '0', 'a second time it does nothing');
	$node->safe_psql($dbname, 'CALL svc.check_references()');
	rows($node, $dbname, 'SELECT count(*) FROM svc.reference_violations', '0', 'every row refers to something');
	# what was done in the transaction that deletes is done after it; what kept a user from being deleted is reported
	my $users = one($node, $dbname, "SELECT relation FROM svc.entities WHERE entity = 'users'");
	my $likes = one($node, $dbname, "SELECT relation FROM svc.references_declared WHERE reference = 'likes_user_id_fkey'");
	my $intan = one($node, $dbname, "SELECT id FROM $users WHERE username = 'intan'");
	cmp_ok(one($node, $dbname, "SELECT count(*) FROM $likes WHERE user_id = '$intan'"), '>', 0, 'somebody likes something');
	$node->safe_psql($dbname, "DELETE FROM $users WHERE id = '$intan'");
	$node->safe_psql($dbname, 'CALL svc.run_pending()');
	rows($node, $dbname, "SELECT count(*) FROM $likes WHERE user_id = '$intan'", '0', 'and goes with them');
	rows($node, $dbname, 'SELECT DISTINCT reference FROM svc.reference_violations', 'tickets_user_id_fkey', 'a ticket does not go');
	$node->safe_psql($dbname, 'CALL svc.check_references()');
	rows($node, $dbname, q(SELECT DISTINCT reference FROM svc.reference_violations WHERE state = 'open'), 'tickets_user_id_fkey', 'nothing else refers to nobody');
}

# Each service's file alone, in a database of its own, by its service's login
my $tables = 0;
foreach my $file (sort glob "$example/db/services/*.sql")
{
	my ($service) = $file =~ m{/(\w+)_service_db\.sql$};
	my $dbname = "${service}_alone";

	$node->safe_psql('postgres', "CREATE DATABASE $dbname");
	$node->safe_psql($dbname, "CREATE EXTENSION svc_ownership; SELECT svc.create_service('$service', schema => '${service}_service', role_prefix => 'alone_$service', login => 'alone_$service', password => 'alone', login_level => 'owner', extensions => '{uuid-ossp,postgis}')");
	local $ENV{PGPASSWORD} = 'alone';
	($rc, $out, $err) = run_script($node, $dbname, $file, ON_ERROR_STOP => 1, user => "alone_$service");
	is($rc, 0, "$service alone");
	unlike($err, qr/ERROR|WARNING/, 'without errors');
	my $n = one($node, $dbname, "SELECT count(*) FROM svc.tables WHERE service = '$service'");
	rows($node, $dbname, "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = '${service}_service'::regnamespace AND relowner = 'alone_${service}_owner'::regrole",
		$n, "its $n tables belong to it");
	rows($node, $dbname, 'SELECT count(*) FROM svc.check_grants()', '0', 'with all rights');

	# what it has is what it has among the others
	($rc, my $alone) = run_script($node, $dbname, "$example/columns.sql");
	my %among = map { $_ => 1 } split /\n/, $columns[0];
	my @more = grep { !$among{$_} } split /\n/, $alone;
	is(scalar @more, 0, 'the same as among the others');
	diag($_) foreach @more;
	$tables += $n;
}
note("$tables tables of services that run alone");
is($tables, 20, 'all tables of the README');

# and by a superuser, in public, as one tries a file
$node->safe_psql('postgres', "CREATE DATABASE plain");
$node->safe_psql('plain', "CREATE EXTENSION svc_ownership; ALTER DATABASE plain SET search_path = public, svc_triggers");
foreach my $file (reverse sort glob "$example/db/services/*.sql")
{
	($rc, $out, $err) = run_script($node, 'plain', $file, ON_ERROR_STOP => 1);
	is($rc, 0, "$1 in public") if $file =~ m{([^/]+)$};
}

$node->stop;
done_testing();
