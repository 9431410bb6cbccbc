# tsrun: TypeScript to one static binary. `make help` lists what can be made.
SHELL := /bin/sh
CC ?= cc
PREFIX ?= /usr/local
MANUAL = $(PREFIX)/share/man/man8
BASH_COMPLETION = $(PREFIX)/share/bash-completion/completions/tsrun
FISH_COMPLETION = $(PREFIX)/share/fish/vendor_completions.d/tsrun.fish
ZSH_COMPLETION = $(PREFIX)/share/zsh/site-functions/_tsrun
DEBUG ?= 0
# Distributions keep runtimes and mount tools in folders that not every root shell looks into.
export PATH := $(PATH):/usr/sbin:/sbin

# These need nothing that has to be found first: clean and help need nothing at all, the others
# install it and then call make again.
ifneq ($(filter-out clean uninstall help demo test vm vm-shell test-vm test-all,$(or $(MAKECMDGOALS),all)),)
include build/deps.mk
endif
export CC DEBIAN_MIRROR UAPI_x86_64 UAPI_arm64 LIBC_x86_64 LIBC_arm64

ARCH := $(subst aarch64,arm64,$(shell uname -m))
QUICKJS := src/host/quickjs
TYPESCRIPT := $(shell find src spec -name '*.ts')
# With their folders, which say when a file has gone.
UNIT_TESTS := $(shell find test/unit)
# npm writes this file when it has installed everything.
NODE_MODULES := node_modules/.package-lock.json
TSX := node_modules/.bin/tsx
GENERATED := build/generated/abi.stamp build/generated/spec.stamp build/generated/commit.json

# How node:test reports: to the reader, and to the summary.
REPORT = --test-reporter=spec --test-reporter-destination=stdout \
	--test-reporter=./build/reporter.js --test-reporter-destination=build/results/$(1).jsonl

# A debug build has a folder of its own: nothing of it gets into a release.
ifeq ($(DEBUG),1)
OUT := build/debug
OPTIMIZE := -Og
BUNDLE_FLAGS := --debug
else
OUT := build
OPTIMIZE := -O2
STRIP := strip
endif

CFLAGS := $(OPTIMIZE) -g -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wshadow -fPIE \
	-D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection
# The program is entered at overlay.c's own entry, before the C library starts.
LDFLAGS := -static-pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,-e,enter_program
ifeq ($(ARCH),arm64)
CFLAGS := $(filter-out -fcf-protection,$(CFLAGS)) -mbranch-protection=standard
endif
HOST_CFLAGS = $(CFLAGS) $(QUICKJS_CFLAGS) $(SECCOMP_CFLAGS) $(UAPI_$(ARCH))

.PHONY: all help library docs demo test test-unit test-integration vm vm-shell test-vm test-all lint bench install uninstall \
	clean force
.DELETE_ON_ERROR:

## all: build/tsrun; with DEBUG=1 build/debug/tsrun, which has names in its stack traces
all: $(OUT)/tsrun build/reference.stamp

## library: build/library, for Node.js
library: build/library/index.js

## docs: build/docs/api, the library's documentation
docs: $(NODE_MODULES) $(GENERATED)
	docs/node_modules/.bin/typedoc --options docs/typedoc.config.mjs

## help: this list
help:
	@sed -n 's/^## //p' Makefile

## demo: installs what is missing, builds, and shows a container from within (as root)
demo:
	@test/packages.sh demo
	@$(MAKE) --no-print-directory build/tsrun
	@test/demo.sh

## test: installs what is missing, builds, and runs lint and all tests (as root)
test:
	@test/packages.sh test
	@rm -rf build/results build/vm-results
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory test-unit
	@$(MAKE) --no-print-directory test-integration; passed=$$?; $(TSX) test/results/summary.ts && exit $$passed

## test-unit: the unit tests in Node, and in the binary those that need no Node
test-unit: $(OUT)/tsrun-unit build/tsrun build/library/index.js build/reporter.js
	@mkdir -p build/results
	$(TSX) --test $(call REPORT,unit) $$(find test/unit -name '*.test.ts' ! -name '*.binary.test.ts' | sort)
	$(OUT)/tsrun-unit

## test-integration: the binary on this kernel, beside runc and crun (as root)
test-integration: build/tsrun build/reporter.js
	@mkdir -p build/results
	$(TSX) --test $(call REPORT,integration) --test-concurrency=1 $$(find test/integration -name '*.test.ts' | sort)

## vm: the virtual machine of the tests, kept for all checkouts (as root)
vm:
	@test/packages.sh vm
	@$(MAKE) --no-print-directory $(NODE_MODULES)
	@$(TSX) test/vm/make.ts

## vm-shell: a shell in that machine, with build/tsrun in its folder
vm-shell: vm
	@$(MAKE) --no-print-directory build/tsrun
	@mkdir -p build/vm-shell && cp build/tsrun build/vm-shell
	@test/vm/run --terminal --deadline 86400 build/vm-shell -- 'exec bash -l'

## test-vm: in that machine the tests that need it, and a sample of the others
test-vm: vm
	@$(MAKE) --no-print-directory build/tsrun
	@$(TSX) test/vm/test.ts; passed=$$?; $(TSX) test/results/summary.ts && exit $$passed

## test-all: all tests here, and once more in that machine
test-all: test vm
	@$(TSX) test/vm/test.ts --all; passed=$$?; $(TSX) test/results/summary.ts --complete && exit $$passed

## lint: biome and the TypeScript compiler
lint: $(NODE_MODULES) $(GENERATED)
	node_modules/.bin/biome check .
	node_modules/.bin/tsc

## bench: tsrun beside crun, runc and a floor in C (as root)
bench: build/tsrun build/bench/launcher build/bench/floor
	$(TSX) bench/run.ts

## install: the binary, its manual pages and the shells' completion, below $(DESTDIR)$(PREFIX)
install: build/tsrun build/reference.stamp
	install -D -m 755 build/tsrun $(DESTDIR)$(PREFIX)/bin/tsrun
	install -d $(DESTDIR)$(MANUAL)
	install -m 644 build/man/*.8 $(DESTDIR)$(MANUAL)
	install -D -m 644 build/completion/tsrun.bash $(DESTDIR)$(BASH_COMPLETION)
	install -D -m 644 build/completion/tsrun.fish $(DESTDIR)$(FISH_COMPLETION)
	install -D -m 644 build/completion/_tsrun $(DESTDIR)$(ZSH_COMPLETION)

## uninstall: removes what install has put there
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/tsrun $(DESTDIR)$(MANUAL)/tsrun.8 $(DESTDIR)$(MANUAL)/tsrun-*.8 \
		$(addprefix $(DESTDIR),$(BASH_COMPLETION) $(FISH_COMPLETION) $(ZSH_COMPLETION))

## clean: removes build/
clean:
	rm -rf build

# Not `npm ci`: it fails where a registry lacks one of the optional packages for other platforms, of
# which the lock file lists many and this machine needs none.
$(NODE_MODULES): package.json docs/package.json package-lock.json
	npm install --no-save --no-audit --no-fund
	@touch $@

build/deps.mk: $(wildcard $(QUICKJS)/deps/*)
	@$(QUICKJS)/deps/find.sh

build/generated/abi.stamp: build/deps.mk $(wildcard src/host/abi/*.ts) | $(NODE_MODULES)
	$(TSX) src/host/abi/generate.ts
	@touch $@

build/generated/spec.stamp: $(wildcard spec/*.ts spec/*.json) $(NODE_MODULES)
	$(TSX) spec/generate.ts
	@touch $@

# For --version. Newer only when it is another one: what is built of it is not built anew each time.
build/generated/commit.json: force
	@mkdir -p $(@D)
	@printf '"%s"\n' "$$(git describe --always --dirty --long --abbrev=40 2>/dev/null)" >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# The manual pages and the shells' completion, from the definitions of the commands.
build/reference.stamp: $(TYPESCRIPT) package.json $(GENERATED) $(NODE_MODULES)
	rm -rf build/man build/completion
	mkdir -p build/man build/completion
	$(TSX) src/cli/reference/generate.ts build
	@touch $@

build/quickjs/compile: $(QUICKJS)/compile.c build/deps.mk
	@mkdir -p $(@D)
	$(CC) -O2 -std=gnu17 -Wall -Wextra $(QUICKJS_CFLAGS) -o $@ $< $(QUICKJS_LIB) -lm -lpthread -ldl

$(OUT)/quickjs/%.o: $(QUICKJS)/%.c $(QUICKJS)/host.h build/deps.mk Makefile
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -c -o $@ $<

# It runs before there is a C library: no canary, no calls of functions that the compiler knows.
$(OUT)/quickjs/overlay.o: CFLAGS += -ffreestanding -fno-stack-protector -fno-tree-loop-distribute-patterns

# A program is its modules as bytecode, linked with the host.
HOST := $(patsubst %,$(OUT)/quickjs/%.o,main natives seccomp memory protect overlay)
PROGRAM_NEEDS := $(TYPESCRIPT) $(GENERATED) $(NODE_MODULES) build/quickjs/compile

$(OUT)/program/modules.S: src/cli/main.ts $(PROGRAM_NEEDS)
	$(TSX) $(QUICKJS)/bundle.ts $< $(@D) $(BUNDLE_FLAGS)

$(OUT)/tsrun: $(OUT)/program/modules.S $(HOST)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@.new $^ $(QUICKJS_LIB) $(SECCOMP_LIB) -lm -lpthread
	$(if $(STRIP),$(STRIP) $@.new)
	mv $@.new $@

build/library/index.js: $(TYPESCRIPT) $(GENERATED) $(NODE_MODULES) package.json tsconfig.json
	$(TSX) src/library/build.ts $(@D)

build/unit/tests.ts: $(UNIT_TESTS) | $(NODE_MODULES)
	$(TSX) test/unit/harness/collect.ts

$(OUT)/unit/program/modules.S: build/unit/tests.ts $(PROGRAM_NEEDS)
	$(TSX) $(QUICKJS)/bundle.ts $< $(@D) --debug --alias node:test=$(CURDIR)/test/unit/harness/test.ts \
		--alias node:assert/strict=$(CURDIR)/test/unit/harness/assert.ts

$(OUT)/tsrun-unit: $(OUT)/unit/program/modules.S $(HOST)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(QUICKJS_LIB) $(SECCOMP_LIB) -lm -lpthread

# node:test loads it before there is anything that reads TypeScript.
build/reporter.js: test/results/reporter.ts | $(NODE_MODULES)
	node_modules/.bin/esbuild --log-level=warning --outfile=$@ $<

build/bench/%: bench/%.c
	@mkdir -p $(@D)
	$(CC) -static -O2 -Wall -Wextra -o $@ $<
