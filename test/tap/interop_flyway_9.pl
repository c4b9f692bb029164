# The same cases as in interop_flyway.pl with the Flyway that the deploy platform
# has: what a newer one judges otherwise must not be what we go by alone.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";

# what begins before a program does comes too late from the file below
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use SvcTest;

our $version = '9.22.3';
require "$FindBin::RealBin/interop_flyway.pl";
