/* Compiles and links only with libseccomp >= 2.6, the first release with seccomp_export_bpf_mem. */
#include <seccomp.h>

int main(void) {
  size_t length = 0;
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  seccomp_export_bpf_mem(filter, NULL, &length);
  seccomp_release(filter);
  return 0;
}
