#!/bin/sh
# test-guest.sh TEST...
#
# Runs test files in the guest, in /job.
export TSRUN_TEST_GUEST=1 NODE_OPTIONS=--enable-source-maps
mkdir -p out
# Debian's Node.js compiles itself whenever it starts, which takes seconds here: the host's need not, if
# it is another one and runs here.
bin/node --version || rm bin/node
PATH=$PWD/bin:$PATH
# What a test has told is not lost with the kernel.
mount -o remount,sync /job || exit

node --test --test-concurrency=1 \
  --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=./test/results/reporter.js --test-reporter-destination=out/results.jsonl \
  "$@"
status=$?
journalctl --boot --no-pager >out/journal.log
exit $status
