# Migrations are read from directories of the server by members of a role, from
# a place that others may write to: nothing outside of what the superuser set may
# be read, whatever lies there or is swapped in meanwhile, and nothing that is
# read may show in an error.  And what it costs: memory for one copy of the
# text, no descriptor left open.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use IO::Socket::UNIX;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

my $secret = 'swordfish';
# shared memory that a session has touched counts as its own: little of it
my $node = new_server('main', conf => "shared_buffers = '2MB'\nmax_wal_size = '4GB'\n");
my $root = PostgreSQL::Test::Utils::tempdir();
my $base = "$root/migrations";

sub write_file
{
	my ($path, $content) = @_;

	make_folder($path =~ s{/[^/]*$}{}r);
	open my $file, '>:raw', $path or die "$path: $!";
	print $file $content;
	close $file or die;
	return;
}

sub make_folder
{
	my ($path) = @_;

	return if -d $path;
	make_folder($path =~ s{/[^/]*$}{}r);
	mkdir $path or die "$path: $!";
	return;
}

write_file("$base/$_", "SELECT '$_';\n") foreach qw(blog/1_a.sql blog/2_b.sql blog/.hidden.sql flat/V1__a.sql flat/deeper/V2__b.sql flat/deeper/still/R__c.sql
	flat/.git/V3__d.sql);
write_file("$root/outside/1_secret.sql", $secret);
write_file("$root/migrations_too/1_secret.sql", $secret);
symlink "$root/outside/1_secret.sql", "$base/linked_file_1.sql" or die;
make_folder("$base/links");
rename "$base/linked_file_1.sql", "$base/links/1_secret.sql" or die;
symlink "$root/outside", "$base/linked" or die;
symlink "$base/blog", "$base/inner" or die;
make_folder("$base/holder");
symlink '../../outside', "$base/holder/up" or die;
make_folder("$base/dangling");
symlink 'nowhere', "$base/dangling/1_a.sql" or die;
make_folder("$base/fifo");
mkfifo("$base/fifo/1_a.sql", 0600) or die;
make_folder("$base/socket");
chdir "$base/socket" or die;
my $socket = IO::Socket::UNIX->new(Local => '1_a.sql', Listen => 1) or die;
chdir $root or die;
write_file("$base/closed_file/1_a.sql", $secret);
chmod 0, "$base/closed_file/1_a.sql";
write_file("$base/closed_folder/in/1_a.sql", $secret);
chmod 0, "$base/closed_folder/in";
write_file("$base/no_utf8/1_a.sql", "SELECT '$secret \xe4'");
write_file("$base/zero/1_a.sql", "SELECT '$secret \0'");
write_file("$base/deep/" . join('/', 1 .. 17) . '/1_a.sql', 'SELECT 1');
write_file("$base/not_so_deep/" . join('/', 1 .. 16) . '/V1__a.sql', 'SELECT 1');
make_folder("$base/empty");

$node->safe_psql('postgres', 'CREATE DATABASE blog');
$node->safe_psql('blog', <<'SQL');
CREATE EXTENSION svc_ownership;
SELECT svc.create_service('blog', schema => 'blog', login => 'blog_user', login_level => 'owner');
SELECT svc.create_service('feed', schema => 'feed', login => 'feed_user', login_level => 'owner');
SELECT svc.create_service('big', schema => 'big');
GRANT pg_read_server_files TO blog_owner;
SQL

# What is kept of the service afterwards, or the error
sub loaded
{
	my ($directory, %opt) = @_;
	my $service = $opt{service} // 'blog';
	my ($out, $err) = ('', '');
	local $ENV{PGUSER} = $opt{user} // 'blog_user';

	$node->psql('blog', "SET statement_timeout = '20s'; SELECT svc.load_migrations('$service', directory => '$directory'"
		. ($opt{format} ? ", format => '$opt{format}'" : '') . ");\n"
		. "SELECT script FROM svc.migration_file WHERE service = '$service' AND present ORDER BY position", stdout => \$out, stderr => \$err);
	$out =~ s/\n/ /g;
	return $err ne '' ? ($err =~ /^(?:psql:<stdin>:\d+: )?ERROR:  (.*)/)[0] // $err : $out;
}

# Ends with the test, however that ends
my $swapper = 0;
END { local $?; kill 'KILL', $swapper if $swapper }

# ---- who may read what ----

like(loaded("$base/blog"), qr/permission denied to read a directory/, 'without the setting, others than superusers read nothing');
is(loaded("$base/blog", user => one($node, 'postgres', 'SELECT current_user')), '2 1_a.sql 2_b.sql', 'superusers name any directory');
is(loaded("$base/inner", user => one($node, 'postgres', 'SELECT current_user')), "\"$base/inner\" is a symbolic link", 'but follow no links either');
$node->safe_psql('postgres', "ALTER SYSTEM SET svc_ownership.migration_directory = '$base'");
$node->reload;
is(loaded('blog'), '0 1_a.sql 2_b.sql', 'a name is inside of the setting');
is(loaded('./blog/.'), '0 1_a.sql 2_b.sql', 'written in any way');
is(loaded("$base//blog/"), '0 1_a.sql 2_b.sql', 'or from the root');
is(loaded('flat', format => 'flyway'), '3 V1__a.sql deeper/V2__b.sql deeper/still/R__c.sql', 'with its folders, but for hidden ones');
is(loaded('empty'), '0', 'an empty one, as long as nothing was run');
is(loaded('not_so_deep', format => 'flyway'), '1 ' . join('/', 1 .. 16) . '/V1__a.sql', 'down to 16 folders');
like(loaded('blog', service => 'feed', user => 'feed_user'), qr/permission denied to read a directory/, 'pg_read_server_files is needed besides');
like(loaded('blog', service => 'feed'), qr/must be owner of service "feed"/, 'and the service');

# ---- what is refused; the secret never shows ----

my %refused = (
	'nowhere' => qr/could not open ".*\/nowhere": No such file or directory/,
	'blog/1_a.sql' => qr/could not open ".*blog\/1_a.sql": Not a directory/,
	'../outside' => qr/leads up with "\.\."/,
	'blog/../../outside' => qr/leads up with "\.\."/,
	"$root/outside" => qr/directory "\Q$root\E\/outside" is outside of "\Q$base\E"/,
	"$root/migrations_too" => qr/is outside of/,
	'/' => qr/is outside of/,
	'linked' => qr/"\Q$base\E\/linked" is a symbolic link/,
	'linked/' => qr/is a symbolic link/,
	'linked/.' => qr/is a symbolic link/,
	'inner' => qr/is a symbolic link/,
	'holder/up' => qr/is a symbolic link/,
	'holder' => qr/"\Q$base\E\/holder\/up" is a symbolic link/,
	'links' => qr/"\Q$base\E\/links\/1_secret\.sql" is a symbolic link/,
	'dangling' => qr/is a symbolic link/,
	'fifo' => qr/"\Q$base\E\/fifo\/1_a\.sql" is not a regular file/,
	'socket' => qr/"\Q$base\E\/socket\/1_a\.sql" is not a regular file/,
	'closed_file' => qr/could not open "\Q$base\E\/closed_file\/1_a\.sql": Permission denied/,
	'closed_folder' => qr/could not open "\Q$base\E\/closed_folder\/in": Permission denied/,
	'no_utf8' => qr/1_a\.sql/,
	'zero' => qr/1_a\.sql/,
	'deep' => qr/is more than 16 folders deep/,
	'.' => qr/is a symbolic link|is not a regular file|Permission denied|deep/);
foreach my $directory (sort keys %refused)
{
	my $error = loaded($directory);

	like($error, $refused{$directory}, "$directory: refused");
	unlike($error, qr/$secret/, 'without a word of what is in it');
}
my ($states) = join ' ', outcomes($node, 'blog', [ map { "SELECT svc.load_migrations('blog', '$_')" } qw(nowhere linked fifo closed_file no_utf8 zero deep ../outside /etc) ], user => 'blog_user');
is($states, '58P01 42809 42809 42501 22021 22021 54000 22023 42501', 'each with its SQLSTATE');

# ---- names that are swapped while they are read ----

make_folder("$base/swap");
write_file("$base/swap/real/2_b.sql", 'SELECT 2');
write_file("$base/swap/1_a.sql", 'SELECT 1');
$swapper = fork // die;
if ($swapper == 0)
{
	for (;;)
	{
		rename "$base/swap/real", "$root/aside";
		symlink "$root/outside", "$base/swap/real";
		unlink "$base/swap/real";
		rename "$root/aside", "$base/swap/real";
		unlink "$root/link";
		symlink "$root/outside/1_secret.sql", "$root/link";
		rename "$root/link", "$base/swap/1_a.sql";
		open my $file, '>', "$root/plain" or POSIX::_exit(1);
		print $file 'SELECT 1';
		close $file;
		rename "$root/plain", "$base/swap/1_a.sql";
	}
}
$node->safe_psql('blog', <<'SQL');
CREATE TABLE public.outcome (state text, message text);
CREATE FUNCTION public.load(directory text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.outcome SELECT 'ok', svc.load_migrations('blog', directory, 'flyway');
EXCEPTION WHEN OTHERS THEN
    INSERT INTO public.outcome VALUES (SQLSTATE, SQLERRM);
END $$;
CREATE PROCEDURE public.load_often(directory text, n int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. n LOOP
        PERFORM public.load(directory);
        COMMIT;
    END LOOP;
END $$;
GRANT ALL ON public.outcome TO blog_owner;
SQL
write_file("$base/swap/V3__c.sql", 'SELECT 3');
my ($before, $after) = split /\n/, $node->safe_psql('blog', <<'SQL', extra_params => [ '-U', 'blog_user' ]);
SELECT pg_backend_pid() AS pid \gset
\setenv PID :pid
CALL public.load_often('swap', 10);
\! ls /proc/$PID/fd | wc -l
CALL public.load_often('swap', 3000);
\! ls /proc/$PID/fd | wc -l
SQL
kill 'KILL', $swapper;
waitpid $swapper, 0;
$swapper = 0;
# the server keeps some open for itself, but not one a load
cmp_ok($after, '<=', $before + 50, 'no descriptor stays open');
note('swapped: ' . $node->safe_psql('blog', "SELECT string_agg(concat_ws(' ', state, n), ', ') FROM (SELECT state, count(*) FROM public.outcome GROUP BY 1) o (state, n)"));
rows($node, 'blog', "SELECT count(*) >= 100 FROM public.outcome WHERE state = '42809' AND message ~ 'is a symbolic link'", 't', 'links were met often');
rows($node, 'blog', "SELECT count(*) >= 10 FROM public.outcome WHERE state = 'ok'", 't', 'and no links, too');
rows($node, 'blog', "SELECT count(*) FROM public.outcome WHERE message ~ '$secret'", '0', 'nothing of the secret is in an error');
rows($node, 'blog', "SELECT count(*) FROM svc.migration_file WHERE script ~ 'secret'", '0', 'or was loaded');
rows($node, 'blog', "SELECT count(*) FROM svc.migration_content WHERE content::text ~ '$secret'", '0', 'under any name');

# ---- size ----

make_folder("$base/big");
{
	my ($n, $size) = (0, 0);

	open my $file, '>', "$base/big/V1__dump.sql" or die;
	while ($size < 138_000_000)
	{
		my $line = sprintf "INSERT INTO t VALUES (%d, 'some text that is in a dump, %d');\n", $n, $n * 7919;

		print $file $line;
		$size += length $line;
		$n++;
	}
	close $file or die;
}
my $size = int((-s "$base/big/V1__dump.sql") / 1024);
my @peaks = $node->safe_psql('blog', <<'SQL') =~ /^VmHWM:\s+(\d+) kB/mg;
SELECT svc.load_migrations('big', 'flat', 'flyway');
SELECT pg_backend_pid() AS pid \gset
\setenv PID :pid
\! grep VmHWM /proc/$PID/status
SELECT svc.load_migrations('big', 'big');
\! grep VmHWM /proc/$PID/status
SELECT svc.load_migrations('big', 'big');
\! grep VmHWM /proc/$PID/status
SQL
note("a file of $size kB: $peaks[0] kB before, $peaks[1] kB, again $peaks[2] kB");
SKIP:
{
	skip('a sanitizer takes memory of its own', 1) if ($ENV{LD_PRELOAD} // '') =~ /asan/;
	cmp_ok($peaks[2] - $peaks[0], '<=', $size + 16 * 1024, 'to load a file takes its size and 16 MB at most');
}
rows($node, 'blog', "SELECT count(*) > 500, sum(octet_length(content::text) - 4) = (SELECT size FROM svc.migration_file WHERE service = 'big' AND present) FROM svc.migration_content WHERE service = 'big'", 't|t', 'and all of it is there');
is(outcome($node, 'blog', "SET statement_timeout = '100ms' \\; SELECT svc.load_migrations('feed', 'big')"), '57014', 'it can be cancelled');
{
	# 1 GB is the limit of all files; holes take no room
	write_file("$base/huge/V1__a.sql", 'x');
	truncate("$base/huge/V1__a.sql", 1024 * 1024 * 1024 + 1) or die;
	is(loaded('huge', format => 'flyway'), 'files of migrations are larger than 1 GB', 'what is too large is not read');
}

# ---- who comes at the same time ----

{
	my $first = $node->background_psql('blog');
	my $second = $node->background_psql('blog');
	my $load = "SELECT svc.load_migrations('feed', files => '{%s}', format => 'plain')";

	$first->query_safe('BEGIN');
	$first->query_safe(sprintf $load, '"1_a.sql": "SELECT 1", "2_b.sql": "SELECT 2"');
	$second->query_until(qr/start/, "\\echo start\n" . sprintf($load, '"1_a.sql": "SELECT 1", "3_c.sql": "SELECT 3"') . ";\n");
	$node->poll_query_until('blog', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ '3_c'") or fail('the second waits');
	allowed($node, 'blog', [ "SET LOCAL lock_timeout = '5s' \\; SELECT svc.load_migrations('blog', 'blog')" ], 'another service does not wait');
	$first->query_safe('COMMIT');
	$second->query_safe('SELECT 1');
	$first->quit;
	$second->quit;
	rows($node, 'blog', "SELECT string_agg(script, ' ' ORDER BY position) FROM svc.migration_file WHERE service = 'feed'", '1_a.sql 3_c.sql', 'the set that came last counts');
	rows($node, 'blog', "SELECT count(*) FROM svc.migration_content WHERE service = 'feed'", '2', 'with its texts');
}

# ---- a database of another encoding: checksums count the file's bytes ----

write_file("$base/letters/1_a.sql", "\xef\xbb\xbfSELECT '\xc3\xa4'\r\n");
write_file("$base/foreign_letters/1_a.sql", "SELECT '\xd0\xaf'");
foreach my $encoding ('UTF8', 'LATIN1', 'SQL_ASCII')
{
	my $dbname = lc "in_$encoding";

	$node->safe_psql('postgres', "CREATE DATABASE $dbname ENCODING '$encoding' TEMPLATE template0");
	$node->safe_psql($dbname, "CREATE EXTENSION svc_ownership; SELECT svc.create_service('$dbname', schema => 's')");
	rows($node, $dbname, "SELECT svc.load_migrations('$dbname', 'letters', 'plain')", '1', "a file in $encoding") if $encoding ne 'LATIN1';
	rows($node, $dbname, "SELECT svc.load_migrations('$dbname', files => jsonb_build_object('1_a.sql', E'SELECT ''' || chr(228) || E'''\\r\\n'), format => 'plain')", '1', 'and one that is handed over')
	  if $encoding ne 'SQL_ASCII';
}
rows($node, 'in_latin1', "SELECT size, octet_length(content::text) - length('in_latin1') - 1 FROM svc.migration_file JOIN svc.migration_content USING (service, script)", '13|12', 'kept in the encoding of the database, with the size it has in UTF-8');
is(one($node, 'in_latin1', 'SELECT checksum FROM svc.migration_file'),
	one($node, 'in_utf8', 'SELECT checksum FROM svc.migration_file'), 'and the checksum');
{
	my ($rc, $out, $err) = $node->psql('in_latin1', "SELECT svc.load_migrations('in_latin1', 'foreign_letters', 'plain')");

	like($err, qr/ERROR:  character with byte sequence 0xd0 0xaf in encoding "UTF8" has no equivalent in encoding "LATIN1"\nCONTEXT:  file "1_a.sql"/, 'a letter that it has not is an error that names the file');
}

chmod 0700, "$base/closed_folder/in";
$node->stop;
done_testing();
