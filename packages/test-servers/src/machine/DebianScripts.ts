/*
 * Both run under a lock and with `sh -eu`. They are shell and not TypeScript so that they still end cleanly (the lock
 * held, policy-rc.d removed) when the process that started them is killed.
 */

/** `$1` policy-rc.d, `$2` a file whose age is that of the package lists; the rest: packages. */
export const installScript = `
policy=$1 stamp=$2; shift 2
# Another process may have done it while this one waited for its turn.
installed=$(dpkg-query -W -f '\${db:Status-Status}\\n' "$@" 2>/dev/null | grep -cx installed || true)
[ "$installed" -ne $# ] || exit 0

# Packages of daemons start them at once, unless this file says no. A machine that has one keeps its own; one of ours
# that a killed run left behind is known by its mark.
mark='# cache-locking test-servers'
if [ ! -e "$policy" ] || grep -qF "$mark" "$policy"; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 143' HUP INT TERM
  printf '#!/bin/sh\\n%s\\nexit 101\\n' "$mark" > "$policy"
  chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -qq --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"; }

# The lists are often good enough; if not, refresh them, but not once per package and process.
install "$@" 2>/dev/null && exit 0
if [ -z "$(find "$stamp" -mmin -10 2>/dev/null)" ]; then
  apt-get update -qq
  touch "$stamp"
fi
install "$@"
`

/**
 * `$1` our cache, `$2` the target directory, `$3` the recipe's identity, `$4` another suite or nothing, `$5` the
 * extent, `$6` the last script; the rest: packages.
 */
export const unpackScript = `
cache=$1 prefix=$2 recipe=$3 suite=$4 extent=$5 finish=$6; shift 6
[ "$(cat "$prefix/.complete" 2>/dev/null)" != "$recipe" ] || exit 0

work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 143' HUP INT TERM
mkdir -p "$work/archives/partial" "$cache/apt/lists/partial"

status=/var/lib/dpkg/status
if [ "$extent" = all ]; then
  # As if nothing were installed.
  status=$work/status
  : > "$status"
fi

# A state of apt of our own, writable by whoever we are; sources, keys and proxies stay the machine's.
apt() {
  tool=$1; shift
  "$tool" -qq -o Debug::NoLocking=1 -o APT::Sandbox::User= -o Dir::State="$cache/apt" \\
    -o Dir::State::status="$status" -o Dir::Cache="$work" -o Dir::Cache::archives="$work/archives" \\
    -o APT::Keep-Downloaded-Packages=true -o APT::Get::List-Cleanup=0 $sources "$@"
}

sources=
if [ -n "$suite" ]; then
  # The suite is beside the machine's own release, on whatever mirror that comes from.
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v release="$codename" '$2 == release && $3 == "main" { print $1; exit }')
  [ -n "$mirror" ] || { echo "the machine's sources name no mirror of $codename" >&2; exit 1; }
  printf 'deb %s %s main\\ndeb %s %s main\\n' "$mirror" "$codename" "$mirror" "$suite" > "$work/sources.list"
  sources="-o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=/dev/null -t $suite"
fi

fetch() {
  if [ "$extent" = alone ]; then
    cd "$work/archives"
    apt apt-get download "$@" >&2
  else
    apt apt-get install -y --download-only --reinstall --no-install-recommends "$@" >&2
  fi
  # Without lists, apt calls it a success to fetch nothing of what is installed.
  ls "$work"/archives/*.deb >/dev/null
}
( fetch "$@" ) 2>/dev/null || { apt apt-get update; fetch "$@"; }

mkdir -p "$work/root"
for package in "$work"/archives/*.deb; do dpkg -x "$package" "$work/root"; done
( cd "$work/root" && eval "$finish" )
echo "$recipe" > "$work/root/.complete"
rm -rf "$prefix"
mv "$work/root" "$prefix"
`
