# What the scripts share. Source it; it sets -euo pipefail and changes to the repository's top.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
top=$PWD
# The same everywhere, so that what one step compiles the next one finds in Go's cache.
case " ${GOFLAGS:-} " in *" -trimpath "*) ;; *) export GOFLAGS="${GOFLAGS:+$GOFLAGS }-trimpath" ;; esac
export CGO_ENABLED=0 GOTOOLCHAIN=local
# Plain `date` works without a terminal and reads well in a log.
say() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*"; }
die() {
	printf '%s\n' "$0: $1" >&2
	shift
	for line in "$@"; do printf '    %s\n' "$line" >&2; done
	exit 1
}
# as_root runs a command as root, and says what to do where that cannot be.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo -E "$@"
	else
		die "\"$1\" needs root, and there is no sudo" "run make as root"
	fi
}
# step NAME COMMAND... says when a slow step begins, keeps its output, and shows the end of it when it fails.
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
# state is where the cloud that "make up" starts is kept.
state=${HYPERNOVA_STATE:-/var/lib/hypernova}
