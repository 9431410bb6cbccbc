/*
 * Keeps the host's copy of this binary out of a container's reach (CVE-2019-5736). A process inside can open
 * /proc/<pid>/exe of a process that is on its way in, or make it run `#!/proc/self/exe`, and later write through
 * it. So the commands that enter a container run from a file that nobody can write: a read-only overlay that is
 * attached nowhere, or, without the privilege for that, a sealed copy in memory. A user whose containers could not write
 * to the file anyway runs it as it is.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

static const char self_exe[] = "/proc/self/exe";
static const long overlay_flags = ST_RDONLY | ST_NOSUID | ST_NODEV;
static const int all_seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

/*
 * Whether the running file's mount is attached in this mount namespace: open_tree(2) clones no other (EINVAL), and none
 * that is unbindable. Without the privilege to ask, it counts as attached. Finding it in mountinfo would take 60 us.
 */
static bool is_attached(void)
{
    int clone = (int)syscall(SYS_open_tree, AT_FDCWD, self_exe, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (clone >= 0)
        close(clone);
    return clone >= 0 || errno != EINVAL;
}

/*
 * Whether the kernel says that the running file is one of the two that this file makes. An overlay without an upper
 * layer is read-only for ever, and one that is attached nowhere was not put there by an administrator.
 */
static bool is_protected(void)
{
    struct statfs fs;
    if (statfs(self_exe, &fs))
        return false;
    if (fs.f_type == TMPFS_MAGIC) {
        int fd = open(self_exe, O_RDONLY | O_CLOEXEC);
        int seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);
        if (fd >= 0)
            close(fd);
        return seals != -1 && (seals & all_seals) == all_seals;
    }
    return fs.f_type == OVERLAYFS_SUPER_MAGIC && (fs.f_flags & overlay_flags) == overlay_flags && !is_attached();
}

static bool has_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    return syscall(SYS_capget, &header, sets) || sets[0].permitted || sets[1].permitted;
}

/*
 * Whether the running file is root's and closed to all others, and this process a user's, without privilege: the ids that
 * it can give to containers are its own and its subordinate ones (user_namespaces(7)), and none of these may write.
 */
static bool is_out_of_reach(void)
{
    struct stat file;
    return geteuid() != 0 && !stat(self_exe, &file) && file.st_uid == 0 && !(file.st_mode & (S_IWGRP | S_IWOTH)) &&
           !has_capabilities();
}

/* Fills `copy` with the running file and seals it. */
static bool copy_and_seal(int copy)
{
    int original = open(self_exe, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (original < 0 || fstat(original, &status))
        return false;
    off_t left = status.st_size;
    while (left > 0) {
        ssize_t sent = sendfile(copy, original, NULL, (size_t)left);
        if (sent <= 0 && errno != EINTR)
            break;
        left -= sent > 0 ? sent : 0;
    }
    close(original);
    return left == 0 && fcntl(copy, F_ADD_SEALS, all_seals) == 0;
}

/* A sealed copy of the running file in memory, or -1. Kernels before 6.3 do not know MFD_EXEC. */
static int open_sealed_copy(void)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int copy = memfd_create("tsrun", flags | MFD_EXEC);
    if (copy < 0 && errno == EINVAL)
        copy = memfd_create("tsrun", flags);
    if (copy >= 0 && !copy_and_seal(copy)) {
        close(copy);
        copy = -1;
    }
    return copy;
}

static void run_sealed_copy(char **argv, char **envp)
{
    int copy = open_sealed_copy();
    if (copy < 0)
        return;
    syscall(SYS_execveat, copy, "", argv, envp, AT_EMPTY_PATH);
    close(copy);
}

void protect_executable(char **argv, char **envp)
{
    if (is_protected()) {
        /* execveat(2) by descriptor has named the process after the descriptor's number. */
        prctl(PR_SET_NAME, "tsrun");
        return;
    }
    if (is_out_of_reach())
        return;
    run_from_overlay(argv, envp);
    run_sealed_copy(argv, envp);
    fprintf(stderr,
            "tsrun: cannot protect %s from the container: no read-only overlay and no sealed copy in memory (%s); "
            "mount /proc, and allow memfd_create (sysctl vm.memfd_noexec below 2)\n",
            argv[0], strerror(errno));
    exit(EXIT_FAILURE);
}
