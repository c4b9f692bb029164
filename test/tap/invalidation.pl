# Assigning many tables is one change of the map of owners: one message to the
# other sessions, whose maps are right afterwards.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $TABLES = 10000;
my $node = new_server('main', conf => "wal_level = replica\nmax_locks_per_transaction = 512\nautovacuum = off\n");

$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('many');
DO \$\$ BEGIN FOR i IN 1 .. $TABLES LOOP EXECUTE format('CREATE TABLE t%s ()', i); END LOOP; END \$\$;
SQL

my $map = "SELECT count(svc.owner_of(oid)) FROM pg_class WHERE relname ~ '^t[0-9]+\$' AND relnamespace = 'public'::regnamespace";
my $session = $node->background_psql('postgres');
is($session->query_safe($map), '0', 'nobody owns them');

my $assignment = one($node, 'postgres', "SELECT 'svc.assignment'::regclass::oid");
my $start = one($node, 'postgres', 'SELECT pg_current_wal_insert_lsn()');
$node->safe_psql('postgres',
	"SELECT svc.assign('many', VARIADIC array_agg(oid::regclass)) FROM pg_class WHERE relname ~ '^t[0-9]+\$' AND relnamespace = 'public'::regnamespace");
my $end = one($node, 'postgres', 'SELECT pg_current_wal_flush_lsn()');

my $wal = $node->data_dir . '/pg_wal';
my ($records, $errors) = run_command([ 'pg_waldump', '--path', $wal, '--rmgr', 'Transaction', '--start', $start, '--end', $end ]);
my @commits = grep { /inval msgs:.* relcache $assignment\b/ } split /\n/, $records;
is(scalar @commits, 1, 'one commit tells of the map');
my $messages = () = $commits[0] =~ / relcache $assignment\b/g;
is($messages, 1, "with one message for $TABLES tables");

is($session->query_safe($map), $TABLES, 'and another session knows them all');
$session->quit;
$node->stop;
done_testing();
