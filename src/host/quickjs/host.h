/* The native half of the seam: what the bundled TypeScript cannot do for itself. */
#ifndef TSRUN_HOST_H
#define TSRUN_HOST_H

#include <quickjs/quickjs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A module of the program as bytecode; the table is made by the build and ends with a NULL name. */
struct module {
    const char *name;
    const uint8_t *start;
    const uint8_t *end;
};
extern const struct module modules[];

/* natives.c: defines the global object `nativeHost` that host.ts wraps. */
bool define_natives(JSContext *ctx, int argc, char **argv);

/* natives.c: writes a pending exception to stderr as one line. */
void report_exception(JSContext *ctx);

/* protect.c: returns when the running executable cannot be written through /proc/<pid>/exe, or exits. */
void protect_executable(char **argv, char **envp);

#endif
