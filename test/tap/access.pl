# Services are kept apart by the server's own access control, so what counts is
# what real logins can do: over the socket, with passwords, in sessions that
# nobody prepared.  pg_regress can only act as a role; here every statement is
# tried by a login, and the SQLSTATE of each refusal is compared.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $node = new_server('main', workers => 0);
my $db = 'postgres';
my $statements = 0;

# Services in all forms.  "apart" is the one that nobody else may touch; each
# victim has a table, a partitioned table, views, a sequence, routines, a type.
my $superuser = one($node, $db, 'SELECT current_user');
$node->safe_psql($db, <<'SQL');
CREATE EXTENSION svc_ownership;
CREATE FOREIGN DATA WRAPPER nobodys;
CREATE ROLE stranger;
CREATE ROLE legacy LOGIN PASSWORD 'pw-legacy';
CREATE SCHEMA legacy AUTHORIZATION legacy;
SELECT svc.create_service('alpha', schema => 'alpha', login => 'alpha_user', password => 'pw-alpha_user',
                          migrator => 'alpha_mig', migrator_password => 'pw-alpha_mig');
SELECT svc.create_service('beta', schema => 'beta', login => 'beta_user', password => 'pw-beta_user', login_level => 'owner');
SELECT svc.create_service('gamma', schema => 'gamma', login => 'gamma_user', password => 'pw-gamma_user', login_level => 'reader');
SELECT svc.create_service('ledger', login => 'ledger_user', password => 'pw-ledger_user');
SELECT svc.create_service('legacy', schema => 'legacy', owner => 'legacy', adopt => true,
                          login => 'legacy_app', password => 'pw-legacy_app');
SQL

my %schema_of = (alpha => 'alpha', beta => 'beta', gamma => 'gamma', legacy => 'legacy', ledger => 'public');
my %owner_of = map { $_ => $_ eq 'legacy' ? 'legacy' : "${_}_owner" } keys %schema_of;

foreach my $service (sort keys %schema_of)
{
	my $schema = $schema_of{$service};
	my $script = <<"SQL";
CREATE TABLE $schema.t (id int PRIMARY KEY, x int);
INSERT INTO $schema.t VALUES (1, 1);
CREATE TABLE $schema.p (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE $schema.p1 PARTITION OF $schema.p FOR VALUES FROM (0) TO (10);
CREATE VIEW $schema.v AS SELECT id, x FROM $schema.t;
CREATE MATERIALIZED VIEW $schema.mv AS SELECT id, x FROM $schema.t;
CREATE SEQUENCE $schema.s;
CREATE TABLE $schema.totals (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
INSERT INTO $schema.totals VALUES (1);
SQL
	my $upkeep = <<"SQL";
CREATE TABLE $schema.old (at timestamptz PRIMARY KEY);
SELECT svc.keep_count('$schema.t', 'x', '$schema.totals', 'id', 'n');
SELECT svc.keep_rows('$schema.old', 'at', '1 day');
SQL

	# A logical service's tables lie in public, where a DBA made them
	if ($service eq 'ledger')
	{
		$node->safe_psql($db, $script . <<"SQL");
SELECT svc.assign('ledger', 'public.t', 'public.p', 'public.v', 'public.mv', 'public.totals');
ALTER TABLE public.t OWNER TO ledger_owner;
ALTER TABLE public.totals OWNER TO ledger_owner;
$upkeep
SQL
		next;
	}
	$node->safe_psql($db, "SET ROLE $owner_of{$service};\n" . $script . <<"SQL");
CREATE FUNCTION $schema.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE $schema.proc() LANGUAGE sql AS 'SELECT 1';
CREATE DOMAIN $schema.positive AS int CHECK (VALUE > 0);
$upkeep
SQL
}
rows($node, $db, 'SELECT count(*) FROM svc.check_grants()', '0', 'nothing but declared rights to begin with');

# From here on every connection but the superuser's needs a password
unlink($node->data_dir . '/pg_hba.conf');
$node->append_conf('pg_hba.conf', "local all \"$superuser\" trust\nlocal all all scram-sha-256\n");
$node->reload;

sub login
{
	my ($role) = @_;
	return (user => $role, password => "pw-$role");
}

# Statements that touch what belongs to a service: in its schema everything is
# closed; a logical service's tables lie in public, where names can be resolved
sub trespasses
{
	my ($service, $own) = @_;
	my $s = $schema_of{$service};
	my @all = (
		"SELECT * FROM $s.t",
		"SELECT count(*) FROM $s.t",
		"SELECT 1 FROM $s.t LIMIT 0",
		"SELECT id FROM $s.t FOR UPDATE",
		"TABLE $s.v",
		"TABLE $s.mv",
		"TABLE $s.p",
		"TABLE $s.p1",
		"COPY $s.t TO STDOUT",
		"COPY (SELECT * FROM $s.t) TO STDOUT",
		"CREATE TEMPORARY TABLE copied AS SELECT * FROM $s.t",
		"EXPLAIN ANALYZE SELECT * FROM $s.t",
		"DECLARE c CURSOR FOR SELECT * FROM $s.t",
		"PREPARE q AS SELECT * FROM $s.t \\; EXECUTE q",
		"INSERT INTO $s.t VALUES (2, 2)",
		"INSERT INTO $s.t VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET x = 2",
		"INSERT INTO $s.p VALUES (1)",
		"INSERT INTO $s.p1 VALUES (1)",
		"INSERT INTO $s.v VALUES (2, 2)",
		"UPDATE $s.t SET x = 2",
		"UPDATE $s.v SET x = 2",
		"DELETE FROM $s.t",
		"DELETE FROM $s.v",
		"MERGE INTO $s.t USING (VALUES (1)) m (id) ON m.id = t.id WHEN MATCHED THEN DELETE",
		"WITH gone AS (DELETE FROM $s.t RETURNING id) SELECT count(*) FROM gone",
		"TRUNCATE $s.t",
		"TRUNCATE $s.p",
		"LOCK TABLE $s.t IN ACCESS SHARE MODE",
		"LOCK TABLE $s.t IN ROW EXCLUSIVE MODE",
		"LOCK TABLE $s.t IN ACCESS EXCLUSIVE MODE",
		"SELECT nextval('$s.s')",
		"SELECT setval('$s.s', 1)",
		"SELECT last_value FROM $s.s",
		"DROP TABLE $s.t",
		"DROP VIEW $s.v",
		"DROP SEQUENCE $s.s",
		"ALTER TABLE $s.t ADD COLUMN y int",
		"ALTER TABLE $s.t RENAME TO u",
		"ALTER TABLE $s.t OWNER TO CURRENT_USER",
		"ALTER TABLE $s.t DISABLE TRIGGER ALL",
		"ALTER TABLE $s.t ENABLE ROW LEVEL SECURITY",
		"ALTER TABLE $s.t SET SCHEMA $own",
		"CREATE INDEX ON $s.t (x)",
		"CREATE STATISTICS $own.st ON id, x FROM $s.t",
		"CREATE RULE r AS ON DELETE TO $s.t DO INSTEAD NOTHING",
		"CREATE POLICY p ON $s.t",
		"CREATE TRIGGER tr BEFORE UPDATE ON $s.t FOR EACH ROW EXECUTE FUNCTION svc_triggers.update_updated_at_column()",
		"COMMENT ON TABLE $s.t IS 'x'",
		"REINDEX TABLE $s.t",
		"CLUSTER $s.t USING t_pkey",
		"REFRESH MATERIALIZED VIEW $s.mv",
		"CREATE TABLE $own.heir () INHERITS ($s.t)",
		"CREATE VIEW $own.look AS SELECT * FROM $s.t \\; TABLE $own.look",
		"GRANT SELECT ON $s.t TO CURRENT_USER",
		"GRANT ALL ON $s.t TO PUBLIC",
		"CREATE TABLE $own.refers (id int REFERENCES $s.t)",
		"CREATE TABLE $s.mine (id int)",
		"CREATE VIEW $s.mine AS SELECT 1 AS one",
		"CREATE SEQUENCE $s.mine",
		"CREATE FUNCTION $s.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
		"CREATE TYPE $s.mine AS (x int)",
		"CREATE OPERATOR $s.%% (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int)",
		"CREATE AGGREGATE $s.mine (int) (SFUNC = int4pl, STYPE = int)",
		"SELECT svc.assign('$service', '$own.t')",
		"SELECT svc.release('$s.t')",
		"SELECT svc.publish('$service', 'x', '$own.t')",
		"SELECT svc.keep_updated_at('$s.t', 'x')",
		"SELECT svc.keep_count('$s.t', 'x', '$own.t', 'id', 'x')",
		"SELECT svc.keep_rows('$s.t', 'x', '1 day')",
		"SELECT svc.recount('$s.t')",
		"SELECT svc.recount('$s.totals', 'n')",
		"SELECT svc.drop_count('$s.totals', 'n')",
		"SELECT svc.expire_now('$s.old')",
		"SELECT svc.drop_retention('$s.old')",
		"SELECT svc.alter_service('$service', description => 'x')",
		"SELECT svc.alter_service('$service', new_name => 'x')",
		"SELECT svc.drop_service('$service')",
		"SELECT svc.grant_role('$service', current_user, 'reader')",
		"SELECT svc.revoke_role('$service', current_user)",
		"SELECT svc.grant_contract('$service', 'anybody')",
		"SELECT svc.add_store('$service', 'x', 'redis')",
		"SELECT svc.export_contract('$service')",);

	push @all, (
		"SELECT $s.f()",
		"CALL $s.proc()",
		"SELECT 1::$s.positive",
		"SELECT '$s.t'::regclass",
		"DROP FUNCTION $s.f()",
		"ALTER FUNCTION $s.f() OWNER TO CURRENT_USER",
		"ALTER SCHEMA $s RENAME TO x",
		"DROP SCHEMA $s CASCADE",
		"GRANT USAGE ON SCHEMA $s TO CURRENT_USER",
		"CREATE TABLE $own.x (id $s.positive)")
	  if $service ne 'ledger';

	return \@all;
}

# Things that belong to nobody's service
my @elsewhere = (
	"CREATE TABLE public.mine (id int)",
	"CREATE VIEW public.mine AS SELECT 1 AS one",
	"CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
	"CREATE SCHEMA mine",
	"CREATE SCHEMA AUTHORIZATION CURRENT_USER",
	"!CREATE DATABASE mine",
	"!ALTER DATABASE postgres SET work_mem = '64kB'",
	"!DROP DATABASE template1",
	"CREATE ROLE mine",
	"ALTER ROLE beta_owner LOGIN",
	"ALTER ROLE stranger PASSWORD 'x'",
	"ALTER ROLE CURRENT_USER SUPERUSER",
	"ALTER ROLE CURRENT_USER CREATEROLE",
	"ALTER ROLE stranger IN DATABASE postgres SET role = 'x'",
	"DROP ROLE stranger",
	"DROP OWNED BY stranger",
	"REASSIGN OWNED BY stranger TO CURRENT_USER",
	"GRANT stranger TO CURRENT_USER",
	"GRANT pg_read_all_data TO CURRENT_USER",
	"ALTER DEFAULT PRIVILEGES FOR ROLE stranger GRANT SELECT ON TABLES TO CURRENT_USER",
	"CREATE TABLE svc.mine (id int)",
	"CREATE TABLE svc_triggers.mine (id int)",
	"CREATE FUNCTION svc_triggers.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
	"CREATE OR REPLACE FUNCTION svc_triggers.update_updated_at_column() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
	"DROP FUNCTION svc_triggers.update_updated_at_column()",
	"DROP EXTENSION svc_ownership CASCADE",
	"DROP EVENT TRIGGER svc_ownership_drop",
	"ALTER EVENT TRIGGER svc_ownership_ddl DISABLE",
	"ALTER EXTENSION svc_ownership ADD SCHEMA alpha",
	"CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION svc.on_ddl()",
	"CREATE EXTENSION hstore SCHEMA public",
	"CREATE PUBLICATION mine",
	"CREATE SERVER mine FOREIGN DATA WRAPPER nobodys",
	"COPY (SELECT 1) TO PROGRAM 'cat'",
	"COPY (SELECT 1) TO '/dev/null'",
	"SELECT pg_read_file('PG_VERSION')",
	"SET session_replication_role = replica",
	"SET svc_ownership.provision_extensions = ''",
	"SELECT svc.create_service('mine')",
	"INSERT INTO svc.service (service, form, owner, writer, reader) VALUES ('mine', 'logical', 'beta_owner', 'beta_owner', 'beta_owner')",
	"INSERT INTO svc.member VALUES ('gamma', current_user::regrole, 'login', 'owner')",
	"INSERT INTO svc.assignment VALUES ('svc.service', 'gamma')",
	"UPDATE svc.service SET owner = current_user::regrole",
	"DELETE FROM svc.consumer",
	"TRUNCATE svc.counter",
	[ "UPDATE svc.services SET owner = current_user", '55000' ],
	"SELECT * FROM svc.grant_problem",
	"SELECT svc.guard_catalog()",
	"SELECT svc.on_drop()",);

# The logins, with their level and service
my @logins = (
	[ 'alpha_user', 'alpha', 'writer' ],
	[ 'alpha_mig', 'alpha', 'owner' ],
	[ 'beta_user', 'beta', 'owner' ],
	[ 'gamma_user', 'gamma', 'reader' ],
	[ 'legacy_app', 'legacy', 'writer' ],
	[ 'legacy', 'legacy', 'owner' ],
	[ 'ledger_user', 'ledger', 'writer' ],);

foreach my $login (@logins)
{
	my ($role, $service, $level) = @$login;

	foreach my $victim (sort keys %schema_of)
	{
		next if $victim eq $service;
		$statements += refused($node, $db, trespasses($victim, $schema_of{$service}),
			"$role, $level of $service, is kept out of $victim", login($role));
	}
	$statements += refused($node, $db, \@elsewhere, "$role makes and takes nothing elsewhere", login($role));
}

# Becoming somebody else: a login may act as the roles of its own service up to
# its level, and as nobody else
foreach my $login (@logins)
{
	my ($role, $service, $level) = @$login;
	my %rank = (reader => 1, writer => 2, owner => 3);
	my (@yes, @no);

	foreach my $other (sort keys %schema_of)
	{
		foreach my $its (keys %rank)
		{
			my $name = $its eq 'owner' ? $owner_of{$other} : "${other}_$its";
			my $may = $other eq $service && $rank{$its} <= $rank{$level};

			push @{ $may ? \@yes : \@no }, "SET ROLE $name", "SELECT set_config('role', '$name', false)";
			push @no, "SET SESSION AUTHORIZATION $name" if $name ne $role;
		}
	}
	foreach my $other (map { $_->[0] } @logins)
	{
		next if $other eq $role || $other eq $owner_of{$service};
		push @no, "SET ROLE $other", "SET SESSION AUTHORIZATION $other";
	}
	push @no, "SET ROLE $superuser", "SET SESSION AUTHORIZATION $superuser", "SET ROLE pg_write_all_data";
	push @yes, "SET ROLE NONE", "SET ROLE $role", "RESET ROLE", "SET SESSION AUTHORIZATION DEFAULT";
	$statements += refused($node, $db, \@no, "$role becomes nobody else", login($role));
	$statements += allowed($node, $db, \@yes, "$role acts as the roles of its level", login($role));
}

# What each level may do at home
sub reads
{
	my ($s) = @_;
	return (
		"SELECT * FROM $s.t", "TABLE $s.v", "TABLE $s.mv", "TABLE $s.p", "COPY $s.t TO STDOUT",
		"LOCK TABLE $s.t IN ACCESS SHARE MODE", "SELECT svc.owner_of('$s.t')", "SELECT * FROM svc.status()",
		"SELECT * FROM svc.check_grants()", "SELECT * FROM svc.tables", "CREATE TEMPORARY TABLE x (id int)");
}

sub writes
{
	my ($s) = @_;
	return (
		"INSERT INTO $s.t VALUES (2, 2)", "UPDATE $s.t SET x = 2", "DELETE FROM $s.t",
		"INSERT INTO $s.p VALUES (1)", "UPDATE $s.v SET x = 2", "SELECT id FROM $s.t FOR UPDATE",
		"LOCK TABLE $s.t IN ROW EXCLUSIVE MODE",
		"MERGE INTO $s.t USING (VALUES (1)) m (id) ON m.id = t.id WHEN MATCHED THEN DELETE");
}

sub changes
{
	my ($s) = @_;
	return (
		"TRUNCATE $s.t", "ALTER TABLE $s.t ADD COLUMN y int", "DROP TABLE $s.t CASCADE", "CREATE INDEX ON $s.t (x)",
		"CREATE TABLE $s.mine (id int REFERENCES $s.t)", "CREATE VIEW $s.mine AS SELECT 1 AS one",
		"CREATE FUNCTION $s.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", "SELECT setval('$s.s', 7)",
		"CREATE TRIGGER tr BEFORE UPDATE ON $s.t FOR EACH ROW EXECUTE FUNCTION svc_triggers.update_updated_at_column('x')",
		"REFRESH MATERIALIZED VIEW $s.mv", "COMMENT ON TABLE $s.t IS 'x'");
}

# The functions that are an owner's
sub decides
{
	my ($service) = @_;
	my $s = $schema_of{$service};
	return (
		"SELECT svc.publish('$service', 't', '$s.t')", "SELECT svc.alter_service('$service', description => 'x')",
		"SELECT svc.add_store('$service', 'x', 'redis')", "SELECT svc.grant_contract('$service', 'anybody')",
		"SELECT svc.recount('$s.t')", "SELECT svc.expire_now()", "SELECT svc.adopt_updated_at()");
}

foreach my $login (@logins)
{
	my ($role, $service, $level) = @$login;
	my $s = $schema_of{$service};
	my %may = (
		reads => 1,
		sequence => $level ne 'reader',
		writes => $level ne 'reader',
		changes => $level eq 'owner',
		decides => $level eq 'owner');
	my %does = (
		reads => [ reads($s), $s eq 'public' ? () : "SELECT last_value FROM $s.s" ],
		sequence => [ $s eq 'public' ? () : "SELECT nextval('$s.s')" ],
		writes => [ writes($s) ],
		changes => [ changes($s) ],
		decides => [ decides($service) ]);

	foreach my $what (sort keys %does)
	{
		next unless @{ $does{$what} };
		my $name = "$role, $level of $service, " . ($may{$what} ? '' : 'not ') . "its $what";
		$statements +=
		    $may{$what}
		  ? allowed($node, $db, $does{$what}, $name, login($role))
		  : refused($node, $db, $does{$what}, $name, login($role));
	}
}

# What is made later, by whom it may be: every maker makes every kind, and the
# three levels have what they should on each, without anybody granting it
$node->safe_psql($db, <<'SQL');
CREATE ROLE second_dba LOGIN SUPERUSER PASSWORD 'pw-second_dba';
CREATE ROLE helper LOGIN PASSWORD 'pw-helper';
SELECT svc.grant_role('alpha', 'helper', 'owner');
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
GRANT USAGE ON FOREIGN SERVER files TO alpha_owner, helper;
SQL
my %maker = (
	dba => {},
	second_dba => { login('second_dba') },
	alpha_mig => { login('alpha_mig') },
	helper => { login('helper') },
	alpha_owner => { before => 'SET ROLE alpha_owner;' });

sub makes
{
	my ($n) = @_;
	my $s = "alpha.${n}";
	return (
		"CREATE TABLE ${s}_table (id int PRIMARY KEY)",
		"CREATE TABLE ${s}_serial (id serial PRIMARY KEY)",
		"CREATE TABLE ${s}_identity (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)",
		"CREATE TABLE ${s}_as AS SELECT 1 AS one",
		"SELECT 1 AS one INTO ${s}_into",
		"CREATE TABLE ${s}_like (LIKE ${s}_table INCLUDING ALL)",
		"CREATE UNLOGGED TABLE ${s}_unlogged (id int)",
		"CREATE VIEW ${s}_view AS SELECT 1 AS one",
		"CREATE RECURSIVE VIEW ${s}_recursive (n) AS SELECT 1",
		"CREATE MATERIALIZED VIEW ${s}_matview AS SELECT 1 AS one",
		"CREATE SEQUENCE ${s}_sequence",
		"CREATE TABLE ${s}_heir () INHERITS (${s}_table)",
		"CREATE TABLE ${s}_parted (id int) PARTITION BY LIST (id)",
		"CREATE TABLE ${s}_part PARTITION OF ${s}_parted FOR VALUES IN (1)",
		"CREATE TABLE ${s}_joined (id int) \\; ALTER TABLE ${s}_parted ATTACH PARTITION ${s}_joined FOR VALUES IN (2)",
		"CREATE FOREIGN TABLE ${s}_foreign (id int) SERVER files OPTIONS (filename '/dev/null')",
		"DO 'BEGIN CREATE TABLE ${s}_do (id int); END'",);
}

foreach my $name (sort keys %maker)
{
	my @makes = makes($name);
	@makes = grep { !/FOREIGN/ } @makes unless $name =~ /dba/;
	$statements += allowed($node, $db, \@makes, "$name makes all kinds of relations", %{ $maker{$name} }, commit => 1);
}
# moved there from elsewhere
$statements += allowed($node, $db,
	[ "CREATE TABLE public.dba_moved (id serial)", "ALTER TABLE public.dba_moved SET SCHEMA alpha",
		"CREATE SEQUENCE public.dba_moved_sequence", "ALTER SEQUENCE public.dba_moved_sequence SET SCHEMA alpha",
		"CREATE VIEW public.dba_moved_view AS SELECT 1 AS one", "ALTER VIEW public.dba_moved_view SET SCHEMA alpha" ],
	'a DBA moves relations there', commit => 1);

my $made = one($node, $db, <<'SQL');
SELECT count(*) FROM pg_class WHERE relnamespace = 'alpha'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
SQL
note("$made relations in the schema");
cmp_ok($made, '>=', 90, 'many relations were made');
rows($node, $db, <<'SQL', '', 'on each of them each level has its rights, and no more');
WITH want (level, kind, privileges) AS (VALUES
  ('reader', 'r', '{SELECT}'::text[]), ('writer', 'r', '{SELECT,INSERT,UPDATE,DELETE}'),
  ('owner', 'r', '{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'),
  ('reader', 'S', '{SELECT}'), ('writer', 'S', '{SELECT,USAGE}'), ('owner', 'S', '{SELECT,USAGE,UPDATE}'))
SELECT c.relname, w.level, p.privilege, x.has
  FROM pg_class c
  JOIN want w ON w.kind = CASE c.relkind WHEN 'S' THEN 'S' ELSE 'r' END
 CROSS JOIN LATERAL unnest(CASE c.relkind WHEN 'S' THEN '{SELECT,USAGE,UPDATE}'::text[]
                           ELSE '{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}' END) p (privilege)
 CROSS JOIN LATERAL (SELECT CASE c.relkind WHEN 'S' THEN has_sequence_privilege('alpha_' || w.level, c.oid, p.privilege)
                            ELSE has_table_privilege('alpha_' || w.level, c.oid, p.privilege) END) x (has)
 WHERE c.relnamespace = 'alpha'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
   AND x.has IS DISTINCT FROM (p.privilege = ANY (w.privileges))
 ORDER BY 1, 2, 3
SQL
rows($node, $db, q{SELECT object, role, privilege, problem FROM svc.check_grants()}, '', 'and svc.check_grants() agrees');
foreach my $name (sort keys %maker)
{
	$statements += allowed($node, $db,
		[ "INSERT INTO alpha.${name}_table VALUES (1)", "DELETE FROM alpha.${name}_table",
			"SELECT nextval('alpha.${name}_sequence')", "INSERT INTO alpha.${name}_serial DEFAULT VALUES",
			"INSERT INTO alpha.${name}_identity DEFAULT VALUES", "INSERT INTO alpha.${name}_parted VALUES (1), (2)" ],
		"the writer uses what $name made", login('alpha_user'));
	$statements += refused($node, $db,
		[ "INSERT INTO alpha.${name}_table VALUES (1)", "TABLE alpha.${name}_table" ],
		"another service does not", login('beta_user'));
}

# A DBA's function makes and moves things for a login that could not
$node->safe_psql($db, <<'SQL');
CREATE SCHEMA tools;
GRANT USAGE ON SCHEMA tools TO PUBLIC;
CREATE FUNCTION tools.make() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    CREATE TABLE alpha.definer_table (id int PRIMARY KEY);
    CREATE SEQUENCE alpha.definer_sequence;
    ALTER SCHEMA beta RENAME TO beta_renamed;
END
$$;
SQL
is(outcome($node, $db, 'SELECT tools.make()', login('gamma_user'), commit => 1), '00000', 'a function of a DBA makes relations');
$statements += allowed($node, $db,
	[ 'INSERT INTO alpha.definer_table VALUES (1)', "SELECT nextval('alpha.definer_sequence')" ],
	'the writer uses them', login('alpha_user'));
rows($node, $db, "SELECT schema FROM svc.services WHERE service = 'beta'", 'beta_renamed', 'and a schema that it renames is followed');
$node->safe_psql($db, "ALTER SCHEMA beta_renamed RENAME TO beta; DROP SCHEMA tools CASCADE; DROP TABLE alpha.definer_table; DROP SEQUENCE alpha.definer_sequence");
rows($node, $db, 'SELECT count(*) FROM svc.check_grants()', '0', 'nothing is left of that');

# Whoever logs in at the level of owner works as the owner role
foreach my $role ('alpha_mig', 'beta_user')
{
	my ($service) = $role =~ /^(\w+)_/;
	my $n = 0;

	foreach my $before ('', 'RESET ALL;', 'DISCARD ALL;', 'RESET ROLE;', 'SET SESSION AUTHORIZATION DEFAULT;')
	{
		$n++;
		outcomes($node, $db, ["CREATE TABLE born_$n (id int)"], login($role), before => $before, commit => 1);
		rows($node, $db, "SELECT relowner::regrole FROM pg_class WHERE oid = to_regclass('$service.born_$n')",
			"${service}_owner", "a table that $role makes" . ($before ? " after $before" : '') . ' belongs to the owner role');
	}
	outcomes($node, $db, ["CREATE TABLE $service.born_login (id int)"], login($role), before => 'SET ROLE NONE;', commit => 1);
	rows($node, $db, "SELECT object, role, privilege, problem FROM svc.check_grants() WHERE service = '$service'",
		"$service.born_login|$role|OWNER|extra", "what $role makes after SET ROLE NONE is its own, and reported");
	$node->safe_psql($db, $_) foreach lines($node, $db, "SELECT fix FROM svc.check_grants() WHERE service = '$service'");
	rows($node, $db, 'SELECT count(*) FROM svc.check_grants()', '0', 'until that is mended');
}
rows($node, $db, "SELECT string_agg(DISTINCT rolname || ':' || split_part(c, '=', 1), ' ' ORDER BY rolname || ':' || split_part(c, '=', 1)) FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = setrole, unnest(setconfig) c WHERE rolname IN ('alpha_user', 'gamma_user')",
	'alpha_user:search_path gamma_user:search_path', 'logins of lower levels have no role set');

# Who cannot connect at all: with a password of their own, so that it is not
# for want of one.  The SQLSTATE stands in the server's log.
sub turned_away
{
	my ($role, $password, $state, $message) = @_;
	local $ENV{PGPASSWORD} = $password;
	my $offset = -s $node->logfile;
	my ($rc, $err) = connects($node, $db, $role);

	is($rc, 2, "$role cannot connect");
	like($err, $message, "$role is told why");
	# whoever has no password hangs up himself, and nothing of that is logged
	ok($node->wait_for_log(qr/ $state client backend .*FATAL:/, $offset), "with SQLSTATE $state") if $state;
	return;
}

my $newer = $node->pg_version >= 17 ? 1 : 0;
foreach my $role ('alpha_owner', 'alpha_writer', 'alpha_reader', 'ledger_owner')
{
	$node->safe_psql($db, "ALTER ROLE $role PASSWORD 'pw-$role'");
	if ($role =~ /_owner/ && !$newer)
	{
		turned_away($role, "pw-$role", '53300', qr/too many connections for role "$role"/);
	}
	else
	{
		turned_away($role, "pw-$role", '28000', qr/role "$role" is not permitted to log in/);
	}
}
turned_away('alpha_user', 'wrong', '28P01', qr/password authentication failed/);
turned_away('alpha_user', '', undef, qr/no password supplied/);

# What somebody grants by hand is found, and the fix mends it
my @by_hand = (
	'GRANT SELECT ON alpha.t TO beta_writer' => 'alpha.t|beta_writer|SELECT|extra',
	'GRANT UPDATE (x) ON alpha.t TO gamma_user' => 'alpha.t.x|gamma_user|UPDATE|extra',
	'GRANT USAGE ON SCHEMA alpha TO PUBLIC' => 'alpha|PUBLIC|USAGE|extra',
	'GRANT CREATE ON SCHEMA beta TO alpha_owner' => 'beta|alpha_owner|CREATE|extra',
	'GRANT alpha_reader TO gamma_user' => 'alpha_reader|gamma_user|MEMBER|extra',
	'GRANT EXECUTE ON FUNCTION alpha.f() TO beta_user' => 'alpha.f()|beta_user|EXECUTE|extra',
	'REVOKE INSERT ON alpha.t FROM alpha_writer' => 'alpha.t|alpha_writer|INSERT|missing',
	'REVOKE alpha_writer FROM alpha_user' => 'alpha_writer|alpha_user|MEMBER|missing',
	'REVOKE SELECT ON public.t FROM ledger_reader' => 'public.t|ledger_reader|SELECT|missing',
	'ALTER ROLE beta_user IN DATABASE postgres RESET role' => 'database postgres|beta_user|SET role|missing');
while (my ($statement, $problem) = splice @by_hand, 0, 2)
{
	$node->safe_psql($db, $statement);
	my %found = map { $_ => 1 } lines($node, $db, 'SELECT object, role, privilege, problem FROM svc.check_grants()');
	ok($found{$problem}, "found: $statement");
	diag($_) foreach $found{$problem} ? () : keys %found;
	$node->safe_psql($db, join(';', lines($node, $db, 'SELECT DISTINCT fix FROM svc.check_grants()')));
	rows($node, $db, 'SELECT count(*) FROM svc.check_grants()', '0', 'and mended');
}

# The end of a service is the end of its logins, also for who is connected
my $session = $node->background_psql($db, on_error_stop => 0);
$session->query_safe('SET SESSION AUTHORIZATION gamma_user');
$session->query_safe('SELECT * FROM gamma.t');
$node->safe_psql($db, "SELECT svc.drop_service('gamma', drop_objects => true)");
$session->{stderr} = '';
$session->query('SELECT * FROM gamma.t');
like($session->{stderr}, qr/does not exist|permission denied/, 'a session that was open has nothing left');
$session->quit;
turned_away('gamma_user', 'pw-gamma_user', '28P01', qr/password authentication failed/);
rows($node, $db, "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'gamma%'", '0', 'its roles are gone');
rows($node, $db, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'gamma%'", '0', 'its schemas too');

# Without drop_objects the rights stay as they are, and belong to nobody's service
$node->safe_psql($db, "SELECT svc.drop_service('beta')");
$statements += allowed($node, $db, [ 'TABLE beta.t', 'CREATE TABLE beta.more (id int)' ],
	'a service that is only forgotten leaves its login and its tables', login('beta_user'));
$statements += refused($node, $db, [ "SELECT svc.add_store('alpha', 'x', 'redis')", 'TABLE svc.service' ],
	'but its owner role has no say in the catalog any more', login('beta_user'));

note("$statements statements were tried by " . @logins . ' logins');
cmp_ok($statements, '>=', 2500, "enough statements were tried: $statements");

$node->stop;
done_testing();
