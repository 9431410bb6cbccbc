# tsrun: TypeScript to one static binary. `make help` lists what can be made.
SHELL := /bin/sh
CC ?= cc
TSX := node_modules/.bin/tsx
DEBUG ?= 0

# clean and help need nothing that has to be found first.
ifneq ($(filter-out clean help,$(or $(MAKECMDGOALS),all)),)
-include build/deps.mk
endif
export CC UAPI_x86_64 UAPI_arm64 LIBC_x86_64 LIBC_arm64

ARCH := $(subst aarch64,arm64,$(shell uname -m))
QUICKJS := src/host/quickjs
TYPESCRIPT := $(shell find src spec -name '*.ts')

CFLAGS := -O2 -g -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wshadow -fPIE \
	-D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection
LDFLAGS := -static-pie -Wl,-z,relro,-z,now,-z,noexecstack
ifeq ($(ARCH),arm64)
CFLAGS := $(filter-out -fcf-protection,$(CFLAGS)) -mbranch-protection=standard
endif
HOST_CFLAGS = $(CFLAGS) $(QUICKJS_CFLAGS) $(UAPI_$(ARCH))

ifeq ($(DEBUG),1)
BUNDLE_FLAGS := --debug
else
STRIP := strip
endif

.PHONY: all help demo test bench lint clean
.DELETE_ON_ERROR:

## all: build/tsrun
all: build/tsrun

## help: this list
help:
	@sed -n 's/^## //p' Makefile

node_modules: package.json package-lock.json
	npm install --no-save --no-audit --no-fund
	@touch $@

build/deps.mk: $(wildcard $(QUICKJS)/deps/*)
	$(QUICKJS)/deps/find.sh

build/generated/abi.stamp: build/deps.mk $(wildcard src/host/abi/*.ts) | node_modules
	$(TSX) src/host/abi/generate.ts
	@touch $@

build/generated/spec.stamp: $(wildcard spec/*.ts spec/*.json) | node_modules
	$(TSX) spec/generate.ts
	@touch $@

build/quickjs/compile: $(QUICKJS)/compile.c build/deps.mk
	@mkdir -p $(@D)
	$(CC) -O2 -std=gnu17 -Wall -Wextra $(QUICKJS_CFLAGS) -o $@ $< $(QUICKJS_LIB) -lm -lpthread -ldl

build/quickjs/%.o: $(QUICKJS)/%.c $(QUICKJS)/host.h build/deps.mk
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -c -o $@ $<

# A program is its modules as bytecode, linked with the host.
build/program/modules.S: src/cli/main.ts $(TYPESCRIPT) build/generated/abi.stamp build/generated/spec.stamp build/quickjs/compile
	$(TSX) $(QUICKJS)/bundle.ts $< $(@D) $(BUNDLE_FLAGS)

build/tsrun: build/program/modules.S $(patsubst %,build/quickjs/%.o,main natives protect)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@.new $^ $(QUICKJS_LIB) -lm -lpthread
	$(if $(STRIP),$(STRIP) $@.new)
	mv $@.new $@

build/bench/%: bench/%.c
	@mkdir -p $(@D)
	$(CC) -static -O2 -Wall -Wextra -o $@ $<

## bench: tsrun beside crun, runc and a floor in C
bench: build/tsrun build/bench/launcher build/bench/floor
	$(TSX) bench/run.ts

## lint: biome and the TypeScript compiler
lint: node_modules build/generated/abi.stamp build/generated/spec.stamp
	node_modules/.bin/biome check .
	node_modules/.bin/tsc

## clean: remove build/
clean:
	rm -rf build
