#!/bin/sh
# go.sh ARGUMENT...
#
# The go command, in the current folder, with a toolchain that can build the programs here.
set -eu

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
exec "$go" "$@"
