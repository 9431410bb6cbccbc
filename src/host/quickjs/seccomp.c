/*
 * nativeHost.libseccomp(name, …): functions of libseccomp, whose arguments are machine words as those of a system call
 * are. What the program asks of it is decided in TypeScript.
 */
#include "host.h"

#include <seccomp.h>
#include <string.h>

enum { MAX_ARGUMENTS = 5 };

static long version(const long *words)
{
    const struct scmp_version *version = seccomp_version();
    unsigned int *numbers = (unsigned int *)words[0];
    numbers[0] = version->major;
    numbers[1] = version->minor;
    numbers[2] = version->micro;
    return 0;
}

static long arch_resolve_name(const long *words)
{
    return (long)seccomp_arch_resolve_name((const char *)words[0]);
}

static long syscall_resolve_name_arch(const long *words)
{
    return seccomp_syscall_resolve_name_arch((uint32_t)words[0], (const char *)words[1]);
}

static long init(const long *words)
{
    return (long)seccomp_init((uint32_t)words[0]);
}

static long release(const long *words)
{
    seccomp_release((scmp_filter_ctx)words[0]);
    return 0;
}

static long arch_add(const long *words)
{
    return seccomp_arch_add((scmp_filter_ctx)words[0], (uint32_t)words[1]);
}

static long attr_set(const long *words)
{
    return seccomp_attr_set((scmp_filter_ctx)words[0], (enum scmp_filter_attr)words[1], (uint32_t)words[2]);
}

static long rule_add_array(const long *words)
{
    return seccomp_rule_add_array((scmp_filter_ctx)words[0], (uint32_t)words[1], (int)words[2],
                                  (unsigned int)words[3], (const struct scmp_arg_cmp *)words[4]);
}

static long export_bpf_mem(const long *words)
{
    return seccomp_export_bpf_mem((scmp_filter_ctx)words[0], (void *)words[1], (size_t *)words[2]);
}

static const struct function {
    const char *name;
    int arguments;
    long (*call)(const long *words);
} functions[] = {
    {"version", 1, version},
    {"arch_resolve_name", 1, arch_resolve_name},
    {"syscall_resolve_name_arch", 2, syscall_resolve_name_arch},
    {"init", 1, init},
    {"release", 1, release},
    {"arch_add", 2, arch_add},
    {"attr_set", 3, attr_set},
    {"rule_add_array", 5, rule_add_array},
    {"export_bpf_mem", 3, export_bpf_mem},
};

static const struct function *find_function(JSContext *ctx, JSValueConst value)
{
    const struct function *found = NULL;
    const char *name = JS_ToCString(ctx, value);
    if (!name)
        return NULL;
    for (size_t i = 0; !found && i < sizeof functions / sizeof *functions; i++)
        if (strcmp(functions[i].name, name) == 0)
            found = &functions[i];
    if (!found)
        JS_ThrowTypeError(ctx, "libseccomp has no function %s here", name);
    JS_FreeCString(ctx, name);
    return found;
}

JSValue native_libseccomp(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)self;
    const struct function *function = find_function(ctx, argv[0]);
    if (!function)
        return JS_EXCEPTION;
    if (argc != 1 + function->arguments)
        return JS_ThrowTypeError(ctx, "seccomp_%s takes %d arguments", function->name, function->arguments);
    long words[MAX_ARGUMENTS] = {0};
    const char *strings[MAX_ARGUMENTS] = {0};
    bool sound = true;
    for (int i = 0; sound && i < function->arguments; i++)
        sound = word_argument(ctx, argv[1 + i], &words[i], &strings[i]);
    long result = sound ? function->call(words) : 0;
    for (int i = 0; i < function->arguments; i++)
        if (strings[i])
            JS_FreeCString(ctx, strings[i]);
    return sound ? JS_NewInt64(ctx, result) : JS_EXCEPTION;
}
