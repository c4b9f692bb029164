# A service that golang-migrate migrated goes over to the database: its one row
# says what was applied, and stays right for its `version` and its `up`.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Interop;
use Test::More;

my $dir = tool('golang_migrate');
my $node = new_server('main', tcp => 1, conf => "max_worker_processes = 16\n");
my ($status, $said);

note('golang-migrate ', `go version -m $dir/migrate 2>/dev/null` =~ /mod\s+\S+\s+(\S+)/ ? $1 : '');
$node->safe_psql('postgres', 'CREATE EXTENSION svc_ownership');

my %files = (
	'000001_users.up.sql' => 'CREATE TABLE users (id int, name text)',
	'000001_users.down.sql' => 'DROP TABLE users',
	'000002_names.up.sql' => "BEGIN;\nINSERT INTO users VALUES (1, 'a');\nINSERT INTO users VALUES (2, 'b');\nCOMMIT;\n",
	'000002_names.down.sql' => 'TRUNCATE users');

sub migrate
{
	my ($case, $more) = @_;
	return ours($case, "CALL svc.migrate('$case->{service}', files => :files" . ($more // '') . ')');
}

sub states
{
	my ($case) = @_;
	return join ' ', our_states($case, "version || ' ' || state", " WHERE kind = 'versioned' ORDER BY version::numeric");
}

# Its `version` prints the number, with (dirty) behind it
sub version_is
{
	my ($case, $version, $name) = @_;
	my ($status, $said) = golang_migrate($case, 'version');
	is($said =~ s/\s+\z//r, $version, "$name: its version");
	return;
}

my $case = new_copy($node, 'users');
put_files($case->{folder}, \%files);
($status, $said) = golang_migrate($case, 'up');
is($status, 0, 'migrate up') or diag($said);
is(adopt($case, 'golang-migrate'), '', 'adopted');
is(states($case), '1 Success 2 Success', 'applied by golang-migrate');

add_files($case->{folder}, {
	'000003_index.up.sql' => 'CREATE INDEX CONCURRENTLY users_name ON users (name)',
	'000003_index.down.sql' => 'DROP INDEX CONCURRENTLY users_name',
	'20240101120000_touch.up.sql' => "ALTER TABLE users ADD updated_at timestamptz;\nSELECT svc.keep_updated_at('users');\n",
	'20240101120000_touch.down.sql' => "DROP TRIGGER svc_keep_updated_at ON users;\nALTER TABLE users DROP updated_at;\n" });
is(migrate($case), '', 'more are applied by us');
is(states($case), '1 Success 2 Success 3 Success 20240101120000 Success', 'applied by us');
version_is($case, '20240101120000', 'applied by us');
($status, $said) = golang_migrate($case, 'up');
is("$status $said", "0 no change\n", 'migrate up does nothing');

is(ours($case, "CALL svc.undo_migrations('$case->{service}')"), '', 'undo by us');
version_is($case, '3', 'undone by us');
is(ours($case, "CALL svc.undo_migrations('$case->{service}', target => '1')"), '', 'undo of two by us');
version_is($case, '1', 'undone down to the first');
($status, $said) = golang_migrate($case, 'up');
is($status, 0, 'it goes on from there') or diag($said);
version_is($case, '20240101120000', 'all applied');
is((ours($case, 'SELECT version, dirty FROM schema_migrations'))[1], '20240101120000|f', 'its one row');

# Failures leave it as it was, and not dirty: everything was rolled back
add_files($case->{folder}, { '20240101120001_wrong.up.sql' => "CREATE TABLE wrong (id int);\nSELECT 1/0;\n", '20240101120001_wrong.down.sql' => 'DROP TABLE wrong' });
like(migrate($case), qr/division by zero/, 'one that fails');
version_is($case, '20240101120000', 'after a failure');
add_files($case->{folder}, { '20240101120001_wrong.up.sql' => 'CREATE TABLE wrong (id int)' });
is(migrate($case), '', 'mended');
version_is($case, '20240101120001', 'after it was mended');

# Dirty: it is not known what was done
my $dirty = new_copy($node, 'dirty');
put_files($dirty->{folder}, { %files, '000003_wrong.up.sql' => 'SELECT 1/0' });
isnt((golang_migrate($dirty, 'up'))[0], 0, 'it fails');
version_is($dirty, '3 (dirty)', 'failed');
like(adopt($dirty, 'golang-migrate'), qr/dirty/, 'a dirty history is not adopted');
is((golang_migrate($dirty, 'force', '2'))[0], 0, 'migrate force 2');
is(adopt($dirty, 'golang-migrate'), '', 'then it is');
is(states($dirty), '1 Success 2 Success 3 Pending', 'forced');

done_testing();
