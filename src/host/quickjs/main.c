/* Starts the engine, gives it the natives and runs the program's main chunk. */
#include "host.h"

#include <stdlib.h>
#include <string.h>

/*
 * The commands that enter a container, where /proc/<pid>/exe could lead back to this binary (CVE-2019-5736).
 * Any argument of that name counts: `state run` is protected for nothing, but no spelling of options can
 * keep `run` from being protected.
 */
static bool enters_container(int argc, char **argv)
{
    static const char *const commands[] = {"create", "run", "exec", "restore"};
    for (int i = 1; i < argc; i++)
        for (size_t j = 0; j < sizeof commands / sizeof *commands; j++)
            if (strcmp(argv[i], commands[j]) == 0)
                return true;
    return false;
}

/* Only what the bundle needs; what is not named here (eval, Proxy, WeakRef, modules) does not exist. */
static JSContext *new_context(JSRuntime *runtime)
{
    JSContext *ctx = JS_NewContextRaw(runtime);
    if (!ctx)
        return NULL;
    JS_AddIntrinsicBaseObjects(ctx);
    JS_AddIntrinsicDate(ctx);
    JS_AddIntrinsicRegExpCompiler(ctx);
    JS_AddIntrinsicRegExp(ctx);
    JS_AddIntrinsicJSON(ctx);
    JS_AddIntrinsicMapSet(ctx);
    JS_AddIntrinsicTypedArrays(ctx);
    JS_AddIntrinsicPromise(ctx);
    return ctx;
}

int main(int argc, char **argv, char **envp)
{
    if (enters_container(argc, argv))
        protect_executable(argv, envp);

    JSRuntime *runtime = JS_NewRuntime();
    JSContext *ctx = runtime ? new_context(runtime) : NULL;
    if (!ctx || !define_natives(ctx, argc, argv, envp))
        abort();
    /* A process that lives for milliseconds has no cycles worth collecting. */
    JS_SetGCThreshold(runtime, 64 << 20);

    const struct chunk *program = &chunks[0];
    JSValue code = JS_ReadObject(ctx, program->start, (size_t)(program->end - program->start),
                                 JS_READ_OBJ_BYTECODE | JS_READ_OBJ_ROM_DATA);
    JSValue result = JS_IsException(code) ? code : JS_EvalFunction(ctx, code);
    if (JS_IsException(result))
        report_exception(ctx);
    /* The program ends by exit_group; coming back here means that it did not say how. */
    return EXIT_FAILURE;
}
