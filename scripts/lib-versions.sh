# shellcheck shell=bash
# shellcheck disable=SC2164  # every script that reads this stops at an error
# Servers of older versions beside the one of a chroot (see lib-chroot.sh), each
# from the release of the distribution that has it, with the extension built for
# it.

# Lets apt know an older release, from which nothing comes by itself
add_release() { # suite
	local mirror
	mirror=$(awk '$1 == "deb" { print $2; exit }' /etc/apt/sources.list)
	echo "deb $mirror $1 main" >"/etc/apt/sources.list.d/svc_ownership-$1.list"
	printf '%s\n' 'Package: *' "Pin: release n=$1" 'Pin-Priority: 100' \
		>"/etc/apt/preferences.d/svc_ownership-$1"
	apt-get -q update >/dev/null
}

# Installs an older server beside the one there is
install_version() { # version
	local suite=${SUITE_OF[$1]}
	[ ! -x "/usr/lib/postgresql/$1/bin/postgres" ] || return 0
	say "installing: postgresql-$1 of $suite"
	add_release "$suite"
	mkdir -p /etc/postgresql-common/createcluster.d
	echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/svc_ownership.conf
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
		install --no-install-recommends "postgresql-$1" >/tmp/apt.log 2>&1 || {
		tail -n 20 /tmp/apt.log >&2
		die "PostgreSQL $1 could not be installed"
	}
}

# Unpacks an older server's headers, without the compiler that their package wants
unpack_headers() ( # version, directory
	mkdir "$2"
	cd "$2"
	apt-get -q download "postgresql-server-dev-$1" >/dev/null 2>&1 ||
		{ add_release "${SUITE_OF[$1]}" && apt-get -q download "postgresql-server-dev-$1" >/dev/null; }
	dpkg -x "postgresql-server-dev-$1"_*.deb .
)

# Builds the extension for an older server, in a private copy of it (version_path)
build_version() { # version
	local headers=$WORK/headers-$1 source=$WORK/src-$1
	local PG_CONFIG=/usr/lib/postgresql/$1/bin/pg_config
	unpack_headers "$1" "$WORK/tmp/headers-$1"
	as_tester cp -r "$WORK/tmp/headers-$1/usr/include" "$headers"
	as_tester mkdir "$source"
	copy_sources "$source"
	private_server "$PG_CONFIG" "$WORK/server-$1"
	rm "$WORK/server-$1/include"
	as_tester ln -s "$headers" "$WORK/server-$1/include"
	# Old headers are not for the newest C
	make_in "$source" with_llvm=no COPT=-std=gnu17 all
	make_in "$source" with_llvm=no COPT=-std=gnu17 install >/dev/null
}

# Where the private copy of an older server was made
version_path() { # version
	echo "$WORK/server-$1/lib/postgresql/$1"
}

# What each script for chroots says when it is called outside of one
check_in_chroot() {
	[ -n "${SVC_CHROOT:-}" ] || die "--here is for chroots, which it changes"
}
