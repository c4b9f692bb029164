# shellcheck shell=bash
# shellcheck disable=SC2164  # every script that reads this stops at an error
# Common parts of the scripts: who runs what, where the sources are built, and
# which server they are tested on.
#
# PostgreSQL refuses to run as root.  Run as root, the scripts work as the user
# postgres; run as anybody else they work as that user, and ask sudo only for
# packages, for `make install` and for chroots.
#
# A caller may set:
#   PG_CONFIG  pg_config of the server to build for; default: the distribution's
#   SVC_CACHE  where what is made once is kept between runs, outside the repository
#   SVC_KEEP   if not empty, the work directory stays after the run
#   TMPDIR     where the work directory is made; default: /var/tmp

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# The release of Debian that has each tested version
declare -A SUITE_OF=([15]=bookworm [17]=trixie [18]=forky)

# The clang that has libFuzzer in the machine's release
export CLANG=14

# A server, a locale or a make that happens to be around must not leak in
clean_environment() {
	local name
	for name in "${!PG@}"; do
		case $name in PG_*) ;; *) unset "$name" ;; esac
	done
	unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CDPATH
	export LANG=C.UTF-8 LC_ALL=C.UTF-8
	umask 022
}

say() {
	printf '%s\n' "$*"
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

is_root() {
	[ "$(id -u)" = 0 ]
}

as_root() {
	if is_root; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this needs root or sudo: $*"
	fi
}

# Runs a command as the user that owns servers and sources
as_tester() {
	if is_root; then
		runuser -u postgres -- env HOME="${WORK:-/}" "$@"
	else
		"$@"
	fi
}

tester() {
	if is_root; then echo postgres; else id -un; fi
}

# The distribution's version of PostgreSQL
pg_major() {
	local codename major
	codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	for major in "${!SUITE_OF[@]}"; do
		[ "${SUITE_OF[$major]}" != "$codename" ] || echo "$major"
	done
}

pg_config_path() {
	echo "${PG_CONFIG:-/usr/lib/postgresql/$(pg_major)/bin/pg_config}"
}

# Makes a directory that belongs to the tester
tester_dir() {
	if is_root; then
		install -d -o "$(tester)" "$1"
	else
		mkdir -p "$1"
	fi
}

# Makes the cache, and in it the part that belongs to the tester
make_cache() {
	mkdir -p "$SVC_CACHE"
	tester_dir "$SVC_CACHE/built"
}

# Makes $WORK, the tester's directory for this run.  Unix sockets lie in it, whose
# paths end at 107 bytes, and make splits at blanks: not every TMPDIR serves.
new_work() {
	local base=${TMPDIR:-/var/tmp}
	if [[ ${#base} -gt 24 || $base = *[!a-zA-Z0-9_./-]* ]] || ! as_tester test -w "$base"; then
		base=/var/tmp
	fi
	WORK=$(as_tester mktemp -d "$base/svc_ownership.XXXXXX")
	export WORK
	export TMPDIR=$WORK/tmp
	as_tester mkdir "$WORK/src" "$WORK/tmp" "$WORK/results"
	make_cache
	cd "$WORK"
}

# Ends what the run left: servers first, then the directory
end_work() {
	local pid_file
	[ -n "${WORK:-}" ] || return 0
	while IFS= read -r pid_file; do
		stop_server "${pid_file%/*}"
	done < <(find "$WORK" -name postmaster.pid)
	cd /
	if [ -n "${SVC_KEEP:-}" ]; then
		say "kept: $WORK"
	else
		rm -rf "$WORK"
	fi
}

# Lists the sources: what git tracks or would track, or else everything that is
# no product of a build
source_files() {
	cd "$ROOT"
	if [ -e .git ] && command -v git >/dev/null; then
		git -c safe.directory="$ROOT" ls-files -z -co --exclude-standard --deduplicate |
			while IFS= read -r -d '' file; do
				[ ! -e "$file" ] || printf '%s\0' "$file"
			done
	else
		find . -type f ! -path './.git/*' ! -path '*/tmp_check*' \
			! -name '*.o' ! -name '*.bc' ! -name '*.so' ! -name '*.d' -print0
	fi
}

# Copies the sources to a directory of the tester's
copy_sources() {
	source_files | tar -c -C "$ROOT" --null -T - | as_tester tar -x -C "$1"
}

# Copies a server's installation, as links except for the programs, which find
# everything else from where they lie.  The extension is installed there: that
# needs no root, and the machine's own server does not get code under test.
private_server() { # pg_config, directory
	local bin lib share prefix dir
	bin=$("$1" --bindir) lib=$("$1" --pkglibdir) share=$("$1" --sharedir)
	prefix=$bin
	while [[ $lib != "$prefix"/* || $share != "$prefix"/* ]]; do
		prefix=${prefix%/*}
	done
	for dir in "$bin" "$lib" "$share"; do
		as_tester mkdir -p "$2${dir#"$prefix"}"
	done
	as_tester cp -rL "$bin/." "$2${bin#"$prefix"}"
	for dir in "$lib" "$share"; do
		as_tester cp -rs "$dir/." "$2${dir#"$prefix"}"
	done
	as_tester ln -s "$prefix/include" "$2/include"
	as_tester find "$2" -name 'svc_ownership*' -prune -exec rm -rf {} +
	PG_CONFIG=$2${bin#"$prefix"}/pg_config
	export PG_CONFIG
}

# make in a copy of the sources, for the server in PG_CONFIG
make_in() { # directory, arguments
	as_tester make -s -j"$(nproc)" -C "$1" PG_CONFIG="$(pg_config_path)" "${@:2}"
}

# Copies the sources, builds them with the given settings and installs them into
# a private copy of the server in PG_CONFIG
build_in_work() {
	copy_sources "$WORK/src"
	private_server "$(pg_config_path)" "$WORK/server"
	make_in "$WORK/src" "$@" all
	make_in "$WORK/src" "$@" install >/dev/null
}

pg_bin() { # program
	echo "$("$(pg_config_path)" --bindir)/$1"
}

# Makes a database cluster that listens only on a Unix socket in a directory of
# the tester's.  Trust is enough there: nobody else gets through the directory.
init_server() { # data directory, socket directory, further settings
	as_tester "$(pg_bin initdb)" --no-sync --auth=trust --encoding=UTF8 --username=postgres \
		--pgdata="$1" >/dev/null
	printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$2'" \
		"shared_preload_libraries = 'svc_ownership'" "${@:3}" |
		as_tester tee -a "$1/postgresql.conf" >/dev/null
}

server_runs() { # data directory
	as_tester "$(pg_bin pg_ctl)" status --pgdata="$1" >/dev/null 2>&1
}

start_server() { # data directory, log
	as_tester "$(pg_bin pg_ctl)" start --silent --timeout=60 --pgdata="$1" --log="$2" || {
		as_tester tail -n 20 "$2" >&2
		die "the server does not start"
	}
}

# A fast shutdown can hang while a server still recovers: then an immediate one
stop_server() { # data directory
	local mode
	for mode in fast immediate; do
		server_runs "$1" || return 0
		as_tester "$(pg_bin pg_ctl)" stop --silent --timeout=20 --mode="$mode" --pgdata="$1" || :
	done
}

default_cache() {
	if is_root; then
		echo /var/cache/svc_ownership
	else
		echo "${XDG_CACHE_HOME:-$HOME/.cache}/svc_ownership"
	fi
}

clean_environment
# Once, by who started the run: the tester has another home
export SVC_CACHE=${SVC_CACHE:-$(default_cache)}
