# shellcheck shell=bash
# Chroots of other releases of the distribution, to test on their versions of
# PostgreSQL.  They take about a minute and a gigabyte each, and are kept in the
# cache (see lib.sh).  Making and entering them needs root.

# Documentation, and libraries that only link clang itself.  (A * also matches /,
# so clang's include folders must stay: its own headers lie below them.)
LEFT_OUT=('/usr/share/doc/*' '/usr/share/man/*' '/usr/share/locale/*' '/usr/lib/llvm-*/lib/*.a')

# Prints the address of this machine's own source of packages for a suite
mirror() { # suite
	# shellcheck disable=SC2016  # expanded by apt
	apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' |
		awk -v suite="$1" '$2 == suite { print $1; exit }'
}

# The lines of the new release: this machine's sources with the suite changed.
# The newest release has no security suite.
sources_of() { # suite
	local here security
	here=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	security=$(mirror "$here-security")
	echo "deb $(mirror "$here") $1 main"
	if [ "$1" != forky ] && [ -n "$security" ]; then
		echo "deb $security $1-security main"
	fi
}

# Makes a chroot, which appears in its place when it is complete
make_chroot() { # suite, directory
	local pattern options=()
	for pattern in "${LEFT_OUT[@]}"; do
		options+=("--dpkgopt=path-exclude=$pattern")
	done
	say "making a chroot of $1"
	as_root rm -rf "$2.new"
	# A mirror that stands still is good enough to test with
	# shellcheck disable=SC2016  # expanded by the hook's shell
	sources_of "$1" | as_root mmdebstrap --quiet --mode=root --variant=minbase "${options[@]}" \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--customize-hook='echo "APT::Keep-Downloaded-Packages false;" >"$1/etc/apt/apt.conf.d/99-no-archives"' \
		"$1" "$2.new" - &&
		as_root mv -T "$2.new" "$2"
}

# May this machine's root make name spaces and mount in them?  Containers often
# forbid it.
may_mount() {
	{ is_root || command -v sudo >/dev/null; } &&
		as_root unshare --mount --pid --fork --kill-child sh -c \
			'mount -t tmpfs tmpfs /mnt && mkdir /mnt/proc && mount -t proc proc /mnt/proc'
} >/dev/null 2>&1

# Prints the directory of a release's chroot, which it makes where there is none;
# fails, and records why, where none can be made or entered
ready_chroot() { # suite, what for
	local chroot=$SVC_CACHE/chroot-$1
	if ! may_mount; then
		# No failure even in CI: no change of the sources could help
		record "$2" "skip $2: nothing can be mounted on this machine" >&2
	elif [ -d "$chroot" ] || make_chroot "$1" "$chroot" >&2; then
		echo "$chroot"
		return
	else
		record_skip "$2" "no chroot of $1 could be made" >&2
	fi
	return 1
}

# Runs one of the scripts in a chroot.  All mounts and processes end with it.
in_chroot() { # directory, copy of the sources, script, arguments
	# shellcheck disable=SC2016  # expanded by the inner shell
	as_root unshare --mount --pid --fork --kill-child bash -euc '
		mount --rbind /dev "$1/dev"
		mount -t tmpfs tmpfs "$1/dev/shm"
		mount -t tmpfs tmpfs "$1/tmp"
		mount -t proc proc "$1/proc"
		mount --bind "$2" "$1/mnt"
		exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp SVC_CHROOT=1 CI="$3" \
			"/mnt/$4" "${@:5}"' \
		- "$1" "$2" "${CI:-}" "${@:3}"
}
