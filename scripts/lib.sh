# Functions that the scripts share. Source it: it sets -euo pipefail and changes to the top of the repository.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
top=$PWD
# All steps use the same flags, so that they share Go's build cache.
case " ${GOFLAGS:-} " in *" -trimpath "*) ;; *) export GOFLAGS="${GOFLAGS:+$GOFLAGS }-trimpath" ;; esac
export CGO_ENABLED=0 GOTOOLCHAIN=local
# say prints a line with the time.
say() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*"; }
die() {
	printf '%s\n' "$0: $1" >&2
	shift
	for line in "$@"; do printf '    %s\n' "$line" >&2; done
	exit 1
}
# as_root runs a command as root, or says what to do if that is not possible.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo -E "$@"
	else
		die "\"$1\" needs root, and there is no sudo" "run make as root"
	fi
}
# step NAME COMMAND... prints NAME and runs a slow command. It stores the output and shows its end if the command fails.
step() {
	local name=$1 log=$top/var/log/step.log
	shift
	mkdir -p "$top/var/log"
	say "$name"
	local began=$SECONDS
	if ! "$@" >"$log" 2>&1; then
		tail -n 25 "$log" >&2
		die "$name: did not work" "the whole output is in $log" "the command was: $*"
	fi
	if [ $((SECONDS - began)) -ge 5 ]; then say "  took $((SECONDS - began)) s"; fi
}
# state is the state folder of the cloud that "make up" starts.
state=${HYPERNOVA_STATE:-/var/lib/hypernova}
