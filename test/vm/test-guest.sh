#!/bin/sh
# test-guest.sh TEST...
#
# Runs test files in the guest, in /job.
export TSRUN_TEST_GUEST=1 NODE_OPTIONS=--enable-source-maps
mkdir -p out

# QEMU's emulation may run into the kernel while that patches itself for the first quota, or for the
# last one that goes: there is always one, and the same with performance events. Meanwhile there is but
# one processor.
second=/sys/devices/system/cpu/cpu1/online
echo 0 >$second || exit
mkdir /sys/fs/cgroup/quota && echo 100000 >/sys/fs/cgroup/quota/cpu.max || exit
test/vm/perf-event || exit
echo 1 >$second || exit

node --test --test-concurrency=1 \
  --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=./test/results/reporter.js --test-reporter-destination=out/results.jsonl \
  "$@"
status=$?
journalctl --boot --no-pager >out/journal.log
exit $status
