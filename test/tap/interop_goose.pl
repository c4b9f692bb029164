# Goose's users keep its files and, if they like, Goose: what the one applied the
# other sees, in either direction, and a file means the same statements to both.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Interop;
use Test::More;

# What the files of test/interop/goose_cases expect in the environment
my %environment = (NAME => 'foo', EMPTY => '');
delete $ENV{UNSET};
@ENV{ keys %environment } = values %environment;

my ($status, $said) = command(tool('goose') . '/goose', '-version');
my $node = new_server('main', tcp => 1, conf => "max_worker_processes = 16\n");

note($said);
$node->safe_psql('postgres', 'CREATE EXTENSION svc_ownership');

# ---- parsing ----

# What our function makes of a file, in the same form
sub read_by_us
{
	my ($path) = @_;
	my ($name) = $path =~ m{([^/]+)$};
	my ($out, $err);
	my $content = slurp_file($path) =~ s/'/''/gr;
	my $variables = encode_json(\%environment) =~ s/'/''/gr;
	my $status = $node->psql('postgres', <<"SQL", stdout => \$out, stderr => \$err);
SELECT json_build_object('up', coalesce(json_agg(statement ORDER BY number) FILTER (WHERE direction = 'up'), '[]'),
    'down', coalesce(json_agg(statement ORDER BY number) FILTER (WHERE direction = 'down'), '[]'))
  FROM svc.read_migration('1_$name', '$content', 'goose', variables => '$variables')
SQL
	return $status ? { error => $err } : decode_json($out);
}

my @files = sort glob "$FindBin::RealBin/../interop/goose_cases/*.sql";
my $count = { accepted => 0, rejected => 0 };

foreach my $theirs (goose_statements(@files))
{
	my $name = $theirs->{file};
	my $ours = read_by_us("$FindBin::RealBin/../interop/goose_cases/$name");
	my $error = $theirs->{up}{error} // $theirs->{down}{error};

	if ($error)
	{
		$count->{rejected}++;
		ok($ours->{error}, "$name is rejected: $error");
		note($ours->{error} // 'accepted');
		next;
	}
	$count->{accepted}++;
	is_deeply([ $ours->{error}, $ours->{up}, $ours->{down} ],
		[ undef, $theirs->{up}{statements} // [], $theirs->{down}{statements} // [] ], "$name has the same statements")
	  or diag($ours->{error} // explain [ $ours, $theirs ]);
}
cmp_ok($count->{accepted} + $count->{rejected}, '>=', 40,
	"$count->{accepted} files that Goose accepts, $count->{rejected} that it rejects");

# ---- who applied what ----

sub migration
{
	my ($up, $down, @annotations) = @_;
	return join('', map { "-- +goose $_\n" } @annotations) . "-- +goose Up\n$up\n-- +goose Down\n$down\n";
}

my %first = (
	'00001_users.sql' => migration('CREATE TABLE users (id int PRIMARY KEY, name text);', 'DROP TABLE users;'),
	'00002_names.sql' => migration("INSERT INTO users VALUES (1, 'a');\nINSERT INTO users VALUES (2, 'b');", 'TRUNCATE users;'));
my %second = (
	'00003_index.sql' => migration('CREATE INDEX CONCURRENTLY users_name ON users (name);', 'DROP INDEX CONCURRENTLY users_name;', 'NO TRANSACTION'),
	'20240101120000_touch.sql' => migration(<<'SQL', "DROP TRIGGER svc_keep_updated_at ON users;\nALTER TABLE users DROP updated_at;"));
ALTER TABLE users ADD updated_at timestamptz NOT NULL DEFAULT now();
SELECT svc.keep_updated_at('users');
-- +goose StatementBegin
DO $$ BEGIN PERFORM 1; END $$;
-- +goose StatementEnd
SQL
my %third = ('20240101120001_more.sql' => migration('CREATE TABLE more (id int);', 'DROP TABLE more;'));

# A line a file: its name, and applied or pending
sub status_of
{
	my ($case) = @_;
	my ($status, $said) = goose($case, 'status');
	return map { /(Pending|\d{4}) +-- (\S+)$/ ? "$2 " . ($1 eq 'Pending' ? 'pending' : 'applied') : () } split /\n/, $said;
}

sub our_status
{
	my ($case) = @_;
	my $error = ours($case, "SELECT svc.load_migrations('$case->{service}', files => :files, format => 'goose')");
	return $error if $error;
	return our_states($case, "script || CASE state WHEN 'Success' THEN ' applied' WHEN 'Out of Order' THEN ' applied' WHEN 'Pending' THEN ' pending' ELSE ' ' || state END",
		" WHERE kind = 'versioned' AND state <> 'Undone' ORDER BY regexp_replace(script, '_.*', '')::numeric");
}

sub agreed
{
	my ($case, $name, @provider) = @_;
	same_list([ our_status($case) ], [ status_of($case) ], "$name: status");
	return;
}

# Goose has nothing to do, as a command and as a library
sub nothing_to_do
{
	my ($case, $name) = @_;
	my ($status, $said) = goose($case, 'up');
	like($said, qr/no migrations to run/, "$name: goose up does nothing");
	($status, $said) = goose_provider($case, 'up');
	is("$status$said", '0', "$name: the provider does nothing");
	return;
}

sub migrate
{
	my ($case, $more) = @_;
	return ours($case, "CALL svc.migrate('$case->{service}', files => :files" . ($more // '') . ')');
}

# Goose's table without times
sub history
{
	my ($case) = @_;
	my ($error, $out) = ours($case, 'SELECT id, version_id, is_applied FROM goose_db_version ORDER BY id');
	return $error || $out;
}

my $case = new_copy($node, 'users');
put_files($case->{folder}, \%first);
($status, $said) = goose($case, 'up');
is($status, 0, 'goose up') or diag($said);
is(adopt($case, 'goose'), '', 'its history is adopted');
agreed($case, 'applied by Goose');

add_files($case->{folder}, \%second);
agreed($case, 'more files');
is(migrate($case), '', 'more are applied by us');
agreed($case, 'applied by us');
nothing_to_do($case, 'applied by us');

add_files($case->{folder}, \%third);
($status, $said) = goose_provider($case, 'up');
is("$status$said", "020240101120001 applied\n", 'more are applied by Goose');
agreed($case, 'applied by Goose again');
is(migrate($case), '', 'we have nothing to do');
is(history($case), <<'ROWS' =~ s/\n\z//r, 'its table as it would have written it');
1|0|t
2|1|t
3|2|t
4|3|t
5|20240101120000|t
6|20240101120001|t
ROWS

# ---- undo ----

($status, $said) = goose($case, 'down');
is($status, 0, 'goose down') or diag($said);
agreed($case, 'undone by Goose');
is(ours($case, "CALL svc.undo_migrations('$case->{service}')"), '', 'undo by us');
agreed($case, 'undone by us');
is(history($case) =~ s/\n/ /gr, '1|0|t 2|1|t 3|2|t 4|3|t', 'a row less');
($status, $said) = goose($case, 'up');
is($status, 0, 'applied again by Goose') or diag($said);
agreed($case, 'applied again');
is(ours($case, "CALL svc.undo_migrations('$case->{service}', target => '1')"), '', 'undo down to the first');
agreed($case, 'undone down to the first');
($status, $said) = goose($case, 'down-to', '0');
is($status, 0, 'goose down-to 0') or diag($said);
agreed($case, 'all undone');
is(migrate($case), '', 'all applied by us');
agreed($case, 'all applied by us');
nothing_to_do($case, 'all applied by us');

# ---- what the one refuses, the other refuses ----

add_files($case->{folder}, { '00004_late.sql' => migration('CREATE TABLE late (id int);', 'DROP TABLE late;') });
($status, $said) = goose($case, 'up');
isnt($status, 0, 'Goose refuses a missing migration');
like(migrate($case), qr/00004|late|order/, 'so do we');
agreed($case, 'a missing migration') if 0;
is(migrate($case, ', out_of_order => true'), '', 'unless it is allowed');
agreed($case, 'a missing migration was applied');
nothing_to_do($case, 'a missing migration was applied');

add_files($case->{folder}, { '20250101000000_wrong.sql' => migration("CREATE TABLE wrong (id int);\nSELECT 1/0;", 'SELECT 1;') });
($status, $said) = goose($case, 'up');
isnt($status, 0, 'a failure in Goose');
like(migrate($case), qr/division by zero/, 'is one in ours');
agreed($case, 'failed');
add_files($case->{folder}, { '20250101000000_wrong.sql' => migration('CREATE TABLE wrong (id int);', 'DROP TABLE wrong;') });
is(migrate($case), '', 'mended');
agreed($case, 'mended');
nothing_to_do($case, 'mended');

# Rows of a very old Goose: applied and taken back
my $old = new_copy($node, 'elder');
put_files($old->{folder}, \%first);
is((goose($old, 'up'))[0], 0, 'goose up');
is(ours($old, 'DROP TABLE users; INSERT INTO goose_db_version (version_id, is_applied) VALUES (2, false), (1, false)'), '', 'undone by an old Goose');
is(adopt($old, 'goose'), '', 'such a history is adopted');
agreed($old, 'rows that are not applied');
is(migrate($old), '', 'they are applied again');
agreed($old, 'applied again');

done_testing();
