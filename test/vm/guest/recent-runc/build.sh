#!/bin/sh
# build.sh FILE
#
# Builds the runc that go.mod names, as its own Makefile does it, into one static program.
set -eu
cd "$(dirname "$0")"

toolchain=go1.25.5

# Go 1.21 and newer get the toolchain that go.mod asks for themselves, older ones are given it: it is a
# module, too, but for the right to execute.
go=go
case $(go version) in
  "go version go1."[0-9].* | "go version go1.1"* | "go version go1.20"*)
    module=golang.org/toolchain@v0.0.1-$toolchain.$(go env GOOS)-$(go env GOARCH)
    (cd / && go mod download "$module")
    folder=$(go env GOMODCACHE)/$module
    chmod +x "$folder"/bin/* "$folder"/pkg/tool/*/*
    go=$folder/bin/go
    ;;
esac

version=$("$go" list -m -f '{{.Version}}' github.com/opencontainers/runc)
CGO_ENABLED=1 "$go" build -trimpath -tags 'seccomp netgo osusergo urfave_cli_no_docs' \
  -ldflags "-s -w -X main.version=${version#v} -linkmode external -extldflags -static" \
  -o "$1" github.com/opencontainers/runc
