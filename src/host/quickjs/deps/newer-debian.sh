#!/bin/sh
# newer-debian.sh SYSROOT PACKAGE...
#
# Brings packages of a newer Debian release into SYSROOT/PACKAGE, with apt's signature checks and
# without touching the system: apt runs on a configuration, lists and caches of its own, which take
# from the machine's only its mirrors and its ways to reach them (proxy, TLS, credentials).
# SYSROOT/PACKAGE/origin says what was brought. Needs no privilege.
set -eu

release=trixie
. "$(dirname "$0")/debian.sh"

mkdir -p "$1"
sysroot=$(cd "$1" && pwd)
shift
packages=$*
apt=$sysroot/.apt

# Ends with what is needed and what can be done about it.
give_up() { # REASON COMMAND
  cat >&2 <<END
deps: $1
deps: needed, from Debian $release or newer: $packages
deps: $2
deps: or name your own with QUICKJS_PREFIX, SECCOMP_PREFIX, UAPI_PREFIX_<arch>, LIBC_PREFIX_<arch>:
deps: see src/host/quickjs/deps/find.sh
END
  exit 1
}

for program in apt-get apt-config dpkg dpkg-deb; do
  command -v $program >/dev/null || give_up "this machine has no $program" \
    "install libquickjs >= 2025-04-26, libseccomp >= 2.6, Linux headers >= 6.12 and glibc headers of x86_64 and arm64"
done

keyring=$(debian_keyring) || give_up "no keys to check Debian's signatures with" \
  "to fix: apt-get install debian-archive-keyring"

mkdir -p "$apt/parts" "$apt/state/lists/partial" "$apt/cache/archives/partial"
: >"$apt/status"

# The machine's download settings, but nothing that weakens checks or fetches what is not needed.
apt-config dump | grep '^Acquire::' |
  grep -Ev '^Acquire::(Allow|IndexTargets|Languages|Changelogs|GzipIndexes)' >"$apt/apt.conf" || :
cat >>"$apt/apt.conf" <<END
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "$apt/parts";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "$apt/parts";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "$apt/parts";
Acquire::Languages "none";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";
APT::Update::Error-Mode "any";
APT::Sandbox::User "root";
END

# Fetches the packages from a mirror into apt's archives.
fetch() { # MIRROR
  echo "deb [signed-by=$keyring arch=$(dpkg --print-architecture)] $1 $release main" \
    >"$apt/sources.list"
  # Unquoted: a list of package names.
  # shellcheck disable=SC2086
  (
    cd "$apt/cache/archives" && rm -f ./*.deb && export APT_CONFIG="$apt/apt.conf" &&
      apt-get -qq update && apt-get -qq download $packages
  )
}

for mirror in $(debian_mirrors) none; do
  [ "$mirror" != none ] || give_up "no Debian mirror gave the packages (apt's messages are above)" \
    "to fix: name a mirror of Debian, make DEBIAN_MIRROR=http://…/debian; for keys, apt-get install debian-archive-keyring"
  shown=$(echo "$mirror" | sed 's|//[^/]*@|//|') # without a password
  echo "deps: fetching $packages from $shown $release" >&2
  if fetch "$mirror"; then break; fi
done

for package in $packages; do
  file=$(echo "$apt/cache/archives/${package}_"*.deb)
  rm -rf "$sysroot/$package.new" "${sysroot:?}/$package"
  dpkg -x "$file" "$sysroot/$package.new"
  checksum=$(sha256sum "$file")
  dpkg-deb -W --showformat='${Package} ${Version} ${Architecture}' "$file" \
    >"$sysroot/$package.new/origin"
  echo " from $shown $release, sha256 ${checksum%% *}" >>"$sysroot/$package.new/origin"
  mv "$sysroot/$package.new" "$sysroot/$package"
done
rm -rf "$apt"
