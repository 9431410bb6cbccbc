/*
 * The executable's protection by a read-only overlay (protect.c says why), as early as it can be: the binary is entered
 * here, not at the C library's _start. The program starts itself again, and all that it has done until then is lost.
 * The C library alone executes `cpuid` some forty times when it starts, which traps on a virtual machine: doing without
 * it once saves 8 % of a whole `run` (0.6 ms).
 *
 * So nothing here may use the C library, or data that holds addresses: the binary is not relocated yet. The Makefile
 * compiles this file for that. Whatever is out of the ordinary is left to main(), which looks again, more closely.
 */
#include "host.h"

#include <asm/statfs.h>
#include <asm/unistd.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <sys/statvfs.h>

static long system_call(long number, long a, long b, long c, long d, long e)
{
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
    return number;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = e;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
#endif
}

static bool is_equal(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

bool enters_container(char **argv)
{
    /* No array of pointers: they would need relocation. */
    static const char commands[][8] = {"create", "run", "exec", "restore"};
    for (char **argument = argv + 1; argv[0] && *argument; argument++)
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
            if (is_equal(*argument, commands[i]))
                return true;
    return false;
}

/* Whether the running file may be what protect.c looks for: on a read-only overlay, or a memfd, which is on a tmpfs. */
static bool may_be_protected(void)
{
    struct statfs fs;
    return system_call(__NR_statfs, (long)"/proc/self/exe", (long)&fs, 0, 0, 0) != 0 || fs.f_type == TMPFS_MAGIC ||
           (fs.f_type == OVERLAYFS_SUPER_MAGIC && (fs.f_flags & ST_RDONLY));
}

static void close_descriptor(long fd)
{
    system_call(__NR_close, fd, 0, 0, 0, 0);
}

/* Writes "/proc/self/fd/N:/sys". */
static void write_layers(char *end, long fd)
{
    char digits[20];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + fd % 10);
    while (fd /= 10);
    for (const char *p = "/proc/self/fd/"; *p; p++)
        *end++ = *p;
    while (count > 0)
        *end++ = digits[--count];
    for (const char *p = ":/sys"; *p; p++)
        *end++ = *p;
    *end = 0;
}

static bool set_string(long context, const char *key, const char *value)
{
    return system_call(__NR_fsconfig, context, FSCONFIG_SET_STRING, (long)key, (long)value, 0) == 0;
}

/*
 * A detached read-only overlay of a directory, as a descriptor of its root; negative where that is not allowed. Without
 * an upper layer overlayfs wants two lower ones, and takes none that is detached: /sys is always there, is never an
 * ancestor of the directory, and being the lower of the two can hide nothing of it.
 */
static long overlay_of(long directory)
{
    char layers[48];
    write_layers(layers, directory);
    long context = system_call(__NR_fsopen, (long)"overlay", FSOPEN_CLOEXEC, 0, 0, 0);
    if (context < 0)
        return -1;
    long root = -1;
    if (set_string(context, "lowerdir", layers) && set_string(context, "xino", "off") &&
        system_call(__NR_fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0) == 0)
        root = system_call(__NR_fsmount, context, FSMOUNT_CLOEXEC,
                           MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, 0);
    close_descriptor(context);
    return root;
}

static bool status_of(long directory, const char *path, int flags, struct statx *status)
{
    const unsigned wanted = STATX_INO | STATX_SIZE | STATX_CTIME | STATX_MNT_ID;
    return system_call(__NR_statx, directory, (long)path, flags, wanted, (long)status) == 0 &&
           (status->stx_mask & wanted) == wanted;
}

/*
 * Whether the file of that name in the overlay is the one that runs. The name was looked up anew: it may be another
 * file's by now (an upgrade), or a bind mount of one file over another, which no lower layer shows.
 */
static bool is_running_file(const struct statx *running, const struct statx *directory, long file)
{
    struct statx found;
    return running->stx_mnt_id == directory->stx_mnt_id && status_of(file, "", AT_EMPTY_PATH, &found) &&
           running->stx_ino == found.stx_ino && running->stx_size == found.stx_size &&
           running->stx_ctime.tv_sec == found.stx_ctime.tv_sec &&
           running->stx_ctime.tv_nsec == found.stx_ctime.tv_nsec;
}

void run_from_overlay(char **argv, char **envp)
{
    struct statx running, parent;
    if (!status_of(AT_FDCWD, "/proc/self/exe", 0, &running))
        return;
    char path[4096];
    long length = system_call(__NR_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)path, sizeof path - 1, 0);
    if (length <= 0)
        return;
    path[length] = 0;
    char *name = path + length;
    while (name > path && name[-1] != '/')
        name--;
    if (name == path)
        return;
    name[-1] = 0;
    long directory = system_call(__NR_openat, AT_FDCWD, (long)(*path ? path : "/"),
                                 O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0);
    if (directory < 0)
        return;
    long root = status_of(directory, "", AT_EMPTY_PATH, &parent) ? overlay_of(directory) : -1;
    close_descriptor(directory);
    if (root < 0)
        return;
    long file = system_call(__NR_openat, root, (long)name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0, 0);
    close_descriptor(root);
    if (file < 0)
        return;
    if (is_running_file(&running, &parent, file))
        system_call(__NR_execveat, file, (long)"", (long)argv, (long)envp, AT_EMPTY_PATH);
    close_descriptor(file);
}

/* The stack as the kernel hands it over: argc, argv with its NULL, envp with its NULL. */
__attribute__((used)) static void protect_early(long *stack)
{
    char **argv = (char **)(stack + 1);
    if (enters_container(argv) && !may_be_protected())
        run_from_overlay(argv, argv + stack[0] + 1);
}

/* The entry. _start finds the stack as it was, and the register in which the psABI passes it a function. */
#if defined(__x86_64__)
__asm__(".globl enter_program\n"
        "enter_program:\n"
        "    mov %rsp, %rbx\n"
        "    mov %rdx, %r12\n"
        "    mov %rsp, %rdi\n"
        "    and $-16, %rsp\n"
        "    call protect_early\n"
        "    mov %rbx, %rsp\n"
        "    mov %r12, %rdx\n"
        "    jmp _start\n");
#elif defined(__aarch64__)
__asm__(".globl enter_program\n"
        "enter_program:\n"
        "    mov x19, x0\n"
        "    mov x0, sp\n"
        "    bl protect_early\n"
        "    mov x0, x19\n"
        "    b _start\n");
#endif
