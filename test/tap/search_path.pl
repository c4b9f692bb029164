# All regression tests again, where every function and operator of PostgreSQL's
# that the extension uses has a double in a schema that comes first in
# search_path, and every catalog one in pg_temp.  A double does what the original
# does, and looks at who called it: the tests' own statements may, those of the
# extension must not.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $root = "$FindBin::RealBin/../..";
my $node = new_server('main', conf => "jit = off\n");

my %words;
foreach my $file (glob "$root/src/*/*.sql $root/src/*/*.c")
{
	$words{ lc $_ } = 1 foreach slurp_file($file) =~ /\b([a-z_][a-z_0-9]*)\b/gi;
}
delete $words{$_} foreach qw(step);
my $words = join ',', map { "'$_'" } sort keys %words;

# The doubles.  The extension runs its SQL from C, so a double that it called
# would see "SQL statement" right above itself; a statement of a PL/pgSQL block
# has a line of the block above that.
my $doubles = <<"SQL";
CREATE SCHEMA doubles;
GRANT USAGE ON SCHEMA doubles TO PUBLIC;
CREATE FUNCTION doubles.step(what text) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog AS \$\$
DECLARE
	stack text;
BEGIN
	GET DIAGNOSTICS stack = PG_CONTEXT;
	stack := regexp_replace(stack, 'PL/pgSQL function doubles\\.[^\\n]*(\\n|\$)', '', 'g');
	IF stack ~ '^SQL ' AND stack !~ 'PL/pgSQL function' THEN
		RAISE LOG 'HIT % by %', what, stack;
	END IF;
	RETURN true;
END \$\$;
SQL
$doubles .= <<'SQL';
DO $do$
DECLARE
	f record;
	n int := 0;
BEGIN
	FOR f IN
		SELECT p.proname, p.pronargs, pg_get_function_identity_arguments(p.oid) AS arguments, format_type(p.prorettype, NULL) AS result,
		       (SELECT coalesce(string_agg('$' || i, ', ' ORDER BY i), '') FROM generate_series(1, p.pronargs) i) AS places,
		       CASE p.provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' ELSE 'VOLATILE' END AS volatility,
		       CASE WHEN p.proisstrict THEN 'STRICT' ELSE '' END AS strictness
		  FROM pg_proc p
		 WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND NOT p.proretset AND p.provariadic = 0
		   AND p.proargmodes IS NULL AND p.proname IN (WORDS)
		   AND p.prorettype NOT IN ('void'::regtype, 'internal'::regtype, 'cstring'::regtype, 'trigger'::regtype, 'event_trigger'::regtype)
		   AND p.prorettype::regtype::text !~ '^any'
		   AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) t (oid) WHERE t.oid::regtype::text ~ '^("any"|any|internal|cstring)')
	LOOP
		EXECUTE format('CREATE FUNCTION doubles.%I(%s) RETURNS %s LANGUAGE plpgsql %s %s AS %L', f.proname, f.arguments, f.result,
			f.volatility, f.strictness,
			format('DECLARE x boolean := doubles.step(%L); BEGIN RETURN pg_catalog.%I(%s); END', f.proname, f.proname, f.places));
		n := n + 1;
	END LOOP;
	RAISE NOTICE 'DOUBLES % functions', n;
	n := 0;
	FOR f IN
		SELECT o.oid, o.oprname, format_type(o.oprleft, NULL) AS l, format_type(o.oprright, NULL) AS r, format_type(o.oprresult, NULL) AS result
		  FROM pg_operator o
		 WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprkind = 'b'
		   AND o.oprname IN ('=', '<>', '<', '>', '<=', '>=', '~', '!~', '~~', '||', '+', '-', '*', '&', '->>', '?')
		   AND o.oprleft::regtype::text !~ '^any' AND o.oprright::regtype::text !~ '^any'
		   AND o.oprleft::regtype::text IN ('name', 'text', 'oid', 'regclass', 'integer', 'bigint', 'smallint', 'boolean', '"char"', 'jsonb',
		                                    'timestamp with time zone', 'interval', 'numeric', 'oidvector', 'aclitem', 'date')
	LOOP
		EXECUTE format('CREATE FUNCTION doubles.%I(%s, %s) RETURNS %s LANGUAGE plpgsql IMMUTABLE STRICT AS %L', 'operator_' || f.oid, f.l, f.r, f.result,
			format('DECLARE x boolean := doubles.step(%L); BEGIN RETURN $1 OPERATOR(pg_catalog.%s) $2; END', 'operator ' || f.oprname, f.oprname));
		EXECUTE format('CREATE OPERATOR doubles.%s (FUNCTION = doubles.%I, LEFTARG = %s, RIGHTARG = %s)', f.oprname, 'operator_' || f.oid, f.l, f.r);
		n := n + 1;
	END LOOP;
	RAISE NOTICE 'DOUBLES % operators', n;
END $do$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA doubles TO PUBLIC;
SQL
$doubles =~ s/WORDS/$words/g;

# Catalogs in pg_temp, for each session anew
my $temp = <<'SQL';
SET client_min_messages = warning;
SELECT pg_catalog.format('CREATE TEMP VIEW %I AS SELECT c.* FROM pg_catalog.%I c WHERE doubles.step(%L)', c.relname, c.relname, c.relname)
  FROM pg_catalog.pg_class c
 WHERE c.relname OPERATOR(pg_catalog.=) ANY ('{pg_namespace,pg_roles,pg_auth_members,pg_depend,pg_default_acl,pg_extension,pg_db_role_setting}')
\gexec
SELECT pg_catalog.format('GRANT SELECT ON pg_temp.%I TO PUBLIC', c.relname)
  FROM pg_catalog.pg_class c WHERE c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
\gexec
RESET client_min_messages;
SQL

my ($out, $err);
$node->safe_psql('postgres', 'CREATE DATABASE doubles');
$node->psql('doubles', $doubles, on_error_die => 1, stderr => \$err);
my %made = reverse $err =~ /DOUBLES (\d+) (\w+)/g;
note "$made{$_} doubles of $_" foreach sort keys %made;
cmp_ok($made{functions}, '>=', 100, 'functions have doubles');
cmp_ok($made{operators}, '>=', 100, 'operators have doubles');

# The doubles see what they should: not a plain statement, but one run from C
my $from_c = "SELECT pg_catalog.query_to_xml('SELECT doubles.length(''x'')', true, false, '')";
$node->safe_psql('doubles', 'SET search_path = doubles, pg_catalog; SELECT length($$x$$); DO $$ BEGIN PERFORM length(\'x\'); END $$');
unlike(slurp_file($node->logfile), qr/HIT/, 'a statement of a test is no hit');
$node->safe_psql('doubles', $from_c);
like(slurp_file($node->logfile), qr/HIT length/, 'a statement of a function in C is one');

# The tests, each in a session that begins with the doubles
$node->safe_psql('doubles', 'ALTER DATABASE doubles SET search_path = public, doubles, pg_catalog');
my $offset = -s $node->logfile;
my ($statements, $errors, $expected) = (0, 0, 0);
foreach my $file (sort glob "$root/sql/*.sql")
{
	my ($name) = $file =~ m{([^/]+)\.sql$};
	my $script = slurp_file($file);

	$statements += () = $script =~ /;$/mg;
	# a schema that a test works in comes before them: there it makes its tables
	$script =~ s/^(SET search_path = (?!pg_catalog)[^;]*)/$1, doubles, pg_catalog/mg;
	$node->psql('doubles', ($name eq '01_install' ? '' : $temp) . $script, on_error_stop => 0, stdout => \$out, stderr => \$err);
	unlike($err, qr/XX000|server closed|PANIC|unrecognized|cache lookup/, "$name runs");
	$errors += () = $err =~ /ERROR:  /g;
	$expected += () = slurp_file("$root/expected/$name.out") =~ /^ERROR:  /mg;
	my @hits = slurp_file($node->logfile, $offset) =~ /LOG:  HIT (.*)$/mg;
	is(scalar @hits, 0, "$name: 0 hits");
	diag $_ foreach @hits[ 0 .. ($#hits < 5 ? $#hits : 5) ];
	$offset = -s $node->logfile;
}
note "$statements statements";
cmp_ok($statements, '>', 1000, 'the tests were run');
cmp_ok($errors, '<', 1.05 * $expected, "and did what they do: $errors errors, $expected without doubles");
is($node->safe_psql('doubles', "SELECT pg_catalog.count(*) FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'svc_ownership'"),
	'1', 'with the extension there');

$node->stop;
done_testing();
