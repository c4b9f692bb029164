# shellcheck shell=bash
# shellcheck disable=SC2164  # every script that reads this stops at an error
# A server with assertions, built from the distribution's source package.  It is
# also one that the sanitizers' libraries can be preloaded into; the
# distribution's own, with all its libraries, then hangs before it begins.

SERVER_OPTIONS=(--enable-cassert --enable-debug --enable-tap-tests --with-openssl
	--with-uuid=e2fs --with-icu --with-libxml --without-readline)
SERVER_CFLAGS="-O1 -g -fno-omit-frame-pointer"

# apt-get or apt-cache with lists of its own: the machine's sources, as source
# packages, and nothing written outside of $WORK
source_apt() { # get or cache, arguments
	as_tester "apt-$1" -q -o Acquire::Retries=3 -o Dir::Etc::sourcelist=/dev/null \
		-o Dir::Etc::sourceparts="$WORK/apt/sources" -o Dir::State::lists="$WORK/apt/lists" \
		-o Dir::Cache="$WORK/apt/cache" "${@:2}"
}

copy_apt_sources() {
	local file
	as_tester mkdir -p "$WORK"/apt/{sources,lists/partial,cache/archives/partial}
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
		[ -e "$file" ] || continue
		sed -E 's/^Types:.*/Types: deb-src/; s/^deb /deb-src /' "$file" |
			as_tester tee "$WORK/apt/sources/${file##*/}" >/dev/null
	done
}

# Unpacks the newest source that can be fetched: a security suite may have the
# package without its source
fetch_source() { # directory
	local package version
	package=postgresql-$(pg_major)
	copy_apt_sources
	source_apt get update >/dev/null 2>&1 || :
	as_tester mkdir "$1"
	cd "$1"
	for version in $(source_apt cache showsrc "$package" | sed -n 's/^Version: //p' | sort -Vru); do
		say "fetching the source of $package $version"
		source_apt get source "$package=$version" >"$WORK/results/.apt" 2>&1 && return
	done
	tail -n 20 "$WORK/results/.apt" >&2
	die "no source of $package can be fetched"
}

compile_server() { # prefix
	local module
	as_tester ./configure --prefix="$1" "${SERVER_OPTIONS[@]}" CFLAGS="$SERVER_CFLAGS" &&
		as_tester make -s -j"$(nproc)" || return
	for module in . src/test/isolation contrib; do
		as_tester make -s -j"$(nproc)" -C "$module" install DESTDIR="$WORK/stage" || return
	done
}

# Builds the server with assertions; it appears in its place when it is complete
build_server() { # prefix
	local log=$WORK/results/.build
	fetch_source "$WORK/postgresql"
	cd "$WORK"/postgresql/postgresql-*/
	say "building it with assertions (about two minutes, this once)"
	compile_server "$1" >"$log" 2>&1 || {
		tail -n 40 "$log" >&2
		die "the server cannot be built"
	}
	as_tester rm -rf "$1.new"
	as_tester cp -a "$WORK/stage$1" "$1.new"
	as_tester mv -T "$1.new" "$1"
}

assertion_server() {
	local recipe prefix
	recipe=$(cksum <<<"${SERVER_OPTIONS[*]} $SERVER_CFLAGS" | cut -d ' ' -f 1)
	prefix=$SVC_CACHE/built/postgresql-$(pg_major)-assert-$recipe
	[ -d "$prefix" ] || build_server "$prefix"
	cd "$WORK"
	export PG_CONFIG=$prefix/bin/pg_config
}
