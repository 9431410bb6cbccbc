/*
 * Compiles only with the kernel headers of the architecture ARCH_x86_64 or ARCH_arm64, recent enough
 * for the newest names of src/host/abi/names.ts.
 */
#if defined(ARCH_x86_64)
#include <asm/ldt.h>
#elif defined(ARCH_arm64)
#include <asm/sve_context.h>
#endif
#include <asm/unistd.h>
#include <linux/mount.h>
#include <linux/nsfs.h>
#include <linux/pidfd.h>
#include <linux/stat.h>

const unsigned long newest[] = {
    __NR_statmount,             /* Linux 6.8 */
    STATX_SUBVOL,               /* 6.10 */
    NS_GET_PID_FROM_PIDNS,      /* 6.11 */
    PIDFD_GET_MNT_NAMESPACE,    /* 6.11 */
    sizeof(struct mnt_id_req),  /* 6.8 */
};
