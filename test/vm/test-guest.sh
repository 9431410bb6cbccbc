#!/bin/sh
# test-guest.sh TEST...
#
# Runs test files in the guest, in /job.
export TSRUN_TEST_GUEST=1 NODE_OPTIONS=--enable-source-maps
mkdir -p out
# What a test has told is not lost with the kernel.
mount -o remount,sync /job || exit

node --test --test-concurrency=1 \
  --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=./test/results/reporter.js --test-reporter-destination=out/results.jsonl \
  "$@"
status=$?
journalctl --boot --no-pager >out/journal.log
exit $status
