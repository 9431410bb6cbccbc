/* Compiles only with the glibc headers of the architecture ARCH_x86_64 or ARCH_arm64. */
#if defined(ARCH_x86_64)
#include <sys/debugreg.h>
#elif defined(ARCH_arm64)
#include <sys/ifunc.h>
#endif
#include <features.h>
#include <sys/socket.h>

const int constants[] = {__GLIBC__, AF_UNIX, SCM_RIGHTS};
