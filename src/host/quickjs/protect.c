/*
 * Keeps the host's copy of this binary out of a container's reach (CVE-2019-5736). A process inside can open
 * /proc/<pid>/exe of a process that is on its way in, or make it run `#!/proc/self/exe`, and later write through
 * it. So the commands that enter a container run from a file that nobody can write: a read-only overlay that is
 * attached nowhere, or, without the privilege for that, a sealed copy in memory.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/stat.h>
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
static const int all_seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

/* Whether a mount is attached somewhere in this mount namespace (proc_pid_mountinfo(5), first field). */
static bool is_attached(uint64_t mount_id)
{
    FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
    if (!mountinfo)
        return true;
    char *line = NULL;
    size_t capacity = 0;
    bool found = false;
    while (!found && getline(&line, &capacity, mountinfo) > 0)
        found = strtoull(line, NULL, 10) == mount_id;
    free(line);
    fclose(mountinfo);
    return found;
}

/*
 * Whether the kernel says that the running file is one of the two that this file makes. An overlay without an upper
 * layer is read-only for ever, and one that is not in mountinfo was not put there by an administrator.
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
    struct statx status;
    return fs.f_type == OVERLAYFS_SUPER_MAGIC && (fs.f_flags & ST_RDONLY) &&
           syscall(SYS_statx, AT_FDCWD, self_exe, 0, STATX_MNT_ID, &status) == 0 &&
           (status.stx_mask & STATX_MNT_ID) && !is_attached(status.stx_mnt_id);
}

static int set_string(int context, const char *key, const char *value)
{
    return (int)syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0);
}

/*
 * A detached read-only overlay of a directory, as a descriptor of its root; -1 where that is not allowed. Without an
 * upper layer overlayfs wants two lower ones, and takes none that is detached: /sys is always there, is never an
 * ancestor of the directory, and being the lower of the two can hide nothing of it.
 */
static int overlay_of(int directory)
{
    char layers[48];
    snprintf(layers, sizeof layers, "/proc/self/fd/%d:/sys", directory);
    int context = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
    if (context < 0)
        return -1;
    int root = -1;
    if (set_string(context, "lowerdir", layers) == 0 && set_string(context, "xino", "off") == 0 &&
        syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        root = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC,
                            MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    close(context);
    return root;
}

/* The running file seen through a read-only overlay of its directory, or -1. */
static int open_in_overlay(void)
{
    char path[4096];
    ssize_t length = readlink(self_exe, path, sizeof path - 1);
    if (length <= 0)
        return -1;
    path[length] = 0;
    char *name = strrchr(path, '/');
    if (!name)
        return -1;
    *name++ = 0;
    int directory = open(*path ? path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -1;
    int root = overlay_of(directory);
    close(directory);
    if (root < 0)
        return -1;
    int file = openat(root, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    close(root);
    return file;
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

static void run_from(int file, char **argv, char **envp)
{
    if (file < 0)
        return;
    syscall(SYS_execveat, file, "", argv, envp, AT_EMPTY_PATH);
    close(file);
}

void protect_executable(char **argv, char **envp)
{
    if (is_protected()) {
        /* execveat(2) by descriptor has named the process after the descriptor's number. */
        prctl(PR_SET_NAME, "tsrun");
        return;
    }
    run_from(open_in_overlay(), argv, envp);
    run_from(open_sealed_copy(), argv, envp);
    fprintf(stderr,
            "tsrun: cannot protect %s from the container: no read-only overlay and no sealed copy in memory (%s); "
            "mount /proc, and allow memfd_create (sysctl vm.memfd_noexec below 2)\n",
            argv[0], strerror(errno));
    exit(EXIT_FAILURE);
}
