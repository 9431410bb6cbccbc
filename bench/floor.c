/*
 * floor ROOTFS: the bare system calls of the default container, and nothing else.
 *
 * It does for one fixed config what a runtime does for any: the config that `spec` writes, with
 * args ["/bin/true"] and no terminal. No config, no state, no path checks, no errors but the first.
 * bench/README.md lists the steps. What a runtime takes beyond it is the runtime's own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void die(const char *what) {
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  _exit(1);
}

static void check(long result, const char *what) {
  if (result < 0) die(what);
}

/* Whether the running executable already lies on the read-only overlay of protect_executable(). */
static int executable_is_protected(void) {
  struct statfs fs;

  check(statfs("/proc/self/exe", &fs), "statfs /proc/self/exe");
  return fs.f_type == OVERLAYFS_SUPER_MAGIC && (fs.f_flags & ST_RDONLY);
}

/*
 * Starts this program again from a detached read-only overlay of its directory, so that a container
 * that reaches it through /proc/PID/exe cannot write to it. An overlay without an upper layer needs
 * two lower ones that do not overlap; /sys is the other, and nothing is looked up in it.
 */
static void protect_executable(char **argv) {
  char path[PATH_MAX], layers[PATH_MAX + 8];
  ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
  char *name;
  int context, mount_fd, executable;

  check(length, "readlink /proc/self/exe");
  path[length] = '\0';
  name = strrchr(path, '/');
  *name++ = '\0';
  snprintf(layers, sizeof(layers), "%s:/sys", path);

  check(context = fsopen("overlay", FSOPEN_CLOEXEC), "fsopen overlay");
  check(fsconfig(context, FSCONFIG_SET_STRING, "lowerdir", layers, 0), "fsconfig lowerdir");
  check(fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "fsconfig create");
  check(mount_fd = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV),
        "fsmount overlay");
  check(executable = openat(mount_fd, name, O_PATH | O_CLOEXEC | O_NOFOLLOW), "openat overlay");
  check(syscall(SYS_execveat, executable, "", argv, environ, AT_EMPTY_PATH), "execveat");
}

/* clone3 as fork is: the child goes on with a copy of the address space. */
static pid_t clone_into_namespaces(void) {
  struct clone_args args = {
      .flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS |
               CLONE_NEWCGROUP,
      .exit_signal = SIGCHLD,
  };
  long pid = syscall(SYS_clone3, &args, sizeof(args));

  check(pid, "clone3");
  return (pid_t)pid;
}

static void mount_filesystems(void) {
  const unsigned long strict = MS_NOSUID | MS_NOEXEC | MS_NODEV;

  check(mount("proc", "proc", "proc", 0, NULL), "mount proc");
  check(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"),
        "mount dev");
  check(mkdir("dev/pts", 0755), "mkdir dev/pts");
  check(mkdir("dev/shm", 0755), "mkdir dev/shm");
  check(mkdir("dev/mqueue", 0755), "mkdir dev/mqueue");
  check(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
              "newinstance,ptmxmode=0666,mode=0620,gid=5"),
        "mount dev/pts");
  check(mount("shm", "dev/shm", "tmpfs", strict, "mode=1777,size=65536k"), "mount dev/shm");
  check(mount("mqueue", "dev/mqueue", "mqueue", strict, NULL), "mount dev/mqueue");
  check(mount("sysfs", "sys", "sysfs", strict | MS_RDONLY, NULL), "mount sys");
  check(mount("cgroup", "sys/fs/cgroup", "cgroup2", strict | MS_RELATIME | MS_RDONLY, NULL),
        "mount sys/fs/cgroup");
}

static void make_devices(void) {
  static const struct {
    const char *path;
    unsigned major, minor;
  } devices[] = {
      {"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
      {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0},
  };
  static const struct {
    const char *target, *path;
  } links[] = {
      {"/proc/self/fd", "dev/fd"},       {"/proc/self/fd/0", "dev/stdin"},
      {"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"},
      {"/proc/kcore", "dev/core"},       {"pts/ptmx", "dev/ptmx"},
  };

  for (size_t i = 0; i < LENGTH(devices); i++)
    check(mknod(devices[i].path, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor)),
          devices[i].path);
  for (size_t i = 0; i < LENGTH(links); i++)
    check(symlink(links[i].target, links[i].path), links[i].path);
}

/*
 * A masked file shows /dev/null, a masked directory an empty tmpfs; what does not exist is left.
 * Asking first which it is costs less than a bind mount that fails: taking that back waits for RCU.
 */
static void mask_paths(void) {
  static const char *const paths[] = {
      "proc/acpi",          "proc/asound",     "proc/kcore",       "proc/keys",
      "proc/latency_stats", "proc/timer_list", "proc/timer_stats", "proc/sched_debug",
      "sys/firmware",       "proc/scsi",
  };

  for (size_t i = 0; i < LENGTH(paths); i++) {
    struct stat status;

    if (stat(paths[i], &status) < 0) {
      if (errno != ENOENT) die(paths[i]);
    } else if (S_ISDIR(status.st_mode)) {
      check(mount("tmpfs", paths[i], "tmpfs", MS_RDONLY, NULL), paths[i]);
    } else {
      check(mount("dev/null", paths[i], NULL, MS_BIND, NULL), paths[i]);
    }
  }
}

static void make_paths_readonly(void) {
  static const char *const paths[] = {
      "proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger",
  };

  for (size_t i = 0; i < LENGTH(paths); i++) {
    if (mount(paths[i], paths[i], NULL, MS_BIND | MS_REC, NULL) < 0) {
      if (errno != ENOENT) die(paths[i]);
      continue;
    }
    check(mount(NULL, paths[i], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), paths[i]);
  }
}

/* pivot_root(2), NOTES: with both arguments ".", the old root ends stacked on the new one. */
static void enter_root(void) {
  check(mount(NULL, ".", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), "remount root");
  check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  check(umount2(".", MNT_DETACH), "umount old root");
  check(chdir("/"), "chdir /");
}

static void bring_loopback_up(void) {
  struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  check(fd, "socket");
  check(ioctl(fd, SIOCSIFFLAGS, &lo), "SIOCSIFFLAGS lo");
  close(fd);
}

/*
 * The bounding set goes first: it needs CAP_SETPCAP. The ambient set ends empty, as in runc and
 * crun: the default config has no inheritable capabilities, and none can be ambient without.
 */
static void set_capabilities(void) {
  static const unsigned kept = 1u << CAP_KILL | 1u << CAP_NET_BIND_SERVICE | 1u << CAP_AUDIT_WRITE;
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct sets[2] = {{.effective = kept, .permitted = kept}};

  for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++)
    if (cap > 31 || !(kept & 1u << cap))
      check(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0), "bounding set");
  check(syscall(SYS_capset, &header, sets), "capset");
  check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "ambient set");
}

static _Noreturn void run_container(const char *rootfs) {
  static const struct rlimit files = {1024, 1024};
  static char *const argv[] = {"/bin/true", NULL};
  static char *const env[] = {
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm", NULL};

  check(setsid(), "setsid");
  check(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "_ses.floor"), "keyctl");
  check(mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL), "make / a slave");
  check(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL), "bind rootfs");
  check(chdir(rootfs), "chdir rootfs");
  umask(0);
  mount_filesystems();
  make_devices();
  umask(022);
  mask_paths();
  make_paths_readonly();
  enter_root();
  check(sethostname("floor", 5), "sethostname");
  bring_loopback_up();
  check(setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
  check(setgroups(0, NULL), "setgroups");
  check(setgid(0), "setgid");
  check(setuid(0), "setuid");
  set_capabilities();
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
  check(close_range(3, ~0u, CLOSE_RANGE_CLOEXEC), "close_range");
  execve(argv[0], argv, env);
  die("execve");
  _exit(1);
}

int main(int argc, char **argv) {
  int status;
  pid_t pid;

  if (argc != 2) {
    fprintf(stderr, "usage: floor ROOTFS\n");
    return 1;
  }
  if (!executable_is_protected()) protect_executable(argv);
  pid = clone_into_namespaces();
  if (pid == 0) run_container(argv[1]);
  check(waitpid(pid, &status, 0), "waitpid");
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
