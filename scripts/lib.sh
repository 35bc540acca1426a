# SPDX-License-Identifier: BSD-3-Clause
# lib.sh - what every script shares: packages, builds, messages. Sourced, never run.

WEIR_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PY=/usr/bin/python3

say() { printf '== %s\n' "$*" >&2; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

need_root() {
	[ "$(id -u)" = 0 ] || die "needs root (network namespaces, packages)"
}

# Names of the packages of these groups (all groups without an argument), one a line.
weir_packages() {
	awk -v want=" ${*:-build demo test} " '
		/^[a-z0-9]/ { g = $3; sub(":", "", g); if (index(want, " " g " ")) print $1 }
	' "$WEIR_ROOT/scripts/packages.txt"
}

# Install what is missing of these groups, and nothing when nothing is missing.
weir_install() {
	local p missing=() log="$WEIR_ROOT/.weir/apt.log"
	for p in $(weir_packages "$@"); do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
	done
	[ ${#missing[@]} = 0 ] && return 0
	need_root
	mkdir -p "$WEIR_ROOT/.weir"
	say "installing ${#missing[@]} Debian packages: ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	{ apt-get -q -o DPkg::Lock::Timeout=300 update &&
	  apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 --no-install-recommends \
		install "${missing[@]}"; } >"$log" 2>&1 ||
		{ tail -n 30 "$log" >&2; die "packages could not be installed (all of it: $log)"; }
}

# weir_build DIR [meson options...] -- [targets...]: configure once, build what is out of date.
weir_build() {
	local dir="$WEIR_ROOT/$1" opts=() log
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do opts+=("$1"); shift; done
	[ "${1:-}" = -- ] && shift
	mkdir -p "$WEIR_ROOT/.weir"
	log="$WEIR_ROOT/.weir/build-$(basename "$dir").log"
	if [ ! -f "$dir/build.ninja" ]; then
		say "configuring $(basename "$dir") ${opts[*]}"
		rm -rf "$dir"
		(cd "$WEIR_ROOT" && meson setup "$dir" "${opts[@]}") >"$log" 2>&1 ||
			{ tail -n 40 "$log" >&2; die "meson setup failed (all of it: $log)"; }
	fi
	say "building $(basename "$dir") ${*:-(everything)}"
	ninja -C "$dir" "$@" >"$log" 2>&1 ||
		{ grep -E -A12 'FAILED|error:|warning:' "$log" | head -n 80 >&2; die "build failed (all of it: $log)"; }
}

# weir_setup: packages and a release build of the programs, for scripts that run them.
weir_setup() {
	weir_install build demo
	weir_build build -Dbuildtype=release -- weir weirctl
}
