# Interop.pm: other people's migration tools, at the versions that scripts/tools
# fetches, run on the services of a test, beside our own functions.

package Interop;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Basename;
use File::Path qw(make_path remove_tree);
use FindBin;
use IPC::Open2;
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

our @EXPORT = qw(start_command tool find_tool put_files add_files files_of new_copy new_database url command start_flyway flyway
  flyway_command flyway_line golang_migrate golang_migrate_command goose goose_provider goose_provider_command
  goose_statements drizzle ours our_psql our_script adopt our_states same_list);

my $root = "$FindBin::RealBin/../..";
my $password = 'correct horse';

# The directory of a tool, or undef, and why there is none
sub find_tool
{
	my ($name) = @_;
	my $said = `$root/scripts/tools --where $name`;

	chomp $said;
	return $? ? (undef, $said) : ($said);
}

# The directory of a tool; where this machine has none the test file ends here
sub tool
{
	my ($name) = @_;
	my ($dir, $reason) = find_tool($name);

	skip_all_tests($name, $reason) unless defined $dir;
	return $dir;
}

# ---- files ----

# Make a folder hold these files and nothing else: a hash of names and contents
sub put_files
{
	my ($folder, $files) = @_;

	remove_tree($folder);
	make_path($folder);
	foreach my $name (sort keys %$files)
	{
		make_path(dirname("$folder/$name"));
		open my $file, '>:raw', "$folder/$name" or die "$folder/$name: $!";
		print $file $files->{$name};
		close $file;
	}
	return $folder;
}

# More files, or other ones, in a folder that is there
sub add_files
{
	my ($folder, $files) = @_;
	return put_files($folder, { %{ files_of($folder) }, %$files });
}

# A folder as put_files was given it
sub files_of
{
	my ($folder) = @_;
	my %files;

	foreach my $path (split /\n/, `find '$folder' -type f`)
	{
		$files{ substr $path, 1 + length $folder } = slurp_file($path);
	}
	return \%files;
}

# ---- services and how their logins reach them ----

# Make a service in a schema of the database, with a login that migrates as its
# owner, and a folder; returns what the functions below take
sub new_copy
{
	my ($node, $service, %more) = @_;

	$node->safe_psql('postgres',
		"SELECT svc.create_service('$service', schema => '$service', login => '${service}_user', password => '$password', login_level => 'owner')");
	return { node => $node, dbname => 'postgres', service => $service,
		folder => PostgreSQL::Test::Utils::tempdir() . "/$service", %more };
}

# The same in a database of its own, for tools whose tables are not in the
# service's schema.  schema: the service's, if not public; extensions: the
# database's, a list.
sub new_database
{
	my ($node, $service, %more) = @_;
	my $schema = $more{schema} // 'public';
	my $extensions = join ',', map { "\"$_\"" } @{ $more{extensions} // [] };

	$node->safe_psql('postgres', <<"SQL");
SELECT svc.create_service('$service', database => '${service}_db', schema => '$schema', login => '${service}_user',
	password => '$password', login_level => 'owner', extensions => '{$extensions}');
SQL
	return { node => $node, dbname => "${service}_db", service => $service,
		folder => PostgreSQL::Test::Utils::tempdir() . "/$service", %more };
}

# Where the login of a service connects to: as a URL, or Flyway's settings
sub url
{
	my ($node, $dbname, $service) = @_;
	my $secret = $password =~ s/ /%20/r;
	return "postgres://${service}_user:$secret\@127.0.0.1:" . $node->port . "/$dbname?sslmode=disable";
}

# ---- tools ----

# Run a program; returns its exit status and what it said.  Libraries that a
# sanitizer preloads are for our servers only.
sub command
{
	my (@arguments) = @_;
	my $said = '';
	delete local $ENV{LD_PRELOAD};

	IPC::Run::run(\@arguments, '<', \'', '>&', \$said);
	return ($? >> 8, $said);
}

# The process that runs Flyway's commands; see test/interop/flyway/Session.java
sub flyway_command
{
	my ($version) = @_;
	my $dir = tool("flyway-$version");
	return ('java', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', "$dir:$dir/lib/*", 'Session');
}

# A line of its input: a command for a service, and settings of Flyway's
sub flyway_line
{
	my ($command, $case, %settings) = @_;
	my %all = (
		url => 'jdbc:postgresql://127.0.0.1:' . $case->{node}->port . "/$case->{dbname}",
		user => "$case->{service}_user", password => $password,
		locations => "filesystem:$case->{folder}",
		%settings);

	foreach (values %all) { s/\\/\\\\/g; s/\n/\\n/g; s/\t/\\t/g }
	return join("\t", $command, map { "$_=$all{$_}" } sort keys %all) . "\n";
}

sub start_flyway
{
	my ($version) = @_;
	my @command = flyway_command($version);
	my ($from, $to);
	delete local $ENV{LD_PRELOAD};

	my $pid = open2($from, $to, @command);
	binmode $from, ':raw';
	return { version => $version, pid => $pid, from => $from, to => $to };
}

# Asks a process that was started for one command; returns what it answered
sub flyway
{
	my ($flyway, @words) = @_;
	my $answer;

	print { $flyway->{to} } flyway_line(@words);
	$flyway->{to}->flush;
	$answer = readline $flyway->{from};
	die "Flyway $flyway->{version} ended" unless defined $answer;
	return decode_json($answer);
}

sub golang_migrate_command
{
	my ($case, @arguments) = @_;
	return (tool('golang_migrate') . '/migrate', '-path', $case->{folder},
		'-database', url(@$case{qw(node dbname service)}), @arguments);
}

sub golang_migrate { return command(golang_migrate_command(@_)) }

sub goose
{
	my ($case, @arguments) = @_;
	return command(tool('goose') . '/goose', '-dir', $case->{folder}, 'postgres',
		url(@$case{qw(node dbname service)}), @arguments);
}

# Goose as a library, with its session lock
sub goose_provider_command
{
	my ($case, $what) = @_;
	return (tool('goose') . '/provider', url(@$case{qw(node dbname service)}), $case->{folder}, $what);
}

sub goose_provider { return command(goose_provider_command(@_)) }

# What Goose makes of files: a list of what test/interop/goose/statements prints
sub goose_statements
{
	my (@files) = @_;
	my ($status, $said) = command(tool('goose') . '/statements', @files);

	die $said if $status;
	return map { decode_json($_) } split /\n/, $said;
}

# generation: 0.45 or 1.0
sub drizzle
{
	my ($generation, $case) = @_;
	return command('node', "$root/test/interop/drizzle/migrate.mjs", tool("drizzle-$generation"),
		url(@$case{qw(node dbname service)}), $case->{folder});
}

# ---- ours ----

# Files as a JSON object, to stand between quotes
sub json_of
{
	my ($files) = @_;
	my $json = join ', ', map { string_of($_) . ': ' . string_of($files->{$_}) } sort keys %$files;
	return "{$json}" =~ s/'/''/gr;
}

# Bytes of UTF-8, as they are
sub string_of
{
	my ($bytes) = @_;
	my %short = ("\n" => '\n', "\r" => '\r', "\t" => '\t', '"' => '\"', '\\' => '\\\\');

	$bytes =~ s{([\x00-\x1f"\\])}{$short{$1} // sprintf('\\u%04x', ord $1)}ge;
	return "\"$bytes\"";
}

# A script of statements, with :files in them replaced by the service's folder
sub our_script
{
	my ($case, $statements) = @_;
	my $json = $statements =~ /:files/ ? json_of(files_of($case->{folder})) : '';
	return "SET client_min_messages = warning;\n" . $statements =~ s/:files/'$json'/gr;
}

# psql as the service's login; on another host and port where they are given
sub our_psql
{
	my ($case, $host, $port) = @_;
	return ('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d',
		sprintf("host='%s' port=%d dbname='%s' user='%s_user' password='%s'", $host // $case->{node}->host,
			$port // $case->{node}->port, $case->{dbname}, $case->{service}, $password));
}

# Run statements as the service's login.  Returns the error, or '', and what was
# printed.
sub ours
{
	my ($case, $statements) = @_;
	my ($out, $err) = ('', '');
	my $script = our_script($case, "$statements;\n");

	IPC::Run::run([ our_psql($case) ], '<', \$script, '>', \$out, '2>', \$err);
	chomp $out;
	$err = '' unless $?;
	return wantarray ? ($err, $out) : $err;
}

# Start a program and go on; its input is a text, what it says is in the file
# whose name is {said}.  Nothing here has to be pumped.
sub start_command
{
	my ($input, @arguments) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $started = { said => "$dir/said" };
	delete local $ENV{LD_PRELOAD};

	PostgreSQL::Test::Utils::append_to_file("$dir/input", $input);
	$started->{process} = IPC::Run::start(\@arguments, '<', "$dir/input", '>', $started->{said}, '2>&1');
	return $started;
}

# Load the folder and take over what the tool did
sub adopt
{
	my ($case, $format) = @_;
	return ours($case, <<"SQL");
SELECT svc.load_migrations('$case->{service}', files => :files, format => '$format');
SELECT svc.adopt_history('$case->{service}');
SQL
}

# svc.migrations, a row a line, as the query's columns say
sub our_states
{
	my ($case, $columns, $where) = @_;
	my ($error, $out) = ours($case, "SELECT $columns FROM svc.migrations('$case->{service}')" . ($where // ''));
	return $error ? ("error: $error") : split /\n/, $out;
}

# Test that two lists have the same lines in the same order
sub same_list
{
	my ($got, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return same_text(join("\n", @$got) . "\n", join("\n", @$expected) . "\n", $name);
}

1;
