/* Build tool: compiles a JavaScript module to QuickJS bytecode. Usage: compile [--strip] FILE.js OUT NAME */
#include <quickjs/quickjs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *length = (size_t)ftell(file);
    rewind(file);
    char *text = calloc(1, *length + 1);
    if (text && fread(text, 1, *length, file) != *length) {
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

static int fail(const char *what, const char *value)
{
    fprintf(stderr, "compile: %s %s\n", what, value);
    return EXIT_FAILURE;
}

static int initialize_nothing(JSContext *ctx, JSModuleDef *module)
{
    (void)ctx, (void)module;
    return 0;
}

/* The engine wants every imported module to exist even when it only compiles; which it is, is decided at run time. */
static JSModuleDef *stand_in(JSContext *ctx, const char *name, void *opaque)
{
    (void)opaque;
    return JS_NewCModule(ctx, name, initialize_nothing);
}

int main(int argc, char **argv)
{
    int strip = argc > 1 && strcmp(argv[1], "--strip") == 0;
    if (argc != 4 + strip)
        return fail("usage: compile [--strip]", "FILE.js OUT NAME");
    char **files = argv + 1 + strip;

    size_t length, size;
    char *text = read_file(files[0], &length);
    if (!text)
        return fail("cannot read", files[0]);
    JSRuntime *runtime = JS_NewRuntime();
    JSContext *ctx = JS_NewContext(runtime);
    JS_SetModuleLoaderFunc(runtime, NULL, stand_in, NULL);
    JS_SetStripInfo(runtime, strip ? JS_STRIP_SOURCE | JS_STRIP_DEBUG : JS_STRIP_SOURCE);
    JSValue code = JS_Eval(ctx, text, length, files[2],
                           JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
    if (JS_IsException(code))
        return fail("syntax error:", JS_ToCString(ctx, JS_GetException(ctx)));
    uint8_t *bytecode = JS_WriteObject(ctx, &size, code, JS_WRITE_OBJ_BYTECODE);
    FILE *out = bytecode ? fopen(files[1], "wb") : NULL;
    if (!out || fwrite(bytecode, 1, size, out) != size || fclose(out))
        return fail("cannot write", files[1]);
    return EXIT_SUCCESS;
}
