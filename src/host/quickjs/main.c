/* Starts the engine, gives it the natives and runs the program: the first of its modules. */
#include "host.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static JSModuleDef *load_module(JSContext *ctx, const char *name, void *opaque)
{
    (void)opaque;
    const struct module *module = modules;
    while (module->name && strcmp(module->name, name) != 0)
        module++;
    if (!module->name) {
        JS_ThrowReferenceError(ctx, "the program has no module %s", name);
        return NULL;
    }
    JSValue code = JS_ReadObject(ctx, module->start, (size_t)(module->end - module->start),
                                 JS_READ_OBJ_BYTECODE | JS_READ_OBJ_ROM_DATA);
    if (JS_IsException(code) || JS_ResolveModule(ctx, code) < 0)
        return NULL;
    return JS_VALUE_GET_PTR(code);
}

/* Runs the program to its end; false with an exception pending if it throws, or if what it awaits is rejected. */
static bool run_program(JSRuntime *runtime, JSContext *ctx)
{
    JSModuleDef *program = load_module(ctx, modules[0].name, NULL);
    if (!program)
        return false;
    JSValue done = JS_EvalFunction(ctx, JS_MKPTR(JS_TAG_MODULE, program));
    JSContext *job_context;
    int ran = 1;
    while (!JS_IsException(done) && ran > 0)
        ran = JS_ExecutePendingJob(runtime, &job_context);
    if (JS_IsException(done) || ran < 0)
        return false;
    if (JS_PromiseState(ctx, done) != JS_PROMISE_REJECTED)
        return true;
    JS_Throw(ctx, JS_PromiseResult(ctx, done));
    return false;
}

/* A closed standard stream would let the next file that is opened take its number, and its output. */
static void open_standard_streams(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            abort();
}

int main(int argc, char **argv, char **envp)
{
    open_standard_streams();
    if (enters_container(argv))
        protect_executable(argv, envp);

    JSRuntime *runtime = JS_NewRuntime2(engine_memory(), NULL);
    JSContext *ctx = runtime ? new_context(runtime) : NULL;
    if (!ctx || !define_natives(ctx, argc, argv))
        abort();
    /* A process that lives for milliseconds has no cycles worth collecting. */
    JS_SetGCThreshold(runtime, 64 << 20);
    JS_SetModuleLoaderFunc(runtime, NULL, load_module, NULL);
    if (!run_program(runtime, ctx))
        report_exception(ctx);
    /* The program ends by exit_group; coming back here means that it did not say how. */
    return EXIT_FAILURE;
}
