# shellcheck shell=bash
# shellcheck disable=SC2164  # every script that reads this stops at an error
# Where the quickstart's server lives: outside the repository, in a directory
# that only its owner gets into.

default_home() {
	if is_root; then
		echo /var/tmp/svc_ownership-quickstart
	else
		echo "${XDG_DATA_HOME:-$HOME/.local/share}/svc_ownership-quickstart"
	fi
}

QUICKSTART=$(default_home)
# shellcheck disable=SC2034  # for the scripts that read this
DATA=$QUICKSTART/data

# In a directory that everybody writes to, somebody else may have made it.  The
# tester may not be allowed to stand where the caller does.
check_home() {
	cd /
	[ ! -e "$QUICKSTART" ] || as_tester test -O "$QUICKSTART" ||
		die "$QUICKSTART belongs to somebody else"
}
