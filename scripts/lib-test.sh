# shellcheck shell=bash
# Common parts of the scripts that run tests.  A unit is what runs by itself:
# a suite of pg_regress, one TAP file, the static checks.  Each unit leaves a
# file in $WORK/results with a line a test,
#
#   ok NAME | not ok NAME: reason | skip NAME: reason
#
# or, for what counted by itself, `total PASSED FAILED SKIPPED`.

KINDS=(regress preload isolation tap check)

# The last line of a run
TOTALS='^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$'

# Prints the units that the arguments ask for: kinds (or else all), each with the
# names of single tests if it shall not run all of its own
units() {
	local word kind="" names=""
	[ $# != 0 ] || set -- "${KINDS[@]}"
	for word in "$@" end; do
		if [[ " ${KINDS[*]} end " != *" $word "* ]]; then
			[ -n "$kind" ] || die "no such kind of test: $word (there are: ${KINDS[*]})"
			names+=" $word"
		else
			[ -z "$kind" ] || units_of_kind "$kind" "$names"
			kind=$word names=""
		fi
	done
}

units_of_kind() { # kind, names
	local file
	if [ "$1" != tap ]; then
		echo "$1$2"
	elif [ -n "$2" ]; then
		tr ' ' '\n' <<<"${2# }" | sed 's/^/tap /'
	else
		for file in "$ROOT"/test/tap/*.pl; do
			left_out "$file" || echo "tap test/tap/${file##*/}"
		done
	fi
}

# Other people's migration tools run against the machine's own version of
# PostgreSQL; in chroots of other releases they are no test of ours
left_out() { # file
	[ ! -e "$1" ] || [[ -n ${SVC_CHROOT:-} && $1 = */interop_* ]]
}

# Makes the tools that the units of a list run beside ours
prepare_tools() { # list
	[[ $1 != *tap/interop_* ]] || "$ROOT/scripts/tools"
}

# Runs units, as many at once as there are processors
run_units() { # list, a unit a line
	[ -z "$1" ] ||
		as_tester xargs -d '\n' -P "$(nproc)" -I{} "$WORK/src/scripts/run-unit" {} <<<"$1" || :
}

# What became of something that is no test of the suites
record() { # name for the file, line
	as_tester tee -a "$WORK/results/$1" <<<"$2"
}

# For a part of the run that this machine cannot do.  Where everything must be
# tested (CI), that is a failure.
record_skip() { # name, reason
	if [ "${CI:-}" = true ]; then
		record "$1" "not ok $1: $2"
	else
		record "$1" "skip $1: $2"
	fi
}

# Runs a script that ends with a line of totals, and counts them as ours
run_leg() { # name, command
	local start=$SECONDS log=$WORK/results/.leg passed failed skipped
	say "== $1"
	"${@:2}" 2>&1 | tee "$log" | sed -E "\$ { /$TOTALS/d }" || :
	read -r passed failed skipped < <(totals_line "$log")
	say "$1: $passed passed, $failed failed, $skipped skipped, $((SECONDS - start)) s"
	echo "total $passed $failed $skipped" >"$WORK/results/${1//[^a-zA-Z0-9]/-}"
}

# The numbers in the last line of a log; a run that has none failed
totals_line() { # log
	tail -n 1 "$1" | sed -nE "s/$TOTALS/\1 \2 \3/p" |
		grep . || echo "0 1 0"
}

# Prints passed, failed, skipped, over all results
totals() {
	cat "$WORK"/results/* 2>/dev/null | awk '
		/^ok /     { passed++ }
		/^not ok / { failed++ }
		/^skip /   { skipped++ }
		/^total /  { passed += $2; failed += $3; skipped += $4 }
		END { print passed + 0, failed + 0, skipped + 0 }'
}

# The last words of every run, however it ended
finish() {
	local status=$? passed=0 failed=0 skipped=0
	trap - EXIT
	[ -z "${WORK:-}" ] || read -r passed failed skipped < <(totals)
	if [ "$status" != 0 ]; then
		say "not ok: the run stopped before its end"
		failed=$((failed + 1))
	fi
	end_work
	say "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ] || exit 1
	exit 0
}
