# Rights on the extension's own objects in dumps: what a superuser granted is
# there, what the extension grants to owner roles is not (a restore makes it
# again), and roles that are gone leave nothing behind.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $node = new_server('main');

# The GRANT and REVOKE statements on the extension's objects in a dump
sub grants
{
	my ($out, $err) = run_command([ 'pg_dump', '--schema-only', $node->connstr('shop') ]);

	is($err, '', 'a dump without complaints');
	return join("\n", grep { /^(GRANT|REVOKE) .* svc\./ } split /\n/, $out);
}


$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', q{
CREATE EXTENSION svc_ownership;
CREATE ROLE monitor;
CREATE ROLE boss;
CREATE ROLE boss_too;
SELECT svc.create_service('early', schema => 'early');
});
is(grants(), '', 'nothing that the extension granted itself');

# Grants before a service comes, while there are services, and one with grant option
$node->safe_psql('shop', q{
REVOKE EXECUTE ON FUNCTION svc.status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION svc.drop_store(name, name) TO monitor;
GRANT SELECT ON svc.service TO monitor WITH GRANT OPTION;
SELECT svc.create_service('late', schema => 'late'), svc.create_service('given', schema => 'given'), svc.create_service('lost', schema => 'lost');
GRANT INSERT ON svc.store TO late_owner;
});
my $rights = grants();
like($rights, qr/^GRANT ALL ON FUNCTION svc\.drop_store\(service name, store name\) TO monitor;$/m, 'a function that was granted');
like($rights, qr/^GRANT SELECT ON TABLE svc\.service TO monitor WITH GRANT OPTION;$/m, 'a table that was granted');
like($rights, qr/^REVOKE ALL ON FUNCTION svc\.status\(.*\) FROM PUBLIC;$/m, 'what was taken from PUBLIC');
like($rights, qr/^GRANT SELECT,INSERT ON TABLE svc\.store TO late_owner;|^GRANT INSERT ON TABLE svc\.store TO late_owner;$/m, 'what an owner role was granted besides');
unlike($rights, qr/early_owner|given_owner|lost_owner/, 'nothing else of owner roles');

# Roles go: dropped with the service, replaced, dropped behind our back
$node->safe_psql('shop', q{
REVOKE INSERT ON svc.store FROM late_owner;
SELECT svc.drop_service('early', drop_objects => true);
SELECT svc.alter_service('given', owner => 'boss');
DROP OWNED BY given_owner;
DROP ROLE given_owner;
ALTER SCHEMA lost OWNER TO CURRENT_USER;
DROP OWNED BY lost_owner;
DROP ROLE lost_owner;
SELECT svc.alter_service('lost', owner => 'boss_too');
});
is(grants(), join("\n", grep { !/late_owner/ } split /\n/, $rights), 'the same when roles are gone');
is($node->safe_psql('shop', q{
SELECT DISTINCT a.grantee::regrole FROM pg_init_privs i, aclexplode(i.initprivs) a, pg_depend d
 WHERE d.classid = i.classoid AND d.objid = i.objoid AND d.deptype = 'e'
   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'svc_ownership') AND a.grantee >= 16384 ORDER BY 1}),
	"boss\nboss_too\nlate_owner", 'the roles of initial privileges');

# All of it comes back, in a database that has its roles
my ($dump) = run_command([ 'pg_dump', $node->connstr('shop') ]);
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->safe_psql('copy', $dump);
is($node->safe_psql('copy', q{
SELECT has_function_privilege('monitor', 'svc.drop_store(name, name)', 'EXECUTE'), has_table_privilege('monitor', 'svc.service', 'SELECT WITH GRANT OPTION'),
       has_function_privilege('monitor', 'svc.status()', 'EXECUTE'), has_function_privilege('late_owner', 'svc.publish(name, name, regclass, name, name[], text, boolean)', 'EXECUTE'),
       has_table_privilege('boss', 'svc.service', 'SELECT')}), 't|t|f|t|t', 'restored');

# Nothing in it keeps a role from being dropped when the service is
$node->safe_psql('postgres', 'DROP DATABASE copy');
$node->safe_psql('shop', q{
SELECT svc.drop_service('given', drop_objects => true), svc.drop_service('lost', drop_objects => true), svc.drop_service('late');
});
is($node->safe_psql('shop', q{
SELECT count(*) FROM pg_init_privs i, aclexplode(i.initprivs) a, pg_depend d
 WHERE d.classid = i.classoid AND d.objid = i.objoid AND d.deptype = 'e'
   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'svc_ownership') AND a.grantee >= 16384}), '0', 'no services, no initial privileges of owner roles');

done_testing();
