#!/bin/sh
# build.sh FILE
#
# Builds the runc that go.mod names, as its own Makefile does it, into one static program.
set -eu
cd "$(dirname "$0")"

version=$(../go.sh list -m -f '{{.Version}}' github.com/opencontainers/runc)
CGO_ENABLED=1 ../go.sh build -trimpath -tags 'seccomp netgo osusergo urfave_cli_no_docs' \
  -ldflags "-s -w -X main.version=${version#v} -linkmode external -extldflags -static" \
  -o "$1" github.com/opencontainers/runc
