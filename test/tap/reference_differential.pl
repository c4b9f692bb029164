# The same verdict as a foreign key: random statements run in two databases whose
# tables differ in one thing only, foreign keys in one and references in the
# other.  After each statement both must say the same SQLSTATE, and in the end
# hold the same rows.  Four sessions work in each, at all isolation levels.
#
# Left out, since a reference differs there by design: parents are never
# deleted, and a transaction of REPEATABLE READ or SERIALIZABLE does not use
# parents that were committed after it began.  Only one transaction at a time
# is SERIALIZABLE: what its locks on rows read make of others is not compared.
#
#   SVC_SEED        repeats a run (printed)
#   SVC_STATEMENTS  how many (10000; make soak: 200000)
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use IPC::Open2;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $seed = $ENV{SVC_SEED} // (time ^ $$) % 1_000_000_000;
my $statements = $ENV{SVC_STATEMENTS} // 10_000;
my $SESSIONS = 4;
srand $seed;
diag "seed $seed";

# Statistics of one database only would have its rows come in another order, and so another error first
my $node = new_server('main', conf => "fsync = off\nautovacuum = off\nmax_prepared_transactions = 20\nlog_min_messages = fatal\n");

# Tables that are checked after each statement, and at the end of the transaction
my %KIND = (
	plain => 'statement', late => 'commit', parts => 'statement', late_parts => 'commit',
	tree => 'statement', late_tree => 'commit', wide => 'statement', busy => 'statement', late_busy => 'commit');
my @TABLES = sort keys %KIND;

my $tables = <<'SQL';
CREATE TABLE cart.plain (id bigint PRIMARY KEY, product_id int, note text);
CREATE TABLE cart.late (LIKE cart.plain INCLUDING ALL);
-- keys of a type that is not the parent's
CREATE TABLE cart.wide (id bigint PRIMARY KEY, product_id smallint, note text);
-- partitions, one with another order of columns, one with partitions of its own
CREATE TABLE cart.parts (id bigint, product_id int, note text, PRIMARY KEY (id)) PARTITION BY HASH (id);
CREATE TABLE cart.parts_0 PARTITION OF cart.parts FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE cart.parts_1 (note text, unused int, product_id int, id bigint NOT NULL);
ALTER TABLE cart.parts_1 DROP COLUMN unused;
ALTER TABLE cart.parts ATTACH PARTITION cart.parts_1 FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE cart.parts_2 PARTITION OF cart.parts FOR VALUES WITH (MODULUS 3, REMAINDER 2) PARTITION BY HASH (id);
CREATE TABLE cart.parts_2_0 PARTITION OF cart.parts_2 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE cart.late_parts (id bigint, product_id int, note text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE cart.late_parts_0 PARTITION OF cart.late_parts FOR VALUES FROM (MINVALUE) TO (2000000);
CREATE TABLE cart.late_parts_1 PARTITION OF cart.late_parts DEFAULT;
-- children that inherit
CREATE TABLE cart.tree (id bigint PRIMARY KEY, product_id int, note text);
CREATE TABLE cart.tree_child (more int, PRIMARY KEY (id)) INHERITS (cart.tree);
CREATE TABLE cart.late_tree (id bigint PRIMARY KEY, product_id int, note text);
CREATE TABLE cart.late_tree_child (more int, PRIMARY KEY (id)) INHERITS (cart.late_tree);
-- triggers that change keys, take rows away again, and catch errors
CREATE TABLE cart.busy (LIKE cart.plain INCLUDING ALL);
CREATE TABLE cart.late_busy (LIKE cart.plain INCLUDING ALL);
CREATE FUNCTION cart.meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.note = 'other' THEN NEW.product_id := CASE WHEN NEW.id % 2 = 0 THEN 7 ELSE 900001 END; END IF;
	IF NEW.note = 'keep' THEN RETURN NULL; END IF;
	RETURN NEW;
END $$;
CREATE FUNCTION cart.take_away() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.note = 'drop' THEN EXECUTE format('DELETE FROM cart.%I WHERE id = $1', TG_TABLE_NAME) USING NEW.id; END IF;
	IF NEW.note = 'mend' THEN EXECUTE format('UPDATE cart.%I SET product_id = 8, note = ''mended'' WHERE id = $1', TG_TABLE_NAME) USING NEW.id; END IF;
	BEGIN
		IF NEW.note = 'catch' THEN INSERT INTO cart.plain VALUES (NEW.id, NEW.product_id, 'caught'); END IF;
	EXCEPTION WHEN foreign_key_violation OR unique_violation THEN NULL;
	END;
	RETURN NULL;
END $$;
CREATE TRIGGER meddle BEFORE INSERT OR UPDATE ON cart.busy FOR EACH ROW EXECUTE FUNCTION cart.meddle();
CREATE TRIGGER meddle BEFORE INSERT ON cart.late_busy FOR EACH ROW EXECUTE FUNCTION cart.meddle();
-- before RI_ConstraintTrigger_...: of a foreign key, too, the row is gone when it is looked at
CREATE TRIGGER "A_take_away" AFTER INSERT OR UPDATE ON cart.busy FOR EACH ROW EXECUTE FUNCTION cart.take_away();
CREATE TRIGGER "A_take_away" AFTER INSERT OR UPDATE ON cart.late_busy FOR EACH ROW EXECUTE FUNCTION cart.take_away();
SQL

my $parents = <<'SQL';
CREATE TABLE product.products (id bigint PRIMARY KEY, name text);
INSERT INTO product.products SELECT g, 'base' FROM generate_series(1, 50) g;
SQL

$node->safe_psql('postgres', "CREATE DATABASE fk");
$node->safe_psql('postgres', "CREATE DATABASE ref");
$node->safe_psql('fk', "CREATE SCHEMA product; CREATE SCHEMA cart; $parents $tables");
for my $table (@TABLES)
{
	my $when = $KIND{$table} eq 'commit' ? 'DEFERRABLE INITIALLY DEFERRED' : '';
	for my $part ($table, $table =~ /tree/ ? "${table}_child" : ())
	{
		$node->safe_psql('fk',
			"ALTER TABLE cart.$part ADD CONSTRAINT ${table}_ref FOREIGN KEY (product_id) REFERENCES product.products $when");
	}
}
$node->safe_psql('ref', <<"SQL");
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('product', schema => 'product'), svc.create_service('cart', schema => 'cart', login => 'cart_user');
SET ROLE product_owner;
$parents
SELECT svc.publish('product', 'products', 'product.products'), svc.grant_contract('product', 'cart');
GRANT USAGE ON SCHEMA product TO cart_user;
GRANT ALL ON product.products TO cart_user;
RESET ROLE;
SET ROLE cart_owner;
$tables
SQL
for my $table (@TABLES)
{
	$node->safe_psql('ref', "SET ROLE cart_owner; SELECT svc.create_reference('cart.$table', 'product_id', 'product', 'products', mode => '$KIND{$table}', name => '${table}_ref')");
}

# A session of each database

my $sessions = 0;

sub open_session
{
	my ($db, $user) = @_;
	my $pid = open2(my $out, my $in, 'sh', '-c',
		"exec psql -XqAt -v VERBOSITY=sqlstate -v gid=" . ++$sessions . " -d '" . $node->connstr($db) . " user=$user' 2>&1");
	$in->autoflush(1);
	return { in => $in, out => $out, pid => $pid };
}

sub send_to
{
	my ($session, $sql) = @_;
	print { $session->{in} } "$sql\n\\echo \@\@ :SQLSTATE\n";
}

sub answer_of
{
	my ($session) = @_;
	my @lines;
	while (defined(my $line = readline $session->{out}))
	{
		chomp $line;
		return ($1, @lines) if $line =~ /^@@ (\S+)$/;
		push @lines, $line;
	}
	die "a session ended: @lines";
}

my $me = getpwuid $<;
my @pairs = map { { number => $_, parents => 0, rows => 0, savepoints => 0,
	fk => open_session('fk', $me), ref => open_session('ref', 'cart_user') } } 1 .. $SESSIONS;
my $observer = open_session('fk', $me);
my %codes;
my %codes_of_checks;
my $done = 0;
my @history;

# Run a statement in both databases; 00000 or the error
sub run_both
{
	my ($pair, $sql, $kind) = @_;
	send_to($pair->{$_}, $sql) for 'fk', 'ref';
	my ($fk, @fk_lines) = answer_of($pair->{fk});
	my ($ref, @ref_lines) = answer_of($pair->{ref});
	push @history, "$pair->{number}: $sql  -- $fk $ref";
	shift @history if @history > 60;
	$done++;
	$codes{$fk}++;
	$codes_of_checks{$kind}{$fk}++ if $kind;
	if ($fk ne $ref)
	{
		diag join "\n", 'what led to it:', @history, @ref_lines;
		fail("statement $done: a foreign key says $fk, a reference $ref: $sql");
		done_testing();
		exit 1;
	}
	return $fk;
}

sub pick { return $_[ int rand @_ ] }

# A key that a statement uses
sub key
{
	my ($pair) = @_;
	my $dice = rand;
	my $other = pick(@pairs);
	return 'NULL' if $dice < 0.05;
	return 9000 + int rand 20 if $dice < 0.15;
	return $pair->{number} * 1000 + int rand($pair->{parents} + 2) if $dice < 0.27;
	# rows of others' transactions, committed or not
	return $other->{number} * 1000 + int rand($other->{parents} + 2) if $dice < 0.35 && !$pair->{snapshot};
	return pick(@{ $pair->{snapshot} }) if $dice < 0.35 && @{ $pair->{snapshot} // [] };
	return 1 + int rand 50;
}

sub new_id
{
	my ($pair, $table) = @_;
	my $id = $pair->{number} * 1_000_000 + ++$pair->{rows};
	push @{ $pair->{ids}{$table} }, $id;
	return $id;
}

sub new_row
{
	my ($pair, $table) = @_;
	my $id = new_id($pair, $table);
	my $note = $table =~ /busy/ ? pick('', '', '', 'other', 'keep', 'drop', 'mend', 'catch') : pick('a', 'b');
	return ($id, key($pair), $note);
}

# A row that a table has, or had, or has not yet
sub some_id
{
	my ($pair, $table) = @_;
	my $ids = $pair->{ids}{$table} // [];
	return new_id($pair, $table) if !@$ids || rand() < 0.05;
	return $ids->[ rand() < 0.6 ? -1 - int rand(@$ids < 20 ? @$ids : 20) : int rand @$ids ];
}

# Rows of the session's own
sub some_rows
{
	my ($pair, $table) = @_;
	my $from = some_id($pair, $table);
	return "id BETWEEN $from AND " . ($from + pick(0, 2, 10)) if rand() < 0.7;
	return "id / 1000000 = $pair->{number} AND id % " . (3 + int rand 9) . ' = 0';
}

# The table itself, or one of its parts
sub target
{
	my ($table) = @_;
	return $table if rand() < 0.6;
	return pick('parts_0', 'parts_1', 'parts_2', 'parts_2_0') if $table eq 'parts';
	return pick('late_parts_0', 'late_parts_1') if $table eq 'late_parts';
	return "${table}_child" if $table =~ /tree/;
	return $table;
}

sub rows_for { my ($pair, $table, $n) = @_; return join ', ', map { my @r = new_row($pair, $table); "($r[0], $r[1], '$r[2]')" } 1 .. $n }

sub new_parent { my ($pair) = @_; return $pair->{number} * 1000 + $pair->{parents}++ }

# What a MERGE does with rows that it found, or did not; 17 can do more
sub merge_actions
{
	my ($pair) = @_;
	my @actions = (
		'WHEN MATCHED AND s.id % 5 = 0 THEN DELETE',
		'WHEN MATCHED AND s.id % 5 IN (1, 2) THEN UPDATE SET id = s.other, product_id = s.key',
		'WHEN MATCHED AND s.id % 10 = 3 THEN UPDATE SET id = s.other',
		'WHEN MATCHED AND s.id % 10 = 8 THEN DO NOTHING',
		'WHEN MATCHED THEN UPDATE SET product_id = s.key',
		'WHEN NOT MATCHED AND s.id % 5 = 4 THEN DO NOTHING',
		'WHEN NOT MATCHED THEN INSERT (id, product_id) VALUES (s.id, s.key)');
	push @actions, 'WHEN NOT MATCHED BY SOURCE AND ' . some_rows($pair, 'parts') =~ s/\bid\b/t.id/r .
		' THEN UPDATE SET ' . pick('product_id = ' . key($pair), "note = 'left'")
		if $node->pg_version >= 17 && rand() < 0.3;
	my @chosen = rand() < 0.5 ? @actions : grep { rand() < 0.5 } @actions;
	return join ' ', @chosen ? @chosen : $actions[1];
}

# MERGE, without its end: what is inserted comes before or after what is updated
sub merge_of
{
	my ($pair, $table) = @_;
	my %ids = map { some_id($pair, $table) => 1 } 1 .. 5;
	my @ids = sort keys %ids;
	@ids = reverse @ids if rand() < 0.5;
	my $rows = join ', ', map { "($_, " . new_id($pair, $table) . ', ' . key($pair) . '::int)' } @ids;
	return "MERGE INTO cart.$table AS t USING (VALUES $rows) AS s (id, other, key) ON t.id = s.id " . merge_actions($pair);
}

# Statements that write, by name; each returns its text
my %WRITE = (
	insert => sub { my ($p, $t) = @_; my $x = target($t); "INSERT INTO cart.$x (id, product_id, note) VALUES " . rows_for($p, $t, 1) . ';' },
	insert_many => sub { my ($p, $t) = @_; my $x = target($t); "INSERT INTO cart.$x (id, product_id, note) VALUES " . rows_for($p, $t, 2 + int rand 20) . ';' },
	insert_select => sub { my ($p, $t) = @_; my $from = pick(@TABLES); my $n = $p->{rows}; $p->{rows} += 12;
		"INSERT INTO cart.$t (id, product_id, note) SELECT $p->{number} * 1000000 + $n + row_number() OVER (ORDER BY id, product_id, note), product_id, note FROM cart.$from WHERE " . some_rows($p, $from) . " ORDER BY id, product_id, note LIMIT 12;" },
	copy => sub { my ($p, $t) = @_; my $x = target($t);
		"COPY cart.$x (id, product_id, note) FROM stdin;\n" . join('', map { my @r = new_row($p, $t); $r[1] = '\N' if $r[1] eq 'NULL'; join("\t", @r) . "\n" } 1 .. 1 + int rand 8) . "\\." },
	update => sub { my ($p, $t) = @_; my $x = target($t); "UPDATE cart.$x SET product_id = " . key($p) . " WHERE " . some_rows($p, $t) . ';' },
	update_each => sub { my ($p, $t) = @_; my $x = target($t); "UPDATE cart.$x SET product_id = product_id + " . pick(0, 1, -1, 5) . " WHERE " . some_rows($p, $t) . ';' },
	update_note => sub { my ($p, $t) = @_; my $x = target($t); "UPDATE cart.$x SET note = '" . ($t eq 'busy' ? pick('n', 'other', 'drop', 'mend') : 'n') . "' WHERE " . some_rows($p, $t) . ';' },
	update_twice => sub { my ($p, $t) = @_; my $id = some_id($p, $t);
		"UPDATE cart.$t SET product_id = " . key($p) . " WHERE id = $id\\; UPDATE cart.$t SET note = 'twice' WHERE id = $id;" },
	move => sub { my ($p, $t) = @_; my $id = some_id($p, $t); my $new = new_id($p, $t);
		"UPDATE cart.$t SET id = $new" . (rand() < 0.4 ? ', product_id = ' . key($p) : '') . " WHERE id = $id;" },
	delete => sub { my ($p, $t) = @_; my $x = target($t); "DELETE FROM cart.$x WHERE " . some_rows($p, $t) . ';' },
	conflict_nothing => sub { my ($p, $t) = @_; my $id = some_id($p, $t); "INSERT INTO cart.$t (id, product_id) VALUES ($id, " . key($p) . ") ON CONFLICT DO NOTHING;" },
	conflict_update => sub { my ($p, $t) = @_; my %ids = map { some_id($p, $t) => 1 } 1 .. 4;
		"INSERT INTO cart.$t AS t (id, product_id) VALUES " . join(', ', map { "($_, " . key($p) . ')' } sort keys %ids) . " ON CONFLICT (id) DO UPDATE SET product_id = " . pick('EXCLUDED.product_id', 't.product_id', key($p)) . ';' },
	merge => sub { my ($p, $t) = @_; merge_of($p, $t) . ';' },
	merge_with => sub { my ($p, $t) = @_; my @r = new_row($p, $t);
		return merge_of($p, $t) . ';' if $node->pg_version < 17;
		"WITH m AS (" . merge_of($p, $t) . " RETURNING t.id) INSERT INTO cart.$t (id, product_id) SELECT $r[0], $r[1]" . pick('', ' FROM m LIMIT 1') . ';' },
	with => sub { my ($p, $t) = @_; my $u = pick(@TABLES); my @a = new_row($p, $t); my @b = new_row($p, $u);
		"WITH a AS (INSERT INTO cart.$t (id, product_id, note) VALUES ($a[0], $a[1], '$a[2]') RETURNING id), b AS (UPDATE cart.$u SET product_id = " . key($p) . " WHERE id = " . some_id($p, $u) . " RETURNING id) INSERT INTO cart.$u (id, product_id, note) SELECT $b[0], $b[1], '$b[2]' FROM a;" },
	with_parent => sub { my ($p, $t) = @_; my $key = new_parent($p); my @r = new_row($p, $t);
		"WITH p AS (INSERT INTO product.products VALUES ($key, 'with') RETURNING id) INSERT INTO cart.$t (id, product_id, note) SELECT $r[0], p.id, 'with' FROM p;" },
	parent => sub { my ($p) = @_; 'INSERT INTO product.products VALUES ' . join(', ', map { '(' . new_parent($p) . ", 'new')" } 1 .. 1 + int rand 3) . ';' },
	function => sub { my ($p, $t) = @_; my @r = new_row($p, $t);
		"DO \$\$ BEGIN INSERT INTO cart.$t (id, product_id) VALUES ($r[0], $r[1]); UPDATE cart.$t SET note = 'f' WHERE id = $r[0]; EXCEPTION WHEN foreign_key_violation THEN RAISE SQLSTATE '01000'; END \$\$;" },
);
my @WEIGHTED = ((map { ($_) x 2 } sort keys %WRITE), ('insert') x 4, ('update') x 3, ('parent') x 2, ('merge') x 3);

sub begin
{
	my ($pair) = @_;
	my $level = pick('READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');
	$level = 'REPEATABLE READ' if $level eq 'SERIALIZABLE' && grep { ($_->{level} // '') eq 'SERIALIZABLE' } @pairs;
	run_both($pair, "BEGIN ISOLATION LEVEL $level;");
	@$pair{qw(open level savepoints aborted)} = (1, $level, 0, 0);
	delete $pair->{snapshot};
	return if $level eq 'READ COMMITTED';
	run_both($pair, 'SELECT count(*) > 0 FROM product.products;');
	send_to($observer, "SELECT id FROM product.products WHERE id BETWEEN 1000 AND 8999;");
	(undef, @{ $pair->{snapshot} }) = answer_of($observer);
}

sub end
{
	my ($pair) = @_;
	my $how = $pair->{aborted} ? 'ROLLBACK;' : pick('COMMIT;', 'COMMIT;', 'COMMIT;', 'ROLLBACK;', "PREPARE TRANSACTION :'gid';");
	my $code = run_both($pair, $how, $how eq 'ROLLBACK;' ? undef : 'end');
	delete @$pair{qw(open level snapshot)};
	run_both($pair, pick('COMMIT', 'COMMIT', 'ROLLBACK') . " PREPARED :'gid';")
		if $how =~ /PREPARE/ && $code eq '00000';
}

sub undo
{
	my ($pair) = @_;
	my $to = 1 + int rand $pair->{savepoints};
	run_both($pair, "ROLLBACK TO s$to;");
	@$pair{qw(savepoints aborted)} = ($to, 0);
}

sub write_some
{
	my ($pair) = @_;
	my $name = pick(@WEIGHTED);
	my $table = pick(@TABLES);
	$table = pick('plain', 'late', 'wide', 'parts', 'late_parts', 'busy', 'late_busy') if $name =~ /^(conflict|merge)/;
	$table = 'parts' if $name =~ /^merge/ && rand() < 0.4;
	my $code = run_both($pair, $WRITE{$name}->($pair, $table), $name);
	$pair->{aborted} = 1 if $pair->{open} && $code !~ /^0[012]/;
}

sub step_in_transaction
{
	my ($pair) = @_;
	my $dice = rand;
	if ($pair->{aborted})
	{
		return $pair->{savepoints} && $dice < 0.8 ? undo($pair) : end($pair);
	}
	return end($pair) if $dice < 0.12;
	return undo($pair) if $dice < 0.18 && $pair->{savepoints};
	if ($dice < 0.26)
	{
		run_both($pair, 'SAVEPOINT s' . ++$pair->{savepoints} . ';');
		return;
	}
	if ($dice < 0.28 && $pair->{savepoints})
	{
		run_both($pair, 'RELEASE s' . $pair->{savepoints}-- . ';');
		return;
	}
	if ($dice < 0.33)
	{
		my $which = pick('ALL', 'ALL', 'cart.late_ref', 'cart.late_parts_ref, cart.late_tree_ref');
		my $code = run_both($pair, "SET CONSTRAINTS $which " . pick('IMMEDIATE', 'IMMEDIATE', 'DEFERRED') . ';', 'set constraints');
		$pair->{aborted} = 1 if $code ne '00000';
		return;
	}
	write_some($pair);
}

sub rows_of
{
	my ($db) = @_;
	my $all = join ' UNION ALL ', map { "SELECT '$_' AS t, tableoid::regclass::text AS part, id, product_id, note FROM cart.$_" } @TABLES;
	return $node->safe_psql($db, "SELECT t, count(*), count(product_id), md5(string_agg(concat_ws(',', part, id, product_id, note), ';' ORDER BY id, part)) FROM ($all) x GROUP BY t ORDER BY t");
}

while ($done < $statements)
{
	my $pair = pick(@pairs);
	if ($pair->{open}) { step_in_transaction($pair) }
	elsif (rand() < 0.4) { write_some($pair) }
	else { begin($pair) }
}
for my $pair (@pairs)
{
	end($pair) if $pair->{open};
}

is(rows_of('ref'), rows_of('fk'), "$done statements: the same rows");
diag "$done statements: " . join ', ', map { "$_ $codes{$_}" } sort keys %codes;
cmp_ok($codes{23503} // 0, '>', $statements / 30, 'many were refused');
for my $kind (sort keys %WRITE, 'end', 'set constraints')
{
	my $n = 0;

	$n += $_ foreach values %{ $codes_of_checks{$kind} // {} };
	next if $n < 250;
	ok($codes_of_checks{$kind}{'00000'}, "$kind: some were accepted");
	ok($codes_of_checks{$kind}{'23503'} || $kind =~ /^(delete|parent|with_parent|function|insert_select|move|update_note|update_each)$/, "$kind: some were refused");
}
is($node->safe_psql('ref', join ' UNION ALL ', map { "SELECT '$_', t.id, t.product_id FROM cart.$_ t WHERE product_id NOT IN (SELECT id FROM product.products)" } @TABLES),
	'', 'no row is without its parent');
for my $pair (@pairs, { fk => $observer })
{
	close $_->{in} for grep { $_ } @$pair{qw(fk ref)};
	waitpid $_->{pid}, 0 for grep { $_ } @$pair{qw(fk ref)};
}
done_testing();
