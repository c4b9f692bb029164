# A service in a database of its own, backed up and restored in every way: what
# pg_dump does not carry, svc.repair_settings() sets again, also under another
# name and in another cluster, and by the service's own user.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $node = new_server('main', workers => 0, conf => "max_worker_processes = 16\n");
my $tempdir = PostgreSQL::Test::Utils::tempdir;
my $user = one($node, 'postgres', 'SELECT current_user');

$node->safe_psql('postgres', 'CREATE EXTENSION svc_ownership');
$node->safe_psql('postgres', <<'SQL');
SELECT svc.create_service('auth', database => 'auth_db', login => 'auth_user', login_level => 'owner', extensions => '{uuid-ossp}',
                          migrator => 'auth_mig', team => 'identity', description => 'who may');
SQL
$node->safe_psql('postgres', "SELECT svc.create_service('mail', database => 'mail_db', schema => 'mail', login => 'mail_user')");
foreach my $place ([ 'auth_db', 'auth_user', 'public', 'auth' ], [ 'mail_db', 'mail_owner', 'mail', 'mail' ])
{
	my ($dbname, $role, $schema, $service) = @$place;
	my $script = <<"SQL";
CREATE TABLE $schema.users (id int PRIMARY KEY, name text, sessions int NOT NULL DEFAULT 0, updated_at timestamptz NOT NULL DEFAULT '2001-01-01');
CREATE TABLE $schema.sessions (id int PRIMARY KEY, user_id int, expires_at timestamptz);
CREATE INDEX ON $schema.sessions (expires_at);
SELECT svc.keep_updated_at('$schema.users');
SELECT svc.keep_count('$schema.sessions', 'user_id', '$schema.users', 'id', 'sessions');
SELECT svc.keep_rows('$schema.sessions', 'expires_at', '0');
SELECT svc.publish('$service', 'users', '$schema.users', columns => '{id,name}', filter => 'id <> 3');
SELECT svc.grant_contract('$service', 'cart');
SELECT svc.add_store('$service', 's', 'redis');
INSERT INTO $schema.users (id, name) VALUES (1, 'ann'), (2, 'bob');
INSERT INTO $schema.sessions VALUES (1, 1, '2001-01-01'), (2, 1, 'infinity');
SQL
	$node->safe_psql($dbname, $role eq 'auth_user' ? $script : "SET ROLE $role; $script", $role eq 'auth_user' ? (extra_params => [ '-U', $role ]) : ());
}

# What a database says of its service
sub facts
{
	my ($on, $dbname) = @_;

	return catalog_facts($on, $dbname, <<'SQL');
SELECT 'missing', role, privilege, problem FROM svc.check_grants() WHERE privilege ~ '^SET ' ORDER BY 2, 3;
SELECT 'service', item, state FROM svc.status() WHERE item ~ '^service ' ORDER BY 2, 3;
SELECT 'database', pg_get_userbyid(d.datdba), ARRAY(SELECT x::text FROM unnest(d.datacl) x ORDER BY 1) FROM pg_database d WHERE d.datname = current_database();
SELECT 'setting', setrole::regrole, ARRAY(SELECT x FROM unnest(s.setconfig) x ORDER BY x)
  FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = current_database() ORDER BY setrole::regrole::text;
SQL
}
my %expected = map { $_ => facts($node, $_) } 'auth_db', 'mail_db';
foreach my $dbname (sort keys %expected)
{
	unlike($expected{$dbname}, qr/^(grants|contract|missing)\|/m, "$dbname is well");
	like($expected{$dbname}, qr/^setting\|-\|\{svc_ownership\.service=/m, "$dbname says whose it is");
}

sub run_as
{
	my ($role, $on, $command, $name) = @_;
	my ($out, $err) = ('', '');
	local $ENV{PGUSER} = $role;
	local $ENV{PGHOST} = $on->host;
	local $ENV{PGPORT} = $on->port;
	my $ok = IPC::Run::run($command, '>', \$out, '2>', \$err);

	ok($ok, $name);
	diag("@$command\n$err") unless $ok;
	return $err;
}

# A copy is the same after svc.repair_settings(), and works
sub check_copy
{
	my ($on, $dbname, $source, %opt) = @_;
	my ($service, $schema) = $source eq 'auth_db' ? ('auth', 'public') : ('mail', 'mail');
	my $missing = one($on, $dbname, "SELECT count(*) FROM svc.check_grants()");

	if ($opt{complete})
	{
		is($missing, '0', "$dbname lacks nothing");
	}
	else
	{
		cmp_ok($missing, '>', 0, "$dbname lacks settings, and says so");
		rows($on, $dbname, "SELECT count(*) FROM svc.check_grants() WHERE object NOT IN ('$dbname', 'database $dbname')", '0', 'nothing else');
		cmp_ok(one($on, $dbname, 'SELECT svc.repair_settings()'), '>', 0, 'svc.repair_settings() sets them again');
		rows($on, $dbname, 'SELECT svc.repair_settings()', '0', 'which once is enough for');
	}
	same_text(facts($on, $dbname), $expected{$source}, "$dbname says what $source says");
	rows($on, $dbname, "SELECT confirmed FROM svc.service", 't', 'it is confirmed');
	allowed($on, $dbname, [ "INSERT INTO sessions VALUES (10, 2, 'infinity')", "UPDATE users SET name = name" ], "${service}_user works there",
		user => "${service}_user", commit => 1);
	rows($on, $dbname, "SELECT string_agg(concat_ws('|', id, sessions, updated_at > '2020-01-01'), ' ' ORDER BY id) FROM $schema.users", '1|2|t 2|1|t', 'counters and timestamps are kept');
	rows($on, $dbname, 'SELECT deleted FROM svc.expire_now()', '1', 'rows expire');
	my ($other) = grep { $_ ne $service } 'auth', 'mail';
	isnt(scalar connects($on, $dbname, "${other}_user"), 0, 'no login of another service gets in');
	return;
}

# By a superuser, in every format, under another name
foreach my $source (sort keys %expected)
{
	foreach my $format ([ 'plain', '-Fp' ], [ 'custom', '-Fc' ], [ 'directory', '-Fd', '-j2' ])
	{
		my ($name, @options) = @$format;
		my $dbname = "${source}_$name";
		my $owner = $source =~ s/_db/_owner/r;

		run_as($user, $node, [ 'pg_dump', '-f', "$tempdir/$dbname", @options, $source ], "pg_dump @options $source");
		$node->safe_psql('postgres', "CREATE DATABASE $dbname OWNER $owner TEMPLATE template0");
		run_as($user, $node, $name eq 'plain' ? [ 'psql', '-Xq', '-1', '-v', 'ON_ERROR_STOP=1', '-d', $dbname, '-f', "$tempdir/$dbname" ]
			: [ 'pg_restore', '--exit-on-error', '-d', $dbname, ($name eq 'custom' ? '-1' : '-j2'), "$tempdir/$dbname" ], "restored as $dbname");
		check_copy($node, $dbname, $source);
		$node->safe_psql('postgres', "DROP DATABASE $dbname");
	}
}

# Where two databases say that they are a service's, the cluster knows one; a copy is forgotten with its setting
$node->safe_psql('postgres', 'CREATE DATABASE auth_copy TEMPLATE auth_db OWNER auth_owner');
check_copy($node, 'auth_copy', 'auth_db');
$node->safe_psql('postgres', 'DROP DATABASE auth_copy');
rows($node, 'postgres', "SELECT service, database FROM svc.services WHERE service = 'auth'", 'auth|auth_db', 'a copy made by CREATE DATABASE ... TEMPLATE came and went');

# pg_dump -C, over itself; pg_dumpall into a new cluster, and a dump of its roles with one of a database
run_as($user, $node, [ 'pg_dump', '-C', '-Fc', '-f', "$tempdir/create", 'auth_db' ], 'pg_dump -C');
run_as($user, $node, [ 'pg_dumpall', '-f', "$tempdir/all.sql" ], 'pg_dumpall');
run_as($user, $node, [ 'pg_dumpall', '-g', '-f', "$tempdir/globals.sql" ], 'pg_dumpall -g');
run_as($user, $node, [ 'pg_restore', '--exit-on-error', '--clean', '-C', '-d', 'postgres', "$tempdir/create" ], 'restored over itself');
check_copy($node, 'auth_db', 'auth_db', complete => 1);

foreach my $way ('all', 'globals')
{
	my $other = new_server("by_$way", preload => 0, conf => "max_worker_processes = 16\n");
	(my $script = slurp_file("$tempdir/$way.sql")) =~ s/^CREATE ROLE \Q$user\E;$//m;

	append_to_file("$tempdir/$way.psql", $script);
	run_as($user, $other, [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-f', "$tempdir/$way.psql" ], "the script of pg_dumpall ($way)");
	run_as($user, $other, [ 'pg_restore', '--exit-on-error', '-C', '-d', 'postgres', "$tempdir/create" ], 'and a dump with -C') if $way eq 'globals';
	check_copy($other, 'auth_db', 'auth_db', complete => 1);
	check_copy($other, 'mail_db', 'mail_db', complete => 1) if $way eq 'all';
	rows($other, 'postgres', 'SELECT service, database FROM svc.services ORDER BY 1', "auth|auth_db\nmail|mail_db", 'the cluster knows where its services are') if $way eq 'all';
	$other->stop;
}

# By the service's own user.  His rows in auth_db are as they were before by now
run_as('auth_user', $node, [ 'pg_dump', '-f', "$tempdir/own.sql", 'auth_db' ], 'pg_dump as auth_user');
my $again = facts($node, 'auth_db');
foreach my $role ('auth_user', 'auth_mig')
{
	my $dbname = "own_$role";
	(my $script = slurp_file("$tempdir/own.sql")) =~ s/^COMMENT ON EXTENSION .*\n//mg;

	append_to_file("$tempdir/$dbname.sql", $script);
	$node->safe_psql('postgres', "CREATE DATABASE $dbname OWNER auth_owner");
	$node->safe_psql($dbname, 'CREATE EXTENSION svc_ownership; CREATE EXTENSION "uuid-ossp"');
	is(run_as($role, $node, [ 'psql', '-Xq', '-1', '-v', 'ON_ERROR_STOP=1', '-d', $dbname, '-f', "$tempdir/$dbname.sql" ], "psql -1 as $role"),
		'', 'without an error or a warning');
	rows($node, $dbname, 'SELECT service, form, confirmed, adopted_database FROM svc.service', 'auth|database|f|f', 'the service came, and is not confirmed');
	is(outcome($node, $dbname, "SELECT svc.grant_role('auth', 'mail_user', 'reader')", user => $role), '42501', 'so it hands out no roles yet');
	$node->safe_psql($dbname, 'SELECT svc.repair_settings()');
	same_text(facts($node, $dbname), $again, "$dbname says what auth_db says");
}

# In a database that is not the service's it does not become it
$node->safe_psql('postgres', 'CREATE DATABASE lent');
$node->safe_psql('lent', 'CREATE EXTENSION svc_ownership; CREATE EXTENSION "uuid-ossp"; ALTER SCHEMA public OWNER TO auth_owner; GRANT CREATE ON DATABASE lent TO auth_owner');
run_as('auth_user', $node, [ 'psql', '-Xq', '-1', '-v', 'ON_ERROR_STOP=1', '-d', 'lent', '-f', "$tempdir/own_auth_user.sql" ], "restored into somebody else's database");
rows($node, 'lent', 'SELECT form, confirmed, adopted_database FROM svc.service', 'database|f|t', 'the database counts as one that was adopted');
$node->safe_psql('lent', 'SELECT svc.repair_settings()');
rows($node, 'lent', "SELECT has_database_privilege('mail_user', 'lent', 'CONNECT')", 't', 'and is not closed to others');

$node->stop;
done_testing();
