# Drizzle's migrator and ours on one history, in both of its generations: the one
# that goes by the journal's times, and the one that goes by folders' names.

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

my @generations = ('0.45', '1.0');
tool("drizzle-$_") foreach @generations;

my $node = new_server('main', tcp => 1, conf => "max_worker_processes = 16\n");
my $break = "\n--> statement-breakpoint\n";

$node->safe_psql('postgres', 'CREATE EXTENSION svc_ownership');

# Migrations by their names, with the time each was made, in minutes
my @first = ([ 'users', 1, "CREATE TABLE users (id int PRIMARY KEY, name text);${break}INSERT INTO users VALUES (1, 'a;b');" ],
	[ 'names', 2, "INSERT INTO users VALUES (2, 'b');\nINSERT INTO users VALUES (3, 'é');$break-- nothing\n" ]);
my @second = ([ 'touch', 4, "ALTER TABLE users ADD updated_at timestamptz;${break}SELECT svc.keep_updated_at('users');" ]);
my @third = ([ 'more', 5, "CREATE TABLE more (id int);\r\n--> statement-breakpoint\r\nCREATE TABLE other (id int);\r\n" ]);
my @late = ([ 'late', 3, 'CREATE TABLE late (id int);' ]);

# The folder as drizzle-kit writes it
sub folder_of
{
	my ($generation, @migrations) = @_;
	my (%files, @entries);

	foreach my $migration (@migrations)
	{
		my ($name, $minute, $text) = @$migration;
		if ($generation eq '1.0')
		{
			$files{ sprintf '202401011200%02d_%s/migration.sql', $minute, $name } = $text;
			next;
		}
		my $tag = sprintf '%04d_%s', scalar @entries, $name;
		push @entries, { idx => scalar @entries, version => '7', when => 1704110400123 + 60000 * $minute, tag => $tag, breakpoints => JSON::PP::true };
		$files{"$tag.sql"} = $text;
	}
	$files{'meta/_journal.json'} = encode_json({ version => '7', dialect => 'postgresql', entries => \@entries }) if @entries;
	return \%files;
}

# Drizzle has no command that shows states: its table is what it knows
sub history
{
	my ($generation, $case) = @_;
	my $name = $generation eq '1.0' ? 'name' : 'NULL';
	my ($error, $out) = ours($case, "SELECT id, hash, created_at, $name FROM drizzle.__drizzle_migrations ORDER BY id");
	return $error || $out;
}

sub states
{
	my ($case) = @_;
	my $error = ours($case, "SELECT svc.load_migrations('$case->{service}', files => :files, format => 'drizzle')");
	return $error || join ' ', our_states($case, "regexp_replace(version, '^[0-9]+_', '') || ' ' || state");
}

sub migrate
{
	my ($case, $more) = @_;
	return ours($case, "CALL svc.migrate('$case->{service}', files => :files" . ($more // '') . ')');
}

# Does Drizzle's migrator do anything?
sub nothing_to_do
{
	my ($generation, $case, $name) = @_;
	my $before = history($generation, $case);
	my ($status, $said) = drizzle($generation, $case);
	is("$status$said", '0', "$name: Drizzle's migrate");
	is(history($generation, $case), $before, "$name: does nothing");
	return;
}

sub play
{
	my ($generation) = @_;
	my $number = int $generation;
	my $case = new_database($node, "by_us_$number");
	my $alone = new_database($node, "by_drizzle_$number");
	my $name = "Drizzle $generation";
	my ($status, $said);

	put_files($_->{folder}, folder_of($generation, @first)) foreach $case, $alone;
	foreach my $copy ($case, $alone)
	{
		($status, $said) = drizzle($generation, $copy);
		is($status, 0, "$name: migrates") or diag($said);
	}
	is(adopt($case, 'drizzle'), '', "$name: adopted");
	is(states($case), 'users Success names Success', "$name: applied by Drizzle");

	put_files($_->{folder}, folder_of($generation, @first, @second)) foreach $case, $alone;
	is(states($case), 'users Success names Success touch Pending', "$name: one more");
	is(migrate($case), '', "$name: applied by us");
	drizzle($generation, $alone);
	is(history($generation, $case), history($generation, $alone), "$name: the same rows");
	is(states($case), 'users Success names Success touch Success', "$name: applied by us");
	nothing_to_do($generation, $case, $name);

	put_files($_->{folder}, folder_of($generation, @first, @second, @third)) foreach $case, $alone;
	is((drizzle($generation, $case))[0], 0, "$name: more applied by Drizzle");
	is(states($case), 'users Success names Success touch Success more Success', "$name: seen by us");
	is(migrate($case), '', "$name: we have nothing to do");
	nothing_to_do($generation, $case, $name);
	drizzle($generation, $alone);
	is(history($generation, $case), history($generation, $alone), "$name: the same rows again");

	# made before the last one, merged after it
	put_files($_->{folder}, folder_of($generation, @first, @late, @second, @third)) foreach $case, $alone;
	if ($generation eq '1.0')
	{
		is(migrate($case, ', out_of_order => true'), '', "$name: a late one, by us");
		is((drizzle($generation, $alone))[0], 0, "$name: a late one, by Drizzle");
		is(history($generation, $case), history($generation, $alone), "$name: the same rows with a late one");
	}
	else
	{
		nothing_to_do($generation, $alone, "$name: a late one");
		like(states($case), qr/late Ignored/, "$name: a late one that it passes over silently is shown");
	}
	nothing_to_do($generation, $case, "$name: a late one");

	put_files($case->{folder}, folder_of($generation, @first, @second, @third, [ 'wrong', 9, "CREATE TABLE wrong (id int);${break}SELECT 1/0;" ]));
	isnt((drizzle($generation, $case))[0], 0, "$name: a failure in Drizzle");
	like(migrate($case), qr/division by zero/, "$name: is one in ours");
	return;
}

foreach my $generation (@generations)
{
	my $package = decode_json(slurp_file(tool("drizzle-$generation") . '/node_modules/drizzle-orm/package.json'));
	note("drizzle-orm $package->{version}");
	play($generation);
}

done_testing();
