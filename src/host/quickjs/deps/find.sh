#!/bin/sh
# Finds what the build takes from outside and writes build/deps.mk (variables for make) and
# build/deps.txt (where each part came from, and its version). Runs in the root of the repository.
#
#   QUICKJS_CFLAGS, QUICKJS_LIB    libquickjs >= 2025-04-26
#   SECCOMP_CFLAGS, SECCOMP_LIB    libseccomp >= 2.6
#   UAPI_x86_64, UAPI_arm64        compiler flags that lead to the kernel's headers
#   LIBC_x86_64, LIBC_arm64        compiler flags that lead to glibc's headers
#
# Each is the system's if it passes its probe (*-probe.c), else a newer Debian release's, brought
# into build/sysroot by newer-debian.sh. One's own can be named by these variables, and is then used
# or refused, never replaced:
#
#   QUICKJS_PREFIX                 has include/quickjs/quickjs.h and lib/quickjs/libquickjs.a
#   SECCOMP_PREFIX                 has include/seccomp.h and lib/libseccomp.a
#   UAPI_PREFIX_x86_64, _arm64     has include/linux and include/asm (the kernel's headers_install)
#   LIBC_PREFIX_x86_64, _arm64     has glibc's include/sys and include/bits, for the architecture that
#                                  is not this machine's
set -eu

here=$(dirname "$0")
build=build
sysroot=$build/sysroot
log=$build/deps.log
CC=${CC:-cc} # used unquoted: it may hold options

triplet() {
  case $1 in
    x86_64) echo x86_64-linux-gnu ;;
    arm64) echo aarch64-linux-gnu ;;
  esac
}

case $(uname -m) in
  x86_64) native=x86_64 foreign=arm64 foreign_libc=libc6-dev-arm64-cross ;;
  aarch64) native=arm64 foreign=x86_64 foreign_libc=libc6-dev-amd64-cross ;;
  *) echo "deps: tsrun is built on x86_64 or arm64, and this machine is $(uname -m)" >&2; exit 1 ;;
esac

# Runs a probe; what the compiler says about a failure is kept in the log.
probe() {
  echo "+ $CC $*" >>"$log"
  $CC "$@" >>"$log" 2>&1
}

# The include directories DIR... that exist, as compiler flags.
isystem() {
  for directory; do
    if [ -d "$directory" ]; then printf '%s' "-isystem $directory "; fi
  done
}

# try_* set the variables of deps.mk if what they are given passes the probe.

try_quickjs() { # PREFIX
  for lib in "$1/lib/$(triplet $native)/quickjs" "$1/lib/quickjs" "$1/lib"; do
    [ -f "$lib/libquickjs.a" ] || continue
    probe -static -o "$build/quickjs-probe" -isystem "$1/include" "$here/quickjs-probe.c" \
      "$lib/libquickjs.a" -lm -lpthread -ldl || continue
    rm "$build/quickjs-probe"
    QUICKJS_CFLAGS="-isystem $1/include" QUICKJS_LIB=$lib/libquickjs.a
    return 0
  done
  return 1
}

try_seccomp() { # PREFIX
  for lib in "$1/lib/$(triplet $native)" "$1/lib64" "$1/lib"; do
    [ -f "$lib/libseccomp.a" ] || continue
    probe -static -o "$build/seccomp-probe" -isystem "$1/include" "$here/seccomp-probe.c" \
      "$lib/libseccomp.a" || continue
    rm "$build/seccomp-probe"
    # The compiler's own folder would come twice, and too early.
    SECCOMP_CFLAGS="-isystem $1/include" SECCOMP_LIB=$lib/libseccomp.a
    [ "$1" != /usr ] || SECCOMP_CFLAGS=
    return 0
  done
  return 1
}

try_headers() { # UAPI|LIBC ARCHITECTURE DIRECTORY...
  kind=$1 architecture=$2
  shift 2
  flags=$(isystem "$@")
  case $kind in
    UAPI) source=$here/uapi-probe.c context= ;;
    LIBC) source=$here/libc-probe.c; eval "context=\${UAPI_$architecture}" ;;
  esac
  # Unquoted: these are lists of flags. The compiler's own directory is for stddef.h.
  # shellcheck disable=SC2086
  probe -fsyntax-only -nostdinc "-DARCH_$architecture" $context $flags \
    -isystem "$($CC -print-file-name=include)" "$source" || return 1
  eval "${kind}_$architecture=\$flags"
}

# find_* try the caller's own, the system's and build/sysroot; the name of a Debian package that
# would help is added to $wanted if none passes.

find_library() { # NAME (as in try_NAME) VARIABLE PACKAGE
  eval "own=\${$2:-}"
  if [ -n "$own" ]; then
    "try_$1" "$own" || refuse "$2"
    return
  fi
  "try_$1" /usr/local || "try_$1" /usr || "try_$1" "$sysroot/$3/usr" || wanted="$wanted $3"
}

find_headers() { # UAPI|LIBC ARCHITECTURE PACKAGE
  name=$(triplet "$2")
  eval "own=\${${1}_PREFIX_$2:-}"
  if [ -n "$own" ]; then
    try_headers "$1" "$2" "$own/include" || refuse "${1}_PREFIX_$2"
    return
  fi
  for root in "" "$sysroot/$3"; do
    # A distribution keeps them by architecture, or else in the root of a cross compiler.
    try_headers "$1" "$2" "$root/usr/include/$name" "$root/usr/include" && return
    try_headers "$1" "$2" "$root/usr/$name/include" && return
  done
  case " $wanted " in
    *" $3 "*) ;;
    *) wanted="$wanted $3" ;;
  esac
}

# The machine's own C library is what the executable is linked with: no other will do.
find_native_libc() {
  name=$(triplet $native)
  try_headers LIBC $native "/usr/include/$name" /usr/include && return
  echo "deps: no glibc headers; on Debian and Ubuntu: apt-get install libc6-dev" >&2
  exit 1
}

find_all() {
  wanted=
  find_library quickjs QUICKJS_PREFIX libquickjs
  find_library seccomp SECCOMP_PREFIX libseccomp-dev
  for architecture in $native $foreign; do
    find_headers UAPI $architecture linux-libc-dev
  done
  # glibc's headers include the kernel's, so that these must be there first.
  case $wanted in
    *linux-libc-dev*) wanted="$wanted $foreign_libc" ;;
    *) find_headers LIBC $foreign $foreign_libc; find_native_libc ;;
  esac
}

refuse() {
  eval "value=\$$1"
  echo "deps: $1=$value does not hold what src/host/quickjs/deps/find.sh describes," \
    "or it is too old; the compiler's messages are in $log" >&2
  exit 1
}

# Says in deps.txt what a file belongs to.
record() { # WHAT FILE
  case $2 in
    "$sysroot"/*)
      package=${2#"$sysroot"/}
      origin=$(cat "$sysroot/${package%%/*}/origin")
      ;;
    *) origin=$(dpkg-query -S "$(realpath "$2")" 2>/dev/null | sed 's/: .*//; s/,.*//; 1q') || origin=
      origin=${origin:+$(dpkg-query -W -f '${Package} ${Version} ${Architecture}' "$origin")}
      ;;
  esac
  echo "$1: ${origin:-unpackaged}, $2"
}

# The file that the compiler takes for HEADER with the flags after it.
path_of() { # HEADER FLAG...
  header=$1
  shift
  for flag; do
    if [ -f "$flag/$header" ]; then echo "$flag/$header"; return; fi
  done
}

mkdir -p "$build"
: >"$log"
if ! $CC -print-file-name=include >/dev/null 2>&1; then
  echo "deps: no C compiler ($CC); on Debian and Ubuntu: apt-get install gcc libc6-dev" >&2
  exit 1
fi

find_all
if [ -n "$wanted" ]; then
  # Unquoted: a list of package names.
  # shellcheck disable=SC2086
  "$here/newer-debian.sh" "$sysroot" $wanted
  find_all
  if [ -n "$wanted" ]; then
    echo "deps: not usable even from the newer Debian release:$wanted;" \
      "the compiler's messages are in $log" >&2
    exit 1
  fi
fi

# Unquoted below: lists of flags.
# shellcheck disable=SC2086,SC2154
{
  record "libquickjs" "$QUICKJS_LIB"
  record "libseccomp" "$SECCOMP_LIB"
  record "kernel headers, x86_64" "$(path_of asm/unistd.h $UAPI_x86_64)"
  record "kernel headers, arm64" "$(path_of asm/unistd.h $UAPI_arm64)"
  record "C library headers, x86_64" "$(path_of bits/socket.h $LIBC_x86_64)"
  record "C library headers, arm64" "$(path_of bits/socket.h $LIBC_arm64)"
} >"$build/deps.txt"
cat >"$build/deps.mk.new" <<END
# Written by src/host/quickjs/deps/find.sh; deps.txt says where these came from.
QUICKJS_CFLAGS := $QUICKJS_CFLAGS
QUICKJS_LIB := $QUICKJS_LIB
SECCOMP_CFLAGS := $SECCOMP_CFLAGS
SECCOMP_LIB := $SECCOMP_LIB
UAPI_x86_64 := $UAPI_x86_64
UAPI_arm64 := $UAPI_arm64
LIBC_x86_64 := $LIBC_x86_64
LIBC_arm64 := $LIBC_arm64
END
mv "$build/deps.mk.new" "$build/deps.mk"
sed 's/^/deps: /' "$build/deps.txt"
