#!/bin/sh
# build.sh FILE
#
# Builds the crictl that go.mod names, as its own Makefile does it: the command line of the CRI, which
# Debian does not have.
set -eu
cd "$(dirname "$0")"

module=sigs.k8s.io/cri-tools
version=$(../go.sh list -m -f '{{.Version}}' $module)
CGO_ENABLED=0 ../go.sh build -trimpath \
  -ldflags "-s -w -X $module/pkg/version.Version=${version#v}" \
  -o "$1" $module/cmd/crictl
