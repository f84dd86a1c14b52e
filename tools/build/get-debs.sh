#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# get-debs.sh [--only PATTERN] DEST "SUITE..." PACKAGE...
# Unpacks packages of other Debian suites into DEST and leaves this machine's packages alone:
# apt's state, cache and sources are private; only the mirror and the keyring are this machine's.
# All that the packages depend on comes along; with --only, just what they, or those that they name, name directly and
# PATTERN (extended regular expression) matches. The last suite is preferred. DEST appears when all of it is there, never in part, so that an
# interrupted run is simply run again (packages that were already fetched are kept until then).
set -euo pipefail

only=
if [ "$1" = --only ]; then only=$2; shift 2; fi
dest=$1 suites=$2; shift 2
[ ! -e "$dest/.complete" ] || exit 0
mkdir -p "$(dirname "$dest")"
dest=$(cd "$(dirname "$dest")" && pwd)/$(basename "$dest")

# shellcheck source=/dev/null
release=$(. /etc/os-release; echo "${VERSION_CODENAME:?this is no Debian release}")
mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
	awk -v release="$release" '$2 == release && !found { print $1; found = 1 }')
[ -n "$mirror" ] || { echo "get-debs.sh: apt has no source for $release: which mirror?" >&2; exit 1; }
keyring=/usr/share/keyrings/debian-archive-keyring
[ -e $keyring.gpg ] && keyring=$keyring.gpg || keyring=$keyring.pgp

work=$dest.part
mkdir -p "$work"/apt/{state/lists/partial,cache/archives/partial,parts}
: > "$work/apt/state/status"
cat > "$work/apt/parts/debian.sources" <<CONF
Types: deb
URIs: $mirror
Suites: $suites
Components: main
Signed-By: $keyring
CONF
cat > "$work/apt/conf" <<CONF
Dir::State "$work/apt/state";
Dir::State::status "$work/apt/state/status";
Dir::Cache "$work/apt/cache";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$work/apt/parts";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "$work/apt/parts";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
export APT_CONFIG=$work/apt/conf
apt-get -qq update
if [ -z "$only" ]; then
	apt-get -qq -y --download-only -t "${suites##* }" install "$@" > /dev/null
else
	direct=$(apt-cache depends --important "$@" | sed -n 's/^ *Depends: //p')
	# shellcheck disable=SC2086 # several names
	named=$(echo $direct $(apt-cache depends --important $direct | sed -n 's/^ *Depends: //p') | tr ' ' '\n' | sort -u | grep -E "$only")
	# shellcheck disable=SC2086 # several names
	(cd "$work/apt/cache/archives" && apt-get -qq -t "${suites##* }" download "$@" $named > /dev/null)
fi
rm -rf "$work/root"
mkdir "$work/root"
for deb in "$work"/apt/cache/archives/*.deb; do dpkg -x "$deb" "$work/root"; done
touch "$work/root/.complete"
rm -rf "$dest"
mv "$work/root" "$dest"
rm -rf "$work"
