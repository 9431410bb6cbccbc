#!/bin/sh
# packages.sh demo|test|vm
#
# Sees to it that all is there that `make demo`, `make test` or `make vm` uses. On Debian and Ubuntu, as root, it
# installs what is missing; elsewhere it says what that is. When nothing is missing, it does nothing.
set -eu

purpose=$1
problems=

problem() { # LINE...
  problems=$(printf '%s\n' "$problems" "$@")
}

# Adds a Debian package to $missing unless a command succeeds, which says that what is in it is there.
need() { # PACKAGE COMMAND...
  package=$1
  shift
  "$@" >/dev/null 2>&1 || missing="$missing $package"
}

program() { command -v "$1"; }
# Unquoted: CC may hold options.
# shellcheck disable=SC2086
static_library() { [ -e "$(${CC:-cc} -print-file-name="$1.a")" ]; }
static_busybox() { [ -x /bin/busybox ] && ! ldd /bin/busybox | grep -q '=>'; }
debian_keys() { ls /usr/share/keyrings/debian-archive-keyring.*; }

find_missing() {
  missing=
  # shellcheck disable=SC2086
  need gcc program ${CC:-cc}
  need binutils program readelf
  need libc6-dev static_library libc
  need npm program npm
  if command -v apt-get >/dev/null; then
    # With these the build gets parts of a newer Debian release.
    need debian-archive-keyring debian_keys
    need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
  fi
  need busybox-static static_busybox
  case $purpose in
    test) find_missing_of_tests ;;
    vm) find_missing_of_vm ;;
  esac
}

find_missing_of_tests() {
  need runc program runc
  need crun program crun
  need golang-go program go
  need strace program strace
  need python3-minimal test -x /usr/bin/python3
  need util-linux program unshare
  need mount program mount
  need bsdutils program script
  need mandoc program mandoc
  need zsh program zsh
  need fish program fish
}

find_missing_of_vm() {
  need qemu-system-x86 program qemu-system-x86_64
  need debootstrap program debootstrap
  need e2fsprogs program mke2fs
  need util-linux program setpriv
  need xz-utils program xz
  # For a recent runc.
  need golang-go program go
  need libseccomp-dev static_library libseccomp
}

install_missing() {
  echo "make $purpose: installing$missing"
  # Nothing is removed for it, but for a busybox that is not static: busybox-static takes its place
  # with the same commands.
  case $missing in
    *busybox-static*) keep= ;;
    *) keep=--no-remove ;;
  esac
  export DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes
  # Unquoted: a list of package names.
  # shellcheck disable=SC2086
  apt-get -qq update &&
    apt-get -qq install -y --no-install-recommends --no-upgrade $keep -o DPkg::Lock::Timeout=120 \
      -o Dpkg::Use-Pty=0 $missing >/dev/null ||
    echo "make $purpose: that failed" >&2
}

node=$(node --version 2>/dev/null) || node=none
major=${node#v}
major=${major%%.*}
[ "$node" != none ] && [ "$major" -ge 20 ] ||
  problem "Node.js 20 or newer is needed, and here is $node: see https://nodejs.org/en/download"

find_missing
if [ "$(id -u)" != 0 ]; then
  problem "a container needs root here: sudo env \"PATH=\$PATH\" make $purpose"
elif [ -n "$missing" ] && [ -z "$problems" ] && command -v apt-get >/dev/null; then
  install_missing
  find_missing
fi
if [ -n "$missing" ]; then
  problem "missing, by their names in Debian:$missing"
  if command -v apt-get >/dev/null; then
    problem "to install: apt-get update && apt-get install$missing"
  else
    problem "to install: use this system's package manager; the C library must be there for static linking"
  fi
fi
[ -z "$problems" ] && exit
printf '%s\n' "$problems" | sed "1d; s/^/make $purpose: /" >&2
exit 1
