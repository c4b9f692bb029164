# Statements joined at random, with comments, blank lines, psql's lines, COPY's
# data and every kind of line end between them, and split again: each must come
# back as it was, in its line.  A third of the files holds a mistake, whose place
# the error must name.  Some statements are larger than what the lexer sees at
# once.
#
#   SVC_SEED   repeats a run (printed)
#   SVC_FILES  how many files (400)
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SVC_SEED} || time ^ $$;
my $files = $ENV{SVC_FILES} // 400;
srand $seed;
diag "seed $seed";

my $node = PostgreSQL::Test::Cluster->new('split');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nclient_min_messages = error\nlog_statement = none\nlog_min_messages = fatal");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION svc_ownership');

my @STATEMENTS = (
	q{SELECT 1}, q{select 'it''s; one', "a; ""name"}, q{SELECT E'\';\\\\', N';'},
	q{SELECT U&'\003b;', U&"!003b;" UESCAPE '!'}, qq{SELECT 'a'\n  '; goes on'},
	q{SELECT $a$; $b$; $a$, $$;$$}, qq{SELECT \$body\$\nbegin; -- '\nend;\$body\$},
	qq{SELECT /* ; /* ' ; */ " */ 1}, qq{SELECT -- ; '\n 2}, q{SELECT 1 <> 2, 3 @-4, 5-6, 1e-10},
	qq{SELECT '\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80;', "\xC3\xB6;" AS \xC3\xBC},
	q{INSERT INTO t (a, b) VALUES (1, ';'), (2, '('), (3, ')')},
	q{CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; DELETE FROM u;)},
	qq{CREATE FUNCTION f() RETURNS int\nBEGIN ATOMIC\n SELECT CASE WHEN true THEN 1 END; SELECT 1 AS end; SELECT 2 end;\nEND},
	q{create or replace procedure p(a int default (1)) begin atomic end},
	q{SELECT begin atomic FROM t}, q{SELECT 1 case}, q{SELECT 1 end}, q{BEGIN}, q{END}, q{COMMIT},
	q{DO $$ BEGIN PERFORM 1; END $$}, q{PREPARE p AS SELECT $1::int}, q{EXECUTE p(1)},
	q{CREATE INDEX CONCURRENTLY i ON t (a)}, q{VACUUM}, q{COPY t TO stdout}, q{COPY t FROM '/file'},
	q{CREATE SCHEMA s CREATE TABLE t (a int) CREATE VIEW v AS SELECT 1});
my @MISTAKES = (
	[ q{SELEC 1}, 0 ], [ q{SELECT 1 FROM FROM}, 14 ], [ qq{SELECT 'a',\n FROM t}, 13 ],
	[ q{INSERT INTO t VALUES (1;}, 23 ], [ q{SELECT 1 \gset}, 9 ], [ q{\connect x}, 0 ],
	[ q{SELECT E'\\uD800'}, 15 ], [ q{SELECT 1a}, 7 ], [ q{SELECT ""}, 7 ]);
my @DATA = ("1\tit's; a /* value", '\N', '\\\\.', 'SELECT 1;', '$$', '"', '\.x', ' \.', '', '--', '\restrict');

sub pick { return $_[ int rand @_ ] }

sub some { my ($most, $what) = @_; return map { $what->() } 1 .. int rand($most + 1) }

# What may stand between two statements, and begins and ends outside of a line's comment
sub gap
{
	return join '', some(4, sub {
		return pick("\n", "\r\n", "\r", ' ', "\t", "-- it's; a comment\n", "--\r\n", "--x\r",
			'/* a; /* nested */ \' */', "/*\n;\n*/", ';', ";\n",
			rand() < 0.02 ? '/*' . 'x;' x (20000 + int rand 30000) . '*/' : ' '); });
}

# A statement, now and then a large one
sub statement
{
	return rand() < 0.02 ? "SELECT '" . ';x' x (15000 + int rand 40000) . "', 'end'" : pick(@STATEMENTS);
}

# The line of a place: what PostgreSQL's lexer and all editors take for one
sub line_of
{
	my ($text, $place) = @_;
	my @ends = substr($text, 0, $place) =~ /\r\n|\r(?!\n)|\n/g;
	return 1 + @ends - (substr($text, $place - 1, 2) eq "\r\n" ? 1 : 0);
}

# A file, and what is to be made of it: number, line and hash of each statement, or the line of an error
sub file
{
	my $mistake = rand() < 0.3 ? int rand 12 : -1;
	my $n = $mistake >= 0 ? 1 + $mistake : int rand 25;
	my $open = $mistake < 0 && rand() < 0.3;
	my ($text, @expected) = (rand() < 0.1 ? "\xEF\xBB\xBF" : '');
	for my $i (1 .. $n)
	{
		$text .= gap();
		$text .= "\n" . pick("\\restrict 1a'\"\$\$\n", "\\unrestrict 1a'\n") if rand() < 0.1;
		if ($i == $mistake + 1)
		{
			my ($wrong, $at) = @{ pick(@MISTAKES) };
			my $place = length($text) + $at;
			return ("$text$wrong; SELECT 1;", 'line ' . line_of("$text$wrong", $place));
		}
		my ($statement, $place) = (statement(), length $text);
		if (rand() < 0.1)
		{
			$statement = pick('COPY t FROM stdin', 'copy t (a, b) from STDIN with (format csv)');
			$text .= $statement . pick(';', " ;  ", '; -- data', ";/* */") . pick("\n", "\r\n");
			$text .= join '', some(5, sub { return pick(@DATA) . pick("\n", "\r\n") });
			$text .= '\.' . pick("\n", "\r\n");
		}
		else
		{
			# The last one needs no semicolon; what follows it then belongs to it
			$text .= $statement . ($i == $n && $open ? '' : ';');
		}
		push @expected, "$i:" . line_of($text, $place) . ':' . unpack('H*', $statement);
	}
	return ($text . ($open ? "\r\n " : gap()), join ' ', @expected);
}

# What the server makes of each, one line a file
my (@expected, @texts);
my $script = "\\set ON_ERROR_STOP off\n\\set SHOW_CONTEXT always\n";
for (1 .. $files)
{
	my ($text, $expected) = file();
	push @texts, $text;
	push @expected, $expected;
	$script .= sprintf q{SELECT string_agg(format('%%s:%%s:%%s', number, line, }
		. q{encode(convert_to(statement, 'UTF8'), 'hex')), ' ' ORDER BY number) }
		. q{FROM svc.read_migration('1.sql', convert_from(decode('%s', 'hex'), 'UTF8'), 'plain')}
		. ";\n\\echo %s\n", unpack('H*', $text), '----';
}
my ($out, $err) = ('', '');
$node->psql('postgres', "$script\\set x\n", stdout => \$out, stderr => \$err, on_error_stop => 0);
my @errors = $err =~ /CONTEXT:  (line \d+), column \d+ of migration/g;
my @results = split /^----\n?/m, $out, -1;
my $wrong = 0;
for my $i (0 .. $files - 1)
{
	my $got = $results[$i] // '';
	chomp $got;
	$got = shift @errors // 'no error' if $expected[$i] =~ /^line/ && $got eq '';
	next if $got eq $expected[$i];
	$wrong++;
	next if $wrong > 3;
	diag 'file ' . ($i + 1) . ': ' . substr($texts[$i], 0, 2000);
	diag 'expected ' . substr($expected[$i], 0, 1000);
	diag 'got      ' . substr($got, 0, 1000);
}
is($wrong, 0, "$files files are split where they were joined");
is(scalar @errors, 0, 'no other errors');
cmp_ok(scalar(grep { /^line/ } @expected), '>', 0, 'some files hold a mistake');
$node->stop;
done_testing();
