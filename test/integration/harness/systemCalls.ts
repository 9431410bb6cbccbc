/** A program that makes the system calls that it is told to make, and says how they ended. */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratch } from "./isolation.ts";

/** The calls that it knows by name; others are told by number. */
const NAMES = [
  ...["getpid", "getppid", "getuid", "geteuid", "getgid", "mkdirat", "uname", "umask", "sync"],
  ...["personality", "kcmp", "socket", "setns", "unshare", "mount", "chroot", "keyctl", "bpf"],
  ...["ptrace", "reboot", "swapon", "syslog", "acct", "close_range", "openat2", "faccessat2"],
  ...["quotactl", "add_key", "fsopen", "io_uring_setup", "userfaultfd"],
];

/**
 * Each argument is a call, HOW:NAME:ARGUMENT…, and gets a line, "NAME ok" or "NAME errno N". HOW is `call`; `thread`, in
 * a thread of its own, "NAME gone" if that ends by it; `leaderless`, as the last one of the first thread, which ends while
 * another goes on; `i386` and `x32`, by the other ABIs of x86_64; `caught`, with a
 * handler of SIGSYS, which writes "trapped NUMBER code C errno E".
 */
const SOURCE = `
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct { const char *name; long number; } calls[] = {
${NAMES.map((name) => `#ifdef SYS_${name}\n  {"${name}", SYS_${name}},\n#endif`).join("\n")}
};

static const char *how;
static long number, arguments[6];

static long make_call(void) {
#ifdef __x86_64__
  if (strcmp(how, "i386") == 0) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result)
      : "a"(number), "b"(arguments[0]), "c"(arguments[1]), "d"(arguments[2]) : "memory", "r8", "r9", "r10", "r11");
    errno = (int)-result;
    return (int)result < 0 ? -1 : result;
  }
  if (strcmp(how, "x32") == 0)
    number |= 0x40000000;
#endif
  return syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

/* Not by stdio, which makes other calls as well. */
static void print(const char *format, ...) {
  char line[200];
  va_list values;
  va_start(values, format);
  int length = vsnprintf(line, sizeof line, format, values);
  va_end(values);
  if (write(1, line, (size_t)length) != length)
    abort();
}

static void tell(const char *name, long result) {
  if (result == -1)
    print("%s errno %d\\n", name, errno);
  else
    print("%s ok\\n", name);
}

static volatile int came_back;

static void *in_thread(void *name) {
  long result = make_call();
  came_back = 1;
  tell(name, result);
  return NULL;
}

static void *in_the_end(void *unused) {
  for (;;)
    pause();
  return unused;
}

static void on_sigsys(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  print("trapped %d code %d errno %d\\n", info->si_syscall, info->si_code, info->si_errno);
}

static long number_of(const char *name) {
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    if (strcmp(calls[i].name, name) == 0)
      return calls[i].number;
  char *end;
  long number = strtol(name, &end, 0);
  if (*end)
    abort();
  return number;
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    how = strtok(argv[i], ":");
    const char *name = strtok(NULL, ":");
    number = number_of(name);
    for (int j = 0; j < 6; j++) {
      const char *argument = strtok(NULL, ":");
      arguments[j] = argument ? (long)strtoul(argument, NULL, 0) : 0;
    }
    if (strcmp(how, "caught") == 0) {
      struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};
      sigaction(SIGSYS, &action, NULL);
    }
    if (strcmp(how, "thread") == 0) {
      pthread_t thread;
      came_back = 0;
      pthread_create(&thread, NULL, in_thread, (void *)name);
      pthread_join(thread, NULL);
      if (!came_back)
        print("%s gone\\n", name);
    } else if (strcmp(how, "leaderless") == 0) {
      pthread_t thread;
      pthread_create(&thread, NULL, in_the_end, NULL);
      tell(name, make_call());
      syscall(SYS_exit, 0);
    } else {
      long result = make_call();
      if (strcmp(how, "caught") != 0)
        tell(name, result);
    }
  }
  return 0;
}
`;

/** Options for tests that put it into a container: it is made by this machine's compiler. */
export const needsCompiler: { skip?: string } =
  process.env["TSRUN_TEST_GUEST"] === "1" ? { skip: "the VM has no compiler" } : {};

/** Puts the program into a root filesystem, as /bin/calls. */
export function addSystemCalls(rootfs: string): void {
  const program = join(scratch, "calls");
  if (!existsSync(program)) {
    writeFileSync(`${program}.c`, SOURCE);
    const compiler = (process.env["CC"] ?? "cc").split(" ");
    const [command = "", ...options] = compiler;
    execFileSync(command, [...options, "-static", "-pthread", "-o", program, `${program}.c`]);
  }
  copyFileSync(program, join(rootfs, "bin/calls"));
}
