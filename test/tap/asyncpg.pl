# The shop's services are written in Python, on asyncpg: it prepares every
# statement, resets connections between uses, decodes types by their OIDs and maps
# SQLSTATEs to exceptions.  All of that must work on databases of our making, and
# through contracts of other databases.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;
use Test::More;

# The distribution's Python has the distribution's asyncpg
my $python = '/usr/bin/python3';
skip_all_tests('asyncpg', "it is not installed for $python")
  if system("$python -c 'import asyncpg' >/dev/null 2>&1") != 0;

my $shop = "$FindBin::RealBin/../../examples/shop";
my $node = new_server('main', workers => 0, conf => "jit = off\n");
my ($out, $err);

ask_for_passwords($node);
shop_passwords();
my @made = run_script($node, 'postgres', "$shop/databases.sql");
is(join('', @made), '0', 'the shop in four databases');

# Under sanitizers the servers are tested, not Python
delete $ENV{LD_PRELOAD};
IPC::Run::run([ $python, "$FindBin::RealBin/../interop/shop_asyncpg.py", $node->host, $node->port ], '<', \'', '>', \$out, '2>', \$err);
is($? >> 8, 0, 'the client ends well') or diag($err);
my ($planned) = $out =~ /^1\.\.(\d+)$/m;
my @checks = $out =~ /^((?:not )?ok - .*)$/mg;
is(scalar @checks, $planned, "and has made its $planned checks");
like($_, qr/^ok /, s/^(not )?ok - //r) foreach @checks;

run_checks($node, 'postgres', "$shop/databases_test.sql", 163);
$node->stop;
done_testing();
