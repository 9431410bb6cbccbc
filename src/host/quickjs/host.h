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

/* memory.c: the engine's allocator. */
const JSMallocFunctions *engine_memory(void);

/* natives.c: defines the global object `nativeHost` that host.ts wraps. */
bool define_natives(JSContext *ctx, int argc, char **argv);

/*
 * natives.c: an argument as a machine word, or false with an exception pending. `owned` is set to a string that has to be
 * freed after the call.
 */
bool word_argument(JSContext *ctx, JSValueConst value, long *word, const char **owned);

/* seccomp.c: a function of libseccomp. */
JSValue native_libseccomp(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);

/* natives.c: writes a pending exception to stderr as one line. */
void report_exception(JSContext *ctx);

/*
 * overlay.c: whether the arguments ask for a command that enters a container, where /proc/<pid>/exe could lead back to
 * this binary. Any argument of that name counts: `state run` is protected for nothing, but no spelling of options can
 * keep `run` from being protected.
 */
bool enters_container(char **argv);

/* overlay.c: starts the running executable again as a read-only overlay shows it; returns where that is not allowed. */
void run_from_overlay(char **argv, char **envp);

/* protect.c: returns when the running executable cannot be written through /proc/<pid>/exe, or exits. */
void protect_executable(char **argv, char **envp);

#endif
