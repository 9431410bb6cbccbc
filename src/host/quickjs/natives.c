/*
 * nativeHost: raw system calls, addresses, fork, UTF-8 and the process's arguments. Nothing here knows what
 * a call means; an argument that has no exact meaning as a machine word is refused, never converted.
 */
#include "host.h"

#include <errno.h>
#include <linux/sched.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_ARGUMENTS = 6 };
static const double MAX_SAFE_INTEGER = 9007199254740991.0;

/* The length of the UTF-8 sequence at p as RFC 3629 defines it (no surrogates, no overlong forms), or 0. */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < length)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return length;
}

static bool is_utf8(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length;) {
        size_t step = utf8_sequence(bytes + i, length - i);
        if (step == 0)
            return false;
        i += step;
    }
    return true;
}

/* The bytes of a typed array or ArrayBuffer; false with an exception pending for anything else. */
static bool view_bytes(JSContext *ctx, JSValueConst value, uint8_t **bytes, size_t *length)
{
    size_t offset, element;
    JSValue buffer = JS_GetTypedArrayBuffer(ctx, value, &offset, length, &element);
    if (JS_IsException(buffer)) {
        JS_FreeValue(ctx, JS_GetException(ctx));
        *bytes = JS_GetArrayBuffer(ctx, length, value);
        return *bytes != NULL;
    }
    size_t whole;
    *bytes = JS_GetArrayBuffer(ctx, &whole, buffer);
    JS_FreeValue(ctx, buffer);
    if (!*bytes)
        return false;
    *bytes += offset;
    return true;
}

static bool integer_argument(JSContext *ctx, JSValueConst value, long *word)
{
    double number;
    if (JS_ToFloat64(ctx, &number, value))
        return false;
    if (!(fabs(number) <= MAX_SAFE_INTEGER) || number != trunc(number)) {
        JS_ThrowRangeError(ctx, "a system call takes whole numbers, not %g", number);
        return false;
    }
    *word = (long)number;
    return true;
}

static bool bigint_argument(JSContext *ctx, JSValueConst value, long *word)
{
    const char *digits = JS_ToCString(ctx, value);
    if (!digits)
        return false;
    errno = 0;
    *word = digits[0] == '-' ? strtol(digits, NULL, 10) : (long)strtoul(digits, NULL, 10);
    bool fits = errno == 0;
    if (!fits)
        JS_ThrowRangeError(ctx, "%s does not fit in 64 bits", digits);
    JS_FreeCString(ctx, digits);
    return fits;
}

static bool string_argument(JSContext *ctx, JSValueConst value, long *word, const char **owned)
{
    size_t length;
    const char *text = JS_ToCStringLen(ctx, &length, value);
    if (!text)
        return false;
    *owned = text;
    if (memchr(text, 0, length)) {
        JS_ThrowTypeError(ctx, "a string with a NUL character cannot be passed to a system call");
        return false;
    }
    if (!is_utf8((const uint8_t *)text, length)) {
        JS_ThrowTypeError(ctx, "a string with a lone surrogate cannot be passed to a system call");
        return false;
    }
    *word = (long)text;
    return true;
}

bool word_argument(JSContext *ctx, JSValueConst value, long *word, const char **owned)
{
    if (JS_IsNumber(value))
        return integer_argument(ctx, value, word);
    if (JS_IsString(value))
        return string_argument(ctx, value, word, owned);
    if (JS_IsBigInt(ctx, value))
        return bigint_argument(ctx, value, word);
    if (JS_IsNull(value)) {
        *word = 0;
        return true;
    }
    uint8_t *bytes;
    size_t length;
    if (JS_IsObject(value) && view_bytes(ctx, value, &bytes, &length)) {
        *word = (long)bytes;
        return true;
    }
    JS_FreeValue(ctx, JS_GetException(ctx));
    JS_ThrowTypeError(ctx, "a system call takes integers, strings, typed arrays and null only");
    return false;
}

/* These would go on running the program twice; fork() below is the one way. */
static bool forks(long number)
{
    /* The kernel takes the low 32 bits of the number. */
    switch ((int)number) {
#ifdef SYS_fork
    case SYS_fork:
    case SYS_vfork:
#endif
    case SYS_clone:
    case SYS_clone3:
        return true;
    default:
        return false;
    }
}

static JSValue native_syscall(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)self;
    long words[1 + MAX_ARGUMENTS] = {0};
    const char *strings[1 + MAX_ARGUMENTS] = {0};
    bool sound = true;
    if (argc < 1 || argc > 1 + MAX_ARGUMENTS)
        return JS_ThrowTypeError(ctx, "a system call takes a number and at most six arguments");
    if (!JS_IsNumber(argv[0]))
        return JS_ThrowTypeError(ctx, "a system call's number is a number");
    for (int i = 0; sound && i < argc; i++)
        sound = word_argument(ctx, argv[i], &words[i], &strings[i]);
    if (sound && forks(words[0])) {
        JS_ThrowTypeError(ctx, "a process is made by fork(), not by system call %ld", words[0]);
        sound = false;
    }
    long result = 0;
    if (sound) {
        result = syscall(words[0], words[1], words[2], words[3], words[4], words[5], words[6]);
        if (result == -1)
            result = -errno;
    }
    for (int i = 0; i < argc; i++)
        if (strings[i])
            JS_FreeCString(ctx, strings[i]);
    return sound ? JS_NewInt64(ctx, result) : JS_EXCEPTION;
}

static JSValue native_address(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)self, (void)argc;
    uint8_t *bytes;
    size_t length;
    if (!view_bytes(ctx, argv[0], &bytes, &length))
        return JS_EXCEPTION;
    return JS_NewInt64(ctx, (int64_t)(intptr_t)bytes);
}

/*
 * clone3(2), or clone(2) where a seccomp filter answers ENOSYS for the one: engines' profiles do so, since no filter can
 * look into the arguments, and have C libraries fall back like this. Flags beyond 32 bits are clone3's alone.
 */
static long make_process(struct clone_args *arguments, size_t length)
{
    long pid = syscall(SYS_clone3, arguments, length);
    if (pid != -1 || errno != ENOSYS || length < CLONE_ARGS_SIZE_VER0 || arguments->flags >> 32 != 0)
        return pid;
    /* Where clone3 has a field of its own for the pidfd, clone has it in the third argument. */
    return syscall(SYS_clone, arguments->flags | arguments->exit_signal, NULL, arguments->pidfd, NULL, NULL);
}

/* The process's arguments, as /proc/<pid>/cmdline shows them. */
static char *command_line;
static size_t command_line_size;

/*
 * A process in a container shows its arguments to all that are in there: those of tsrun name places of the host, and may hold
 * variables that are for one process alone. Its maker makes them go before it is there: it may be born frozen.
 */
static long make_process_without_arguments(struct clone_args *arguments, size_t length)
{
    static const char name[] = "tsrun init";
    if (command_line_size == 0)
        return make_process(arguments, length);
    char *kept = malloc(command_line_size + 1);
    if (!kept)
        return errno = ENOMEM, -1;
    memcpy(kept, command_line, command_line_size);
    memset(command_line, 0, command_line_size);
    if (command_line_size >= sizeof name)
        memcpy(command_line, name, sizeof name);
    long pid = make_process(arguments, length);
    if (pid != 0)
        memcpy(command_line, kept, command_line_size);
    free(kept);
    return pid;
}

/*
 * fork(cloneArgs, child): clone3(2). The child calls `child` and never comes back: whatever that function
 * does (returns, throws, runs out of stack or memory), the process ends here, so no frame of the parent,
 * and no `finally`, runs twice.
 */
static JSValue native_fork(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)self, (void)argc;
    uint8_t *clone_args;
    size_t length;
    if (!view_bytes(ctx, argv[0], &clone_args, &length))
        return JS_EXCEPTION;
    if (!JS_IsFunction(ctx, argv[1]))
        return JS_ThrowTypeError(ctx, "fork() needs the child's function");
    long pid = make_process_without_arguments((struct clone_args *)clone_args, length);
    if (pid == 0) {
        JSValue result = JS_Call(ctx, argv[1], JS_UNDEFINED, 0, NULL);
        if (JS_IsException(result))
            report_exception(ctx);
        _exit(EXIT_FAILURE);
    }
    return JS_NewInt64(ctx, pid == -1 ? -errno : pid);
}

static JSValue native_encode(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)self, (void)argc;
    size_t length;
    const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
    if (!text)
        return JS_EXCEPTION;
    JSValue result;
    if (is_utf8((const uint8_t *)text, length))
        result = JS_NewArrayBufferCopy(ctx, (const uint8_t *)text, length);
    else
        result = JS_ThrowTypeError(ctx, "a string with a lone surrogate has no UTF-8 form");
    JS_FreeCString(ctx, text);
    return result;
}

static JSValue native_decode(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)self, (void)argc;
    uint8_t *bytes;
    size_t length;
    if (!view_bytes(ctx, argv[0], &bytes, &length))
        return JS_EXCEPTION;
    if (!is_utf8(bytes, length))
        return JS_ThrowTypeError(ctx, "the bytes are not valid UTF-8");
    return JS_NewStringLen(ctx, (const char *)bytes, length);
}

static JSValue bytes_of(JSContext *ctx, const char *string)
{
    return JS_NewArrayBufferCopy(ctx, (const uint8_t *)string, strlen(string));
}

static JSValue native_env(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)self, (void)argc;
    const char *name = JS_ToCString(ctx, argv[0]);
    if (!name)
        return JS_EXCEPTION;
    const char *value = getenv(name);
    JS_FreeCString(ctx, name);
    return value ? bytes_of(ctx, value) : JS_UNDEFINED;
}

/* What the program writes as import(), which in this engine needs no waiting: the build puts this in its place. */
static JSValue native_load(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)self, (void)argc;
    const char *name = JS_ToCString(ctx, argv[0]);
    if (!name)
        return JS_EXCEPTION;
    JSValue module = JS_LoadModule(ctx, "", name);
    JS_FreeCString(ctx, name);
    JSContext *job_context;
    while (!JS_IsException(module) && JS_PromiseState(ctx, module) == JS_PROMISE_PENDING)
        if (JS_ExecutePendingJob(JS_GetRuntime(ctx), &job_context) <= 0)
            return JS_ThrowInternalError(ctx, "a module that is loaded must not wait");
    if (JS_IsException(module))
        return module;
    JSValue result = JS_PromiseResult(ctx, module);
    bool is_loaded = JS_PromiseState(ctx, module) == JS_PROMISE_FULFILLED;
    JS_FreeValue(ctx, module);
    return is_loaded ? result : JS_Throw(ctx, result);
}

static const JSCFunctionListEntry natives[] = {
    JS_CFUNC_DEF("syscall", 7, native_syscall), JS_CFUNC_DEF("address", 1, native_address),
    JS_CFUNC_DEF("fork", 2, native_fork),       JS_CFUNC_DEF("encode", 1, native_encode),
    JS_CFUNC_DEF("decode", 1, native_decode),   JS_CFUNC_DEF("env", 1, native_env),
    JS_CFUNC_DEF("load", 1, native_load),       JS_CFUNC_DEF("libseccomp", 6, native_libseccomp),
};

bool define_natives(JSContext *ctx, int argc, char **argv)
{
    JSValue global = JS_GetGlobalObject(ctx);
    JSValue host = JS_NewObject(ctx);
    JSValue args = JS_NewArray(ctx);
    JS_SetPropertyFunctionList(ctx, host, natives, sizeof natives / sizeof *natives);
    /* The kernel has put them one after the other (execve(2)). */
    command_line = argv[0];
    command_line_size = argc == 0 ? 0 : (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) + 1 - argv[0]);
    /* As bytes: the TypeScript side decodes them, and can say which one is not UTF-8. */
    bool defined = true;
    for (int i = 0; defined && i < argc; i++)
        defined = JS_SetPropertyUint32(ctx, args, (uint32_t)i, bytes_of(ctx, argv[i])) >= 0;
    defined = defined && JS_SetPropertyStr(ctx, host, "args", args) >= 0 &&
              JS_SetPropertyStr(ctx, global, "nativeHost", host) >= 0;
    JS_FreeValue(ctx, global);
    return defined;
}

void report_exception(JSContext *ctx)
{
    JSValue exception = JS_GetException(ctx);
    const char *text = JS_ToCString(ctx, exception);
    fprintf(stderr, "tsrun: internal error: %s\n", text ? text : "out of memory");
    if (text)
        JS_FreeCString(ctx, text);
    JS_FreeValue(ctx, exception);
}
