# A team that leaves Flyway to the database, or runs both side by side, must see
# one truth: for every state that a migration can be in, Flyway's info and
# validate and our svc.migrations and svc.validate_migrations say the same; what
# the one refuses the other refuses; and the history that we write is, row for
# row, the one that Flyway would have written.
#
# Each case is played twice: Flyway brings both copies into a state, then the one
# is migrated by Flyway and the other by us, and the two are compared.  This is
# the newest Flyway; interop_flyway_9.pl does it again with an older one.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use Encode qw(encode_utf8);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Interop;
use Test::More;

our $version //= '13.12.0';
my $flyway = start_flyway($version);
my $node = new_server('main', tcp => 1, conf => "max_worker_processes = 16\n");

$node->safe_psql('postgres', 'CREATE EXTENSION svc_ownership');

# ---- the cases ----

# Files that many cases begin with
sub table { my ($name) = @_; return "CREATE TABLE $name (id bigint PRIMARY KEY, name text);\n" }
my %two = ('V1__first.sql' => table('first'), 'V2__second.sql' => table('second'));
my $view = "CREATE OR REPLACE VIEW shown AS SELECT 1 AS one;\n";
my $view_2 = "CREATE OR REPLACE VIEW shown AS SELECT 1 AS one, 2 AS two;\n";

# One connection, as Flyway had it before 9.1.2: only then it can build an index
# concurrently, and writes down that a file failed
my %one_connection = ('postgresql.transactional.lock' => 'false');

# A row as somebody left it in Flyway's table, behind the others
sub row
{
	my ($version, $description, $type, $script, $checksum, $success) = @_;
	$_ = defined $_ ? "'$_'" : 'NULL' foreach $version, $checksum;
	return <<"SQL";
INSERT INTO flyway_schema_history
  SELECT max(installed_rank) + 1, $version, '$description', '$type', '$script', $checksum, current_user, now(), 1, $success
  FROM flyway_schema_history;
SQL
}

# name; files: what Flyway applies first; conf: a flyway.conf beside them, and
# its settings; before: statements before Flyway runs; sql: after; change: of the
# files then (undef: gone); target: of the run that is compared; shows: a query
# whose rows must be equal, too; repair: then both repair, and run once more;
# fresh: nothing was applied, so ours has no table of Flyway's to write to.
# unordered: Flyway's own versions list a V and a B file of one version in
# different orders.
my @cases = (
	{ name => 'pending', files => {%two}, change => { 'V3__third.sql' => table('third') } },
	{ name => 'nothing to do', files => { %two, 'R__view.sql' => $view } },
	{ name => 'checksum mismatch', files => {%two}, repair => 1,
		change => { 'V1__first.sql' => table('first') . "-- changed\n", 'V3__third.sql' => table('third') } },
	{ name => 'description mismatch', files => {%two}, repair => 1,
		change => { 'V1__first.sql' => undef, 'V1__First_of_all.sql' => table('first') } },
	{ name => 'missing', files => { %two, 'V3__third.sql' => table('third') }, repair => 1,
		change => { 'V2__second.sql' => undef } },
	{ name => 'missing repeatable', files => { %two, 'R__view.sql' => $view }, repair => 1,
		change => { 'R__view.sql' => undef } },
	{ name => 'future', files => { %two, 'V3__third.sql' => table('third') },
		change => { 'V3__third.sql' => undef } },
	{ name => 'ignored', files => { %two, 'V4__fourth.sql' => table('fourth') },
		change => { 'V3__third.sql' => table('third') } },
	{ name => 'out of order', files => { %two, 'V4__fourth.sql' => table('fourth') }, conf => { outOfOrder => 'true' },
		change => { 'V3__third.sql' => table('third') } },
	{ name => 'repeatable changed', files => { %two, 'R__view.sql' => $view }, change => { 'R__view.sql' => $view_2 } },
	{ name => 'repeatable changed with a version', files => { %two, 'R__view.sql' => $view },
		change => { 'R__view.sql' => $view_2, 'V3__third.sql' => table('third') } },
	{ name => 'repeatables in order', files => {%two}, shows => 'SELECT * FROM first ORDER BY id',
		change => { map { my $i = $_; ("R__$i.sql" => "INSERT INTO first VALUES ((SELECT count(*) FROM first), '$i');\n") } 'b_two', 'view one', 'View_one', '2view' } },
	{ name => 'failed and rolled back', files => {%two},
		change => { 'V3__third.sql' => table('third') . "SELECT 1/0;\n" } },
	{ name => 'failed without a transaction', files => {%two}, settings => \%one_connection, repair => 1,
		change => { 'V3__third.sql' => "CREATE UNIQUE INDEX CONCURRENTLY ON nowhere (name);\n" } },
	{ name => 'failed row', files => {%two}, repair => 1, sql => row(3, 'third', 'SQL', 'V3__third.sql', 1, 'false'),
		change => { 'V3__third.sql' => table('third') } },
	{ name => 'failed, missing', files => {%two}, repair => 1, sql => row('1.5', 'third', 'SQL', 'V1.5__third.sql', 1, 'false') },
	{ name => 'failed, future', files => {%two}, repair => 1, sql => row(3, 'third', 'SQL', 'V3__third.sql', 1, 'false') },
	{ name => 'baseline', before => table('first') . table('second'), baseline => { baselineVersion => 2, baselineDescription => 'as it was' },
		files => { %two, 'V1.5__between.sql' => table('between_them') }, change => { 'V3__third.sql' => table('third') } },
	{ name => 'baseline of its own making', before => table('older'), files => { 'V2__second.sql' => table('second') },
		conf => { baselineOnMigrate => 'true', baselineVersion => '1', baselineDescription => 'found' },
		change => { 'V3__third.sql' => table('third') } },
	{ name => 'a schema with objects', before => table('older'), fresh => 1, change => {%two} },
	{ name => 'B file, nothing applied', fresh => 1, unordered => 1, shows => "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename !~ 'flyway' ORDER BY 1",
		change => { %two, 'B2__both.sql' => table('first') . table('second'), 'V3__third.sql' => table('third') } },
	{ name => 'B file, applied', files => { %two, 'B2__both.sql' => table('first') . table('second') }, change => { 'V3__third.sql' => table('third') } },
	{ name => 'B file, too late', unordered => 1, files => {%two}, change => { 'B3__all.sql' => table('third'), 'V3__third.sql' => table('third') } },
	{ name => 'above target', files => {%two}, target => '3',
		change => { map { ("V${_}__$_.sql" => table("t_$_")) } 3 .. 5 } },
	{ name => 'target with a minor version', files => {%two}, target => '3.1',
		change => { 'V3__a.sql' => table('a'), 'V3_1__b.sql' => table('b'), 'V3.1.1__c.sql' => table('c') } },
	{ name => 'target next', files => {%two}, target => 'next', change => { map { ("V${_}__$_.sql" => table("t_$_")) } 3 .. 5 } },
	{ name => 'target current', files => {%two}, target => 'current', change => { map { ("V${_}__$_.sql" => table("t_$_")) } 3 .. 5 } },
	{ name => 'deleted', files => { %two, 'V3__third.sql' => table('third') }, sql => row(3, 'third', 'DELETE', 'V3__third.sql', undef, 'true') . 'DROP TABLE third;' },
	{ name => 'deleted in the middle', files => { %two, 'V3__third.sql' => table('third') }, sql => row(2, 'second', 'DELETE', 'V2__second.sql', undef, 'true') . 'DROP TABLE second;' },
	{ name => 'a migration in Java', files => {%two}, sql => row(3, 'of Java', 'JDBC', 'db.migration.V3__of_Java', undef, 'true'),
		change => { 'V4__fourth.sql' => table('fourth') } },
	{ name => 'a schema that Flyway made', files => {%two}, sql => <<'SQL', change => { 'V3__third.sql' => table('third') } },
INSERT INTO flyway_schema_history VALUES (0, NULL, '<< Flyway Schema Creation >>', 'SCHEMA', '"app"', NULL, current_user, now(), 0, true);
SQL
	{ name => 'type mismatch', files => {%two}, sql => "UPDATE flyway_schema_history SET type = 'JDBC' WHERE version = '2'" },
	{ name => 'versions in all forms', files => { 'V001__lf.sql' => table('a'), 'V1_1__b.sql' => table('b') },
		change => { 'V1.10__c.sql' => table('c'), 'V1.9__d.sql' => table('d'), 'V20240101120000__e.sql' => table('e'), 'V20240101120002.sql' => table('f') } },
	{ name => 'descriptions in all forms', files => {%two},
		change => { 'V3__with__double.sql' => table('a'), 'V4__Ärger_im_Büro.sql' => table('b'), 'V5__' . 'x' x 180 . '.sql' => table('c'), 'V6__.sql' => table('d') } },
	{ name => 'a description of more than 200 characters', files => {%two}, change => { 'V3__' . 'long_' x 45 . '.sql' => table('a') } },
	{ name => 'folders', files => { 'a/V1__first.sql' => table('first') }, change => { 'b/c/V2__In_Folder.sql' => table('second'), 'b/R__view.sql' => $view } },
	{ name => 'names that are none', files => {%two}, change => { 'V4_ok_single.sql' => 'SELECT 1;', 'Vabc__x.sql' => '!', 'v3__x.sql' => '!', 'U1__x.sql' => 'DROP TABLE first;', 'notes.txt' => '!' } },
	{ name => 'one version twice', files => {%two}, no_migrate => 1, change => { 'V3__a.sql' => 'SELECT 1;', 'x/V3.0__b.sql' => 'SELECT 1;' } },
	{ name => 'one description twice', files => {%two}, no_migrate => 1, change => { 'R__a.sql' => 'SELECT 1;', 'x/R__a.sql' => 'SELECT 1;' } },
	{ name => 'CRLF, BOM, empty', files => { 'V1__a.sql' => "CREATE TABLE a (id int);\r\nINSERT INTO a\r\nVALUES (1);\r\n", 'V2__b.sql' => "\xEF\xBB\xBFCREATE TABLE b (id int)" },
		change => { 'V3__empty.sql' => '', 'V4__comment.sql' => "-- nothing\n", 'V5__c.sql' => "\xEF\xBB\xBFSELECT 1;\r", 'V1__a.sql' => "CREATE TABLE a (id int);\nINSERT INTO a\nVALUES (1);\n" } },
	{ name => 'statements that hold semicolons', files => {%two}, shows => 'SELECT * FROM first ORDER BY id', change => { 'V3__data.sql' => <<'SQL' } },
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $body$ BEGIN /* ; /* ; */ */ RETURN 1; END $body$;
CREATE FUNCTION g(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a; SELECT 2; END;
COPY first (id, name) FROM STDIN;
1	a;b
2	'--
\.
INSERT INTO first VALUES (f() + 2, 'it''s;'), (4, E'it\'s;');
SQL
	{ name => 'placeholders', files => {%two}, shows => 'SELECT * FROM first ORDER BY id', conf => { 'placeholders.Owner' => 'the team' },
		change => { 'V3__names.sql' => "INSERT INTO first VALUES (1, '\${owner}'), (2, '\${flyway:table} \${flyway:filename} \${FLYWAY:defaultSchema}'); -- \${OWNER}\n",
			'R__names.sql' => "INSERT INTO first VALUES (3, '\${owner}');\n" } },
	{ name => 'a placeholder without value', files => {%two}, change => { 'V3__names.sql' => "-- \${nobody}\nSELECT 1;\n" } },
	{ name => 'settings of one file', files => {%two}, shows => 'SELECT * FROM first ORDER BY id',
		change => { 'V3__names.sql' => "INSERT INTO first VALUES (1, '\${nobody}');\n", 'V3__names.sql.conf' => "placeholderReplacement=false\n" } },
	{ name => 'a file without transaction', files => {%two}, settings => \%one_connection,
		change => { 'V3__index.sql' => "INSERT INTO first VALUES (1, 'a');\nCREATE INDEX CONCURRENTLY ON first (name);\n", 'V3__index.sql.conf' => "executeInTransaction=false\n" } },
	{ name => 'a concurrent index', files => {%two}, settings => \%one_connection, change => { 'V3__index.sql' => "CREATE INDEX CONCURRENTLY named ON first (name);\n" } },
	{ name => 'callbacks', files => {%two}, shows => 'SELECT name FROM first ORDER BY id',
		change => { 'V3__third.sql' => table('third'), 'R__view.sql' => $view,
			map { ("$_.sql" => "INSERT INTO first SELECT count(*), '$_' FROM first;\n") }
			  'beforeMigrate', 'afterMigrate', 'beforeEachMigrate', 'afterEachMigrate', 'beforeMigrate__again', 'afterMigrateApplied', 'afterVersioned', 'beforeRepeatables' } },
	{ name => 'callbacks around a failure', files => {%two}, shows => 'SELECT name FROM first ORDER BY id',
		change => { 'V3__third.sql' => "SELECT 1/0;\n",
			map { ("$_.sql" => "INSERT INTO first SELECT count(*), '$_' FROM first;\n") } 'beforeMigrate', 'afterMigrate', 'afterMigrateError' } },
	{ name => 'a table of another name', files => {%two}, conf => { table => 'versions' }, change => { 'V3__third.sql' => table('third') } },
	{ name => 'a function of the extension', files => {%two}, shows => "SELECT tgname FROM pg_trigger WHERE tgrelid = 'first'::regclass",
		change => { 'V3__upkeep.sql' => "ALTER TABLE first ADD updated_at timestamptz NOT NULL DEFAULT now();\nSELECT svc.keep_updated_at('first');\n" } },
);

# ---- how a case is played ----

# Settings that Flyway's own configuration file would give it
sub settings
{
	my ($case) = @_;
	return (%{ $case->{settings} // {} }, %{ $case->{conf} // {} });
}

# The case's files: with those of the change, or without
sub write_files
{
	my ($case, $changed) = @_;
	my %files = (%{ $case->{files} // {} }, $changed ? %{ $case->{change} // {} } : ());

	$files{'flyway.conf'} = join '', map { "flyway.$_=$case->{conf}{$_}\n" } sort keys %{ $case->{conf} } if $case->{conf};
	delete @files{ grep { !defined $files{$_} } keys %files };
	put_files($case->{folder}, \%files);
	return;
}

# A copy of a case, as Flyway leaves it
sub prepare
{
	my ($case, $service) = @_;
	my $copy = new_copy($node, $service, %$case);
	my $answer;

	write_files($copy, 0);
	die ours($copy, $case->{before}) if $case->{before} && ours($copy, $case->{before});
	$answer = flyway($flyway, 'baseline', $copy, settings($case), %{ $case->{baseline} }) if $case->{baseline};
	$answer = flyway($flyway, 'migrate', $copy, settings($case)) unless $case->{fresh} || $case->{baseline};
	die "$case->{name}: $answer->{error}" if $answer && !$answer->{ok};
	my $error = $case->{sql} ? ours($copy, $case->{sql}) : '';
	die "$case->{name}: $error" if $error;
	write_files($copy, 1);
	return $copy;
}

# What Flyway's info prints: version, description and state of each
sub infos
{
	my ($copy) = @_;
	my $answer = flyway($flyway, 'info', $copy, settings($copy));
	return ('refused') unless $answer->{ok};
	return map { encode_utf8(join '|', $_->{version} // '', $_->{description}, $_->{state}) } @{ $answer->{migrations} };
}

sub our_infos
{
	my ($copy) = @_;
	my $error = ours($copy, "SELECT svc.load_migrations('$copy->{service}', files => :files, format => 'flyway')");
	if ($error)
	{
		note($error);
		return ('refused');
	}
	return our_states($copy, "coalesce(version, ''), description, state");
}

# What validate does not agree with: versions, or descriptions of repeatables
sub problems
{
	my ($copy) = @_;
	my $answer = flyway($flyway, 'validate', $copy, settings($copy));
	return ('refused') if $answer->{error} && !$answer->{problems};
	return sort map { encode_utf8($_->{version} || $_->{description}) } @{ $answer->{problems} };
}

sub our_verdicts
{
	my ($copy) = @_;
	my ($error, $out) = ours($copy, "SELECT coalesce(version, description) FROM svc.validate_migrations('$copy->{service}')");
	return $error ? ("error: $error") : sort split /\n/, $out;
}

# Flyway's table, without times and names: ours says who asked
sub history
{
	my ($copy) = @_;
	my $table = $copy->{conf}{table} // 'flyway_schema_history';
	my ($error, $out) = ours($copy, <<"SQL");
SELECT installed_rank, version, description, type, script, checksum, success
  FROM $table ORDER BY installed_rank
SQL
	return $error ? ($error) : split /\n/, $out;
}

sub shown
{
	my ($copy) = @_;
	my ($error, $out) = ours($copy, $copy->{shows});
	return $error ? $error : $out =~ s/\b$copy->{service}\b/*/gr;
}

# What both say of one copy
sub agreed
{
	my ($copy, $when) = @_;
	my $name = "$copy->{name}, $when";
	my @theirs = infos($copy);
	my @ours = our_infos($copy);

	same_list($copy->{unordered} ? [ sort @ours ] : \@ours, $copy->{unordered} ? [ sort @theirs ] : \@theirs, "$name: info");
	same_list([ our_verdicts($copy) ], [ problems($copy) ], "$name: validate")
	  unless @theirs && $theirs[0] eq 'refused';
	return;
}

sub migrate_theirs
{
	my ($copy) = @_;
	my $answer = flyway($flyway, 'migrate', $copy, settings($copy), $copy->{target} ? (target => $copy->{target}) : ());
	note("Flyway says: $answer->{error}") unless $answer->{ok};
	return $answer->{ok} ? 'done' : 'refused';
}

sub migrate_ours
{
	my ($copy) = @_;
	my $target = $copy->{target} ? ", target => '$copy->{target}'" : '';
	my $error = ours($copy, "CALL svc.migrate('$copy->{service}', files => :files$target)");
	note("we say: $error") if $error;
	return $error ? 'refused' : 'done';
}

# Both copies after the same was done to each, by Flyway and by us
sub compared
{
	my ($theirs, $ours, $what) = @_;
	my $name = "$ours->{name}, $what";

	same_list([ history($ours) ], [ history($theirs) ], "$name: history") unless $ours->{fresh};
	is(shown($ours), shown($theirs), "$name: what it did") if $ours->{shows};
	agreed($theirs, "$what by Flyway") unless $ours->{fresh};
	agreed($ours, "$what by us") unless $ours->{fresh};
	return;
}

sub play
{
	my ($case, $number) = @_;
	my $service = "case_$number";
	my $theirs = prepare($case, "${service}t");
	my $ours = prepare($case, "${service}o");
	my $name = $case->{name};

	foreach my $copy ($theirs, $ours)
	{
		next if $case->{fresh};
		write_files($copy, 0);
		is(adopt($copy, 'flyway'), '', "$name: adopted");
		write_files($copy, 1);
	}
	agreed($ours, 'before');
	return if $case->{no_migrate};
	is(migrate_ours($ours), migrate_theirs($theirs), "$name: migrate");
	compared($theirs, $ours, 'migrated');
	return unless $case->{repair};
	my $repaired = flyway($flyway, 'repair', $theirs, settings($theirs));
	is(ours($ours, "SELECT * FROM svc.repair_migrations('$ours->{service}')"), $repaired->{ok} ? '' : 'refused', "$name: repair");
	compared($theirs, $ours, 'repaired');
	is(migrate_ours($ours), migrate_theirs($theirs), "$name: migrate after repair");
	compared($theirs, $ours, 'migrated after repair');
	return;
}

my $number = 0;
foreach my $case (@cases)
{
	$number++;
	next if $ENV{CASE} && $case->{name} !~ /$ENV{CASE}/;
	play($case, $number);
}
note("Flyway $version: $number cases");

done_testing();
