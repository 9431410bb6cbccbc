/*
 * syscalls: makes system calls, each in a process of its own, and prints how each one ended: an error's number, `done`,
 * or the signal that it died of. What is compared is whether a filter lets them through, so they are made with arguments
 * that the kernel refuses, or that do no harm. For x86-64, as the virtual machine is one.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum abi { NATIVE, I386 };

struct call {
  const char *text;
  enum abi abi;
  long number;
  long arguments[6];
};

#define CALL(name, ...) {#name "(" #__VA_ARGS__ ")", NATIVE, __NR_##name, {__VA_ARGS__}}
/* Of what these headers need not know yet, or no longer. */
#define NUMBER(name, number, ...) {#name "(" #__VA_ARGS__ ")", NATIVE, number, {__VA_ARGS__}}
#define OLD(name, number, ...) {"i386 " #name "(" #__VA_ARGS__ ")", I386, number, {__VA_ARGS__}}

/* linux/sched.h. Without CLONE_VM, CLONE_SIGHAND is refused: nothing is ever cloned. */
#define SIGHAND 0x800
#define NEWTIME 0x80
#define NEWNS 0x20000
#define NEWCGROUP 0x2000000
#define NEWUTS 0x4000000
#define NEWIPC 0x8000000
#define NEWUSER 0x10000000
#define NEWPID 0x20000000
#define NEWNET 0x40000000

static const struct call calls[] = {
  /* What every program does. */
  CALL(getpid), CALL(read, -1, 0, 0), CALL(write, -1, 0, 0), CALL(openat, -1, 0, 0), CALL(close, -1),
  CALL(stat, 0, 0), CALL(statx, -1, 0, 0, 0, 0), CALL(futex, 0, -1, 0, 0, 0), CALL(ioctl, -1, 0, 0),
  CALL(mmap, 0, 0, 0, 0, -1, 0), CALL(mprotect, 1, 1, 0), CALL(rt_sigaction, -1, 0, 0, 0),
  CALL(kill, 0, -1), CALL(execve, 0, 0, 0), CALL(execveat, -1, 0, 0, 0, -1), CALL(wait4, -1, 0, -1, 0),
  CALL(prctl, -1, 0, 0, 0, 0), CALL(arch_prctl, -1, 0), CALL(getrandom, 0, 0, -1), CALL(memfd_create, 0, 0),
  CALL(close_range, 5, 1, 0), CALL(openat2, -1, 0, 0, 0), CALL(faccessat2, -1, 0, 0, 0),
  CALL(epoll_pwait2, -1, 0, 0, 0, 0), CALL(rseq, 0, 0, -1, 0), CALL(pidfd_open, -1, 0),
  CALL(pidfd_send_signal, -1, 0, 0, 0), CALL(copy_file_range, -1, 0, -1, 0, 0, 0),
  CALL(setxattr, 0, 0, 0, 0, 0), CALL(chown, 0, 0, 0), CALL(mknodat, -1, 0, 0, 0), CALL(capset, 0, 0),
  CALL(setgroups, 65537, 0), CALL(setresuid, 0, 0, 0), CALL(seccomp, -1, 0, 0), CALL(sched_setattr, -1, 0, 0),
  CALL(ioprio_set, -1, 0, 0), CALL(prlimit64, -1, 0, 0, 0), CALL(inotify_add_watch, -1, 0, 0),
  CALL(fanotify_init, -1, 0), CALL(fanotify_mark, -1, 0, 0, -1, 0), CALL(timerfd_create, -1, 0),
  CALL(io_setup, 0, 0), CALL(shmget, 1, 0, 0), CALL(msgget, 1, 0), CALL(semget, 1, 0, 0),
  CALL(landlock_create_ruleset, 0, 0, -1), CALL(memfd_secret, -1), CALL(process_mrelease, -1, 0),
  CALL(futex_waitv, 0, 0, -1, 0, 0), CALL(modify_ldt, -1, 0, 0), CALL(mincore, 1, 0, 0),
  CALL(name_to_handle_at, -1, 0, 0, 0, 0), CALL(ptrace, -1, -1, 0, 0), CALL(process_vm_readv, -1, 0, 0, 0, 0, 0),
  CALL(process_vm_writev, -1, 0, 0, 0, 0, 0), CALL(kcmp, -1, -1, 0, 0, 0), CALL(pidfd_getfd, -1, -1, 0),
  CALL(process_madvise, -1, 0, 0, 0, 0),

  /* New namespaces, by the bits of an argument. */
  CALL(clone, SIGHAND), CALL(clone, SIGHAND | NEWTIME), CALL(clone, SIGHAND | NEWNS),
  CALL(clone, SIGHAND | NEWCGROUP), CALL(clone, SIGHAND | NEWUTS), CALL(clone, SIGHAND | NEWIPC),
  CALL(clone, SIGHAND | NEWUSER), CALL(clone, SIGHAND | NEWPID), CALL(clone, SIGHAND | NEWNET),
  CALL(clone, SIGHAND | NEWUSER | NEWNET), CALL(clone, SIGHAND | NEWNET | (1L << 40)), CALL(clone3, 0, 0),
  CALL(unshare, 0), CALL(unshare, NEWNS), CALL(unshare, NEWUSER), CALL(setns, -1, 0),

  /* Execution domains and families of sockets, by the value of an argument. */
  CALL(personality, 0), CALL(personality, 0x8), CALL(personality, 0x20000), CALL(personality, 0x20008),
  CALL(personality, 0xffffffff), CALL(personality, 0x40000), CALL(personality, 0x400000),
  CALL(personality, 0x100000008), CALL(personality, 0x100000000), CALL(personality, 1),
  CALL(socket, 1, 1, 0), CALL(socket, 2, 1, 0), CALL(socket, 2, 3, 1), CALL(socket, 10, 2, 0),
  CALL(socket, 16, 3, 0), CALL(socket, 16, 3, 9), CALL(socket, 17, 3, 0), CALL(socket, 31, 3, 0),
  CALL(socket, 38, 5, 0), CALL(socket, 40, 1, 0), CALL(socket, 0x100000028, 1, 0), CALL(socket, -1, 0, 0),
  CALL(socketpair, 40, 1, 0, 0),

  /* What rules the machine. */
  CALL(mount, 0, 0, 0, 0, 0), CALL(umount2, 0, -1), CALL(pivot_root, 0, 0), CALL(chroot, 0),
  CALL(fsopen, 0, -1), CALL(fsconfig, -1, -1, 0, 0, 0), CALL(fsmount, -1, -1, -1), CALL(fspick, -1, 0, -1),
  CALL(open_tree, -1, 0, -1), CALL(move_mount, -1, 0, -1, 0, -1), CALL(mount_setattr, -1, 0, -1, 0, 0),
  CALL(open_by_handle_at, -1, 0, 0), CALL(swapon, 0, -1), CALL(swapoff, 0), CALL(reboot, 0, 0, 0, 0),
  CALL(kexec_load, 0, 0, 0, -1), CALL(kexec_file_load, -1, -1, 0, 0, -1), CALL(init_module, 0, 0, 0),
  CALL(finit_module, -1, 0, -1), CALL(delete_module, 0, 0), CALL(create_module, 0, 0),
  CALL(query_module, 0, 0, 0, 0, 0), CALL(get_kernel_syms, 0), CALL(nfsservctl, 0, 0, 0), CALL(_sysctl, 0),
  CALL(uselib, 0), CALL(ustat, -1, 0), CALL(sysfs, -1, 0, 0), CALL(lookup_dcookie, 0, 0, 0),
  CALL(quotactl, -1, 0, 0, 0), CALL(quotactl_fd, -1, 0, 0, 0), CALL(acct, 1), CALL(syslog, -1, 0, 0),
  CALL(iopl, 9), CALL(ioperm, -1, -1, 0), CALL(settimeofday, 1, 0), CALL(clock_settime, -1, 0),
  CALL(clock_adjtime, -1, 0), CALL(adjtimex, 0), CALL(sethostname, 0, -1), CALL(setdomainname, 0, -1),
  CALL(bpf, -1, 0, 0), CALL(perf_event_open, 0, 0, 0, 0, -1), CALL(userfaultfd, -1),
  CALL(io_uring_setup, 0, 0), CALL(io_uring_enter, -1, 0, 0, 0, 0, 0), CALL(io_uring_register, -1, 0, 0, 0),
  CALL(add_key, 0, 0, 0, 0, 0), CALL(request_key, 0, 0, 0, 0), CALL(keyctl, -1, 0, 0, 0, 0),
  CALL(mbind, 1, 0, -1, 0, 0, 0), CALL(set_mempolicy, -1, 0, 0), CALL(get_mempolicy, 0, 0, 0, 0, -1),
  CALL(migrate_pages, -1, 0, 0, 0), CALL(move_pages, -1, 0, 0, 0, 0, -1),
  NUMBER(set_mempolicy_home_node, 450, 1, 0, 0, -1),

  /* Newer than some profiles or than all, and unknown. */
  NUMBER(cachestat, 451, -1, 0, 0, 0), NUMBER(fchmodat2, 452, -1, 0, 0, -1),
  NUMBER(map_shadow_stack, 453, 0, 0, -1), NUMBER(futex_wake, 454, 0, 0, 0, -1),
  NUMBER(futex_wait, 455, 0, 0, 0, -1, 0, 0), NUMBER(futex_requeue, 456, 0, -1, 0, 0),
  NUMBER(statmount, 457, 0, 0, 0, -1), NUMBER(listmount, 458, 0, 0, 0, -1),
  NUMBER(lsm_get_self_attr, 459, -1, 0, 0, -1), NUMBER(lsm_list_modules, 461, 0, 0, -1),
  NUMBER(mseal, 462, 1, 0, -1), NUMBER(setxattrat, 463, -1, 0, -1, 0, 0, 0),
  NUMBER(open_tree_attr, 467, -1, 0, -1, 0, 0), NUMBER(unknown 470, 470), NUMBER(unknown 512, 512),
  NUMBER(unknown 1000, 1000), NUMBER(unknown 0x3fffffff, 0x3fffffff), NUMBER(unknown -1, -1),

  /* Other ABIs of the same machine. */
  NUMBER(x32 getpid, 0x40000000 | 39), NUMBER(x32 mount, 0x40000000 | 165),
  NUMBER(x32 unknown, 0x40000000 | 1000),
  OLD(getpid, 20), OLD(mount, 21, 0, 0, 0, 0, 0), OLD(umount, 22, 0), OLD(chown32, 212, 0, 0, 0),
  OLD(socketcall, 102, -1, 0), OLD(clone, 120, SIGHAND), OLD(clone, 120, SIGHAND | NEWUSER),
  OLD(personality, 136, 0x8), OLD(personality, 136, 0x400000), OLD(_llseek, 140, -1, 0, 0, 0, 0),
  OLD(socket, 359, 40, 1, 0), OLD(socket, 359, 1, 1, 0), OLD(clock_settime64, 404, -1, 0),
  OLD(io_uring_setup, 425, 0, 0), OLD(clone3, 435, 0, 0), OLD(cachestat, 451, -1, 0, 0, 0),
  OLD(unknown, 512), OLD(unknown, 1000),
};

static long call_i386(const struct call *call) {
  const long *a = call->arguments;
  register long base asm("rbp") = 0;
  long result;
  (void)base;
  asm volatile("int $0x80"
               : "=a"(result)
               : "a"(call->number), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
               : "memory", "r8", "r9", "r10", "r11");
  if ((int)result >= 0 || (int)result < -4095) return result;
  errno = -(int)result;
  return -1;
}

/* No error has this number. */
#define DONE 255

static int make(const struct call *call) {
  const long *a = call->arguments;
  long result =
    call->abi == I386 ? call_i386(call) : syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
  return result == -1 ? errno : DONE;
}

int main(void) {
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    printf("%s: ", calls[i].text);
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) return 1;
    if (pid == 0) _exit(make(&calls[i]));
    int status;
    if (waitpid(pid, &status, 0) != pid) return 1;
    if (WIFSIGNALED(status)) printf("signal %d\n", WTERMSIG(status));
    else if (WEXITSTATUS(status) == DONE) printf("done\n");
    else printf("%d\n", WEXITSTATUS(status));
  }
  return 0;
}
