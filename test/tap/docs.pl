# Is the documentation true?  Its examples are run and compared with what stands
# below them, its entries are compared with the catalog of the installed
# extension, its links are followed.
#
# A block ```sql is run; a block ```text right after it is its output.  A block
# without one may print what it likes, but no error.  ```sh run is a shell
# script, run in its turn in a directory of the page's.  ```sql synopsis is a
# signature, and compared with the catalog.
use strict;
use warnings;

use Cwd qw(getcwd);
use File::Basename qw(dirname);
use File::Find qw(find);
use FindBin;
use lib "$FindBin::RealBin/lib";

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest qw(new_server ask_for_passwords shop_passwords);
use Test::More;

# What the catalog says of functions: name, kind (public, internal), may everybody call it, comment, arguments and
# columns of the result, as they stand in a signature
my $functions = q{
SELECT n.nspname || '.' || p.proname,
       CASE WHEN p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype) AND n.nspname = 'svc'
              OR p.oid IN (SELECT unnest(ARRAY[t.typinput, t.typoutput]) FROM pg_type t)
            THEN 'internal' ELSE 'public' END,
       EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0),
       replace(replace(obj_description(p.oid, 'pg_proc'), E'\n', ' '), '|', '/'),
       coalesce(i.list, ''), coalesce(o.list, ''),
       CASE WHEN p.prokind = 'p' THEN 'procedure' ELSE '' END || CASE WHEN p.proretset THEN 'SETOF ' ELSE '' END ||
       CASE WHEN o.list IS NULL THEN format_type(p.prorettype, NULL) ELSE '(' || o.list || ')' END
  FROM members m
  JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass
  JOIN pg_namespace n ON n.oid = p.pronamespace
 CROSS JOIN LATERAL (
       SELECT string_agg(CASE mode WHEN 'v' THEN 'VARIADIC ' WHEN 'b' THEN 'INOUT ' ELSE '' END || name || ' ' || format_type(type, NULL) ||
                         coalesce(' = ' || pg_get_function_arg_default(p.oid, i::int), ''), ', ' ORDER BY i)
         FROM ROWS FROM (unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])), unnest(p.proargnames), unnest(p.proargmodes))
              WITH ORDINALITY a (type, name, mode, i)
        WHERE type IS NOT NULL AND coalesce(mode, 'i') IN ('i', 'v', 'b')) i (list)
 CROSS JOIN LATERAL (
       SELECT string_agg(name || ' ' || format_type(type, NULL), ', ' ORDER BY i)
         FROM ROWS FROM (unnest(p.proallargtypes), unnest(p.proargnames), unnest(p.proargmodes))
              WITH ORDINALITY a (type, name, mode, i)
        WHERE mode = 'o') o (list)
 ORDER BY 1};

# and of relations: name, kind, comment, columns
my $relations = q{
SELECT 'svc.' || c.relname,
       CASE WHEN EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee = 0 AND a.privilege_type = 'SELECT') THEN 'public' ELSE 'internal' END,
       obj_description(c.oid, 'pg_class'),
       (SELECT string_agg(a.attname, ' ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)
  FROM members m
  JOIN pg_class c ON c.oid = m.objid AND m.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'v')
 ORDER BY 1};

# Codes that a COMMENT names and nothing raises
my %never_raised = ('svc.create_service' => '3F000');

my @pages = sort glob 'docs/*.md';
my $tempdir = PostgreSQL::Test::Utils::tempdir;
my $node = PostgreSQL::Test::Cluster->new('docs');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\n");
# links must be asked for a password
{
	my $file = $node->data_dir . '/pg_hba.conf';
	my $lines = slurp_file($file);

	unlink $file;
	$node->append_conf('pg_hba.conf', "local all product_for_cart scram-sha-256\n$lines");
}
$node->start;

check_examples($_) foreach @pages;
check_tour();
check_reference();
check_links($_) foreach files_named(qr/\.md$/);
check_limits();

$node->stop;
done_testing();

# ---- files ----

sub files_named
{
	my ($pattern) = @_;
	my @files;

	find(
		{
			no_chdir => 1,
			wanted => sub {
				$File::Find::prune = 1 if m{/(?:\.git|tmp_check|results|output_iso)$};
				push @files, s{^\./}{}r if -f && $_ =~ $pattern;
			}
		},
		'.');
	return sort @files;
}

sub without_trailing_blanks
{
	my ($text) = @_;

	$text =~ s/[ \t]+$//mg;
	$text =~ s/\A\n+|\n+\z//g;
	return $text;
}

# ---- examples ----

# A shell script as a statement of psql
my $scripts = 0;

sub shell_from_psql
{
	my ($script) = @_;
	my $file = "$tempdir/example_" . $scripts++;

	append_to_file($file, "set -e\ncd $tempdir\n$script");
	return "\\! sh $file 2>&1\n";
}

# The blocks of a page: line, statements, expected output or undef
sub examples_of
{
	my ($page) = @_;
	my $text = slurp_file($page);
	my @examples;

	while ($text =~ /^```(sql|sh run)\n(.*?)^```\n(?:\n*^```text\n(.*?)^```\n)?/msg)
	{
		push @examples,
		  {
			line => 1 + (substr($text, 0, $-[0]) =~ tr/\n//),
			statements => $1 eq 'sql' ? $2 : shell_from_psql($2),
			output => $3
		  };
	}
	return @examples;
}

# What psql prints, errors between the answers, without the files' names
sub prints
{
	my (@options) = @_;
	my $output;
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;

	IPC::Run::run [ 'psql', '-X', '-q', '-w', @options ], '<', \'', '>&', \$output;
	return $output;
}

# The same for statements
sub psql_prints
{
	my ($database, $input) = @_;
	my $output;
	# for what a shell runs, too
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;

	IPC::Run::run [ 'psql', '-X', '-q', '-d', $database ], '<', \$input, '>&', \$output;
	return $output;
}

# Roles belong to the cluster, so each page leaves none behind
sub fresh_database
{
	my ($database) = @_;

	psql_prints('postgres', <<"SQL");
SELECT format('DROP DATABASE %I', datname) FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1') \\gexec
SELECT format('DROP ROLE %I', rolname) FROM pg_roles WHERE rolname <> CURRENT_USER AND rolname !~ '^pg_' \\gexec
CREATE DATABASE $database;
SQL
	is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_roles WHERE rolname !~ '^pg_')),
		1, "$database is fresh");
}

sub check_examples
{
	my ($page) = @_;
	my @examples = examples_of($page) or return;
	my $input = '';
	my @outputs;

	fresh_database('docs');
	$node->safe_psql('docs', 'CREATE EXTENSION svc_ownership');
	$input .= "\\echo \@example\n$_->{statements}" foreach @examples;
	@outputs = split /^\@example\n/m, psql_prints('docs', $input);
	shift @outputs;
	foreach my $example (@examples)
	{
		my $printed = without_trailing_blanks(shift @outputs // 'nothing: psql ended before');
		my $name = "example in $page, line $example->{line}";

		if (defined $example->{output})
		{
			is($printed, without_trailing_blanks($example->{output}), $name);
		}
		else
		{
			unlike($printed, qr/^(?:ERROR|FATAL|psql|nothing|(?:pg_|create|drop)\w+: (?:error|warning))/m, $name);
		}
	}
}

# ---- the tour in README.md is what examples/shop/databases_tour.sql prints ----

# Sentences (lines that begin with ---) and transcripts, in order
sub tour_of_script
{
	my ($printed) = @_;
	my @tour;

	$printed =~ s/^psql:databases_tour\.sql:\d+: //mg;
	foreach my $line (split /\n/, $printed)
	{
		if ($line =~ /^--- (.*)/)
		{
			push @tour, "# $1", '';
		}
		else
		{
			push @tour, '' unless @tour;
			$tour[-1] .= "$line\n";
		}
	}
	return join "\n", map { without_trailing_blanks($_) } @tour;
}

sub tour_of_readme
{
	my ($text) = slurp_file('README.md') =~ /^<!-- tour -->\n(.*)^<!-- \/tour -->$/ms;
	my @tour;

	while ($text =~ /\G\s*(?:```text\n(.*?)^```\n|(\S.*?)\n(?=\n|```|\z))/msg)
	{
		push @tour, defined $1 ? $1 : "# " . join ' ', split /\n/, $2;
	}
	return join "\n", map { without_trailing_blanks($_) } @tour;
}

# On a server of its own, which asks for passwords, as that of the quickstart
sub check_tour
{
	my $root = getcwd();
	my $documented = tour_of_readme();
	my $server = new_server('tour', workers => 0);
	my @shop = ('-h', $server->host, '-p', $server->port, '-d', 'postgres');
	my @printed;

	ask_for_passwords($server);
	shop_passwords();
	chdir 'examples/shop' or die;
	is(prints(@shop, '-f', 'databases.sql'), '', 'the shop is made');
	push @printed, tour_of_script(prints(@shop, '-f', 'databases_tour.sql')) foreach 1, 2;
	chdir $root or die;
	is($printed[0], $documented, 'the tour in README.md is what databases_tour.sql prints');
	is($printed[1], $printed[0], 'taken again, it prints the same');
	$server->stop;
}

# ---- the reference and the catalog ----

# What a heading says, by the name in it: page and text
sub entries
{
	my %entries;

	foreach my $page (@pages)
	{
		my $text = slurp_file($page);

		while ($text =~ /^### (svc\w*\.\w+)\n(.*?)(?=^#{1,3} |\z)/msg)
		{
			ok(!$entries{$1}, "$1 has one entry") if $entries{$1};
			$entries{$1} = { page => $page, text => $2 };
		}
	}
	return %entries;
}

# The rows of docs/catalog.md: what each object is, by its name
sub internal_objects
{
	return slurp_file('docs/catalog.md') =~ /^\| `(svc\w*\.\w+)(?:\(\))?` \| [a-z ]+ \| (.*) \|$/mg;
}

sub rows_of
{
	my ($query) = @_;

	return map { [ split /\|/, $_, -1 ] } split /\n/,
	  $node->safe_psql('docs', $query);
}

sub is_mentioned
{
	my ($text, $name, @words) = @_;
	my @absent = grep { $text !~ /`\Q$_\E`/ } @words;

	is("@absent", '', "$name: everything is explained");
}

sub check_function
{
	my ($entry, $name, $public, $comment, $arguments, $columns, $result) = @_;
	my $text = $entry ? $entry->{text} : '';
	my ($signature) = $text =~ /^```sql synopsis\n(.*?)\n```$/ms;
	my %raised = map { $_ => 1 } $comment =~ /(?<=[ ,])([0-9][0-9A-Z]{4})(?=[ ,])/g;
	my @signatures;
	my @undocumented;

	$arguments =~ s/::[a-z ]+(?:\[\])?(?=,|$)//g;
	@signatures = map { s/\s+/ /gr } split /\n(?=\S)/, $signature // 'none';
	# a name that stands for several functions has a signature a line
	my $expected = $result =~ /^procedure/ ? "CALL $name($arguments)" : "$name($arguments) RETURNS $result";
	my ($documented) = grep { $_ eq $expected } @signatures;
	is($documented // "@signatures", $expected, "$name: the signature");
	is_mentioned($text =~ s/^```sql synopsis\n.*?^```$//msr,
		$name, map { (split ' ', s/^(?:VARIADIC|INOUT) //r)[0] } split /, /, "$arguments, $columns" =~ s/^, |, $//gr);
	delete @raised{ split ' ', $never_raised{$name} // '' };
	@undocumented = grep { $text !~ /\b$_\b/ } sort keys %raised;
	is("@undocumented", '', "$name: the errors that its COMMENT names");
	is($text =~ /^Who may call it: everybody/m ? 't' : 'f', $public, "$name: who may call it");
	like($text, qr/^```sql\n/m, "$name: an example");
}

sub check_public_relation
{
	my ($entry, $name, $columns) = @_;
	my $text = $entry ? $entry->{text} : '';

	is_mentioned($text, $name, split ' ', $columns);
	like($text, qr/\bEverybody may read it/, "$name: who may read it");
	like($text, qr/^```text\n/m, "$name: an example");
}

sub check_settings
{
	my ($entries, $known) = @_;

	foreach my $row (rows_of(q{LOAD 'svc_ownership';
SELECT name, boot_val FROM pg_settings WHERE name LIKE 'svc\_ownership.%'}))
	{
		my ($name, $default) = @$row;

		$known->{$name} = 1;
		ok($entries->{$name}, "$name has an entry");
		like($entries->{$name}{text}, $default eq '' ? qr/^\| default \| none \|$/m : qr/^\| default \| `\Q$default\E`(?: \([^|]*\))? \|$/m, "$name: its default");
	}
}

sub check_reference
{
	my %entries = entries();
	my %internal = internal_objects();
	my %known;

	fresh_database('docs');
	$node->safe_psql('docs', q{
CREATE EXTENSION svc_ownership;
CREATE VIEW members AS SELECT classid, objid FROM pg_depend
 WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'svc_ownership');
ALTER DATABASE docs SET search_path = pg_catalog, public});
	foreach my $row (rows_of($functions))
	{
		my ($name, $kind, $public, $comment, @rest) = @$row;

		$known{$name} = 1;
		isnt($comment, '', "$name has a COMMENT");
		if ($kind eq 'internal')
		{
			is($internal{$name}, $comment, "$name in docs/catalog.md");
			next;
		}
		ok($entries{$name}, "$name has an entry");
		check_function($entries{$name}, $name, $public, $comment, @rest);
	}
	foreach my $row (rows_of($relations))
	{
		my ($name, $kind, $comment, $columns) = @$row;

		$known{$name} = 1;
		if ($kind eq 'internal')
		{
			is($internal{$name}, $comment, "$name in docs/catalog.md");
			next;
		}
		ok($entries{$name}, "$name has an entry");
		check_public_relation($entries{$name}, $name, $columns);
	}
	$known{ $_->[0] } = 1 foreach rows_of(q{
SELECT 'svc.' || t.typname FROM members m JOIN pg_type t ON t.oid = m.objid AND m.classid = 'pg_type'::regclass});
	check_settings(\%entries, \%known);
	foreach my $name (sort keys %entries, keys %internal)
	{
		ok($known{$name}, "$name exists");
	}
	check_names(\%known);
	is( $node->safe_psql('docs', q{
SELECT p.oid::regprocedure FROM members m
  JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass
  JOIN pg_language l ON l.oid = p.prolang
 WHERE p.proconfig IS NOT NULL
   AND (l.lanname = 'c' OR p.prokind = 'p' OR p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype))}),
		'', 'no C function, trigger function or procedure has a SET clause');
}

# Every name of ours in any page is one that there is
sub check_names
{
	my ($known) = @_;

	foreach my $page (files_named(qr/\.md$/))
	{
		my $text = slurp_file($page);
		my %wrong;

		# files have names that begin like this, too
		while ($text =~ /\b(svc(?:_triggers|_ownership)?\.(?!h\b|so\b|c\b|control\b)[a-z]\w*)/g)
		{
			$wrong{$1} = 1 unless $known->{$1};
		}
		is(join(' ', sort keys %wrong), '', "$page names nothing that does not exist");
	}
}

# ---- links ----

# The anchors of a page, made as most renderers make them
sub anchors_of
{
	my ($page) = @_;
	my $text = slurp_file($page) =~ s/^```.*?^```$//msgr;

	return map { s/[^\w\- ]//gr =~ s/ /-/gr } map { lc } $text =~ /^#+ (.*)$/mg;
}

sub check_links
{
	my ($page) = @_;
	my $text = slurp_file($page) =~ s/^```.*?^```$//msgr;
	my @broken;

	while ($text =~ /\]\(([^)\s]+)\)/g)
	{
		my ($link) = $1;
		my ($file, $anchor) = split /#/, $link;

		next if $link =~ /^(?:https?|mailto):/;
		$file = $file eq '' ? $page : dirname($page) . "/$file";
		push @broken, $link
		  if !-e $file
		  || (defined $anchor && !grep { $_ eq $anchor } anchors_of($file));
	}
	is("@broken", '', "$page: its links lead somewhere");
}

# ---- docs/limits.md: each limit names the test that shows it ----

sub check_limits
{
	my $text = slurp_file('docs/limits.md');
	my @limits = $text =~ /^- (.*?)(?=^- |^#|^$|\z)/msg;

	cmp_ok(scalar @limits, '>', 10, 'there are limits');
	foreach my $limit (@limits)
	{
		my ($begin) = $limit =~ /^(.{1,50})/;
		my ($file, $test) = $limit =~ /\[[\w.\/]+\]\(([\w.\/]+)\):\s+\*(.*?)\*\s*\z/s;

		if (!defined $file || !-f "docs/$file")
		{
			fail("limit names a test: $begin");
			next;
		}
		$test =~ s/\s+/ /g;
		like(slurp_file("docs/$file") =~ s/\n-- | \s+/ /gr, qr/\Q$test\E/, "limit names a test: $begin");
	}
}
