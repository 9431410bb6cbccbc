#!/bin/sh
# test-guest.sh TEST...
#
# Runs test files in the guest, in /job.
export TSRUN_TEST_GUEST=1 NODE_OPTIONS=--enable-source-maps
mkdir -p out

# QEMU's emulation may run into the kernel while that patches itself for the first quota, or for the
# last one that goes: there is always one.
mkdir /sys/fs/cgroup/quota && echo 100000 >/sys/fs/cgroup/quota/cpu.max || exit
# The same with the first performance event, and the last one.
test/vm/perf-event &

node --test --test-concurrency=1 \
  --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=./test/results/reporter.js --test-reporter-destination=out/results.jsonl \
  "$@"
status=$?
journalctl --boot --no-pager >out/journal.log
exit $status
