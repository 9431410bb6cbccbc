/* Compiles and links only with libquickjs >= 2025-04-26, the first release with JS_SetStripInfo. */
#include <quickjs/quickjs.h>

int main(void) {
  JSRuntime *runtime = JS_NewRuntime();
  JS_SetStripInfo(runtime, JS_STRIP_DEBUG);
  JSContext *context = JS_NewContextRaw(runtime);
  JS_AddIntrinsicWeakRef(context);
  JS_FreeContext(context);
  JS_FreeRuntime(runtime);
  return 0;
}
