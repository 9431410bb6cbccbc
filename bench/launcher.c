/*
 * launcher: runs commands for bench/run.ts and measures them.
 *
 * It is a program of its own because of what ru_maxrss means: a process keeps, over execve, the
 * high-water mark of the address space that it was started from, so a child of Node.js reads at
 * least as large as Node.js. This one is static and owns a few hundred KiB.
 *
 * Protocol, on stdin and stdout. A request is a list of NUL-terminated strings, closed by an
 * empty one:
 *   PROGRAM ARG...   runs it, stdin, stdout and stderr being /dev/null, and waits for it
 *   (nothing)        waits for every process that earlier commands left behind (the container
 *                    of a `create`)
 * The answer to both is one line: the wall-clock nanoseconds from before the start to after the
 * wait, the largest ru_maxrss (KiB) of the processes waited for and of those they waited for,
 * and the exit status (128+n for signal n; 0 when there was nothing to wait for).
 *
 * As the child subreaper it inherits those left-behind processes, so that their memory is
 * counted, and so that "the container has ended" is an event and not a state to poll.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_BYTES = 16384, REQUEST_STRINGS = 64 };

static int null_fd;

static void die(const char *what) {
  fprintf(stderr, "launcher: %s: %s\n", what, strerror(errno));
  exit(1);
}

static long long now(void) {
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int exit_status(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Reads one request into argv, whose strings lie in text. Returns 0 at the end of the input. */
static int read_request(char *text, char **argv) {
  size_t length = 0, strings = 0, start = 0;
  int c;

  while ((c = getchar()) != EOF) {
    if (length == REQUEST_BYTES || strings == REQUEST_STRINGS) {
      errno = E2BIG;
      die("request");
    }
    text[length++] = (char)c;
    if (c != '\0')
      continue;
    argv[strings] = length - start == 1 ? NULL : text + start;
    if (!argv[strings++])
      return 1;
    start = length;
  }
  return 0;
}

/* vfork: no page tables are copied, so the start costs the same for every command. */
static pid_t start(char **argv) {
  pid_t pid = vfork();

  if (pid == 0) {
    dup2(null_fd, 0);
    dup2(null_fd, 1);
    dup2(null_fd, 2);
    execv(argv[0], argv);
    _exit(127);
  }
  if (pid < 0)
    die("vfork");
  return pid;
}

/* Waits for pid, or for all children when pid is -1. */
static void measure(pid_t pid, long long began) {
  struct rusage usage;
  long rss = 0;
  int status = 0;

  for (;;) {
    pid_t ended = wait4(pid, &status, 0, &usage);

    if (ended < 0 && errno == ECHILD)
      break;
    if (ended < 0)
      die("wait4");
    if (usage.ru_maxrss > rss)
      rss = usage.ru_maxrss;
    if (pid > 0)
      break;
  }
  printf("%lld %ld %d\n", now() - began, rss, exit_status(status));
  fflush(stdout);
}

int main(void) {
  static char text[REQUEST_BYTES];
  static char *argv[REQUEST_STRINGS];

  null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null_fd < 0)
    die("/dev/null");
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
    die("prctl(PR_SET_CHILD_SUBREAPER)");
  while (read_request(text, argv)) {
    long long began = now();

    measure(argv[0] ? start(argv) : -1, began);
  }
  return 0;
}
