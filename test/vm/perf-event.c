/*
 * perf-event: leaves a process behind that holds a performance event (perf_event_open(2)), for ever. The
 * kernel patches its scheduler for the first event of a process, and when the last one has gone; QEMU's
 * emulation may run into that, and criu, which sets breakpoints, makes and removes such events all the time.
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SELF = 0, ANY_CPU = -1, NO_GROUP = -1 };

int main(void) {
  struct perf_event_attr event = {
    .type = PERF_TYPE_SOFTWARE,
    .size = sizeof event,
    .config = PERF_COUNT_SW_DUMMY,
  };
  if (syscall(SYS_perf_event_open, &event, SELF, ANY_CPU, NO_GROUP, 0) < 0) {
    perror("perf-event");
    return 1;
  }
  if (daemon(0, 0) < 0) {
    perror("perf-event");
    return 1;
  }
  for (;;) pause();
}
