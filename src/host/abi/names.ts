/**
 * The kernel names that tsrun knows: which constants the generated `#abi` module exports, and the C
 * header that defines each. Values are never written here; they are read from the headers of the
 * target architecture when tsrun is built (generate.ts). To use one more name, add it to its group.
 */

/** Names that one C header defines. */
export interface Group {
  readonly header: string;
  readonly names: readonly string[];
}

/** A C structure whose size and member offsets are wanted. */
export interface Structure {
  readonly header: string;
  /** The structure's tag. */
  readonly tag: string;
  readonly members: readonly string[];
}

function words(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function from(header: string, text: string): Group {
  return { header, names: words(text) };
}

function layout(header: string, tag: string, text: string): Structure {
  return { header, tag, members: words(text) };
}

/** System calls by the kernel's name; `read` is exported as `SYS_read`. */
export const SYSTEM_CALLS: readonly string[] = words(`
  read write readv writev pread64 pwrite64 openat openat2 close close_range dup dup3 fcntl ioctl
  lseek ftruncate fallocate fsync fdatasync syncfs sync_file_range copy_file_range sendfile splice
  pipe2 eventfd2 memfd_create flock

  fchmod fchmodat fchmodat2 fchown fchownat mkdirat unlinkat renameat2 linkat symlinkat readlinkat
  mknodat utimensat fstat newfstatat statx fstatfs statfs faccessat faccessat2 getdents64 umask
  getcwd chdir fchdir chroot getxattr setxattr lgetxattr lsetxattr fgetxattr fsetxattr flistxattr
  name_to_handle_at open_by_handle_at

  mount umount2 pivot_root fsopen fsconfig fsmount fspick open_tree move_mount mount_setattr
  statmount listmount quotactl

  clone clone3 unshare setns execve execveat exit exit_group wait4 waitid pidfd_open
  pidfd_send_signal pidfd_getfd kill tgkill getpid getppid gettid setsid getsid setpgid getpgid
  kcmp process_madvise ptrace set_tid_address

  getuid geteuid getgid getegid setuid setgid setreuid setregid setresuid getresuid setresgid
  getresgid setfsuid setfsgid getgroups setgroups capget capset prctl prlimit64 personality
  keyctl add_key request_key seccomp landlock_create_ruleset landlock_add_rule
  landlock_restrict_self sethostname setdomainname uname sysinfo getrandom getrusage

  sched_setattr sched_getattr sched_setaffinity sched_getaffinity sched_setscheduler
  sched_getscheduler sched_yield getpriority setpriority ioprio_set ioprio_get set_mempolicy
  get_mempolicy mbind

  socket socketpair bind listen accept4 connect sendmsg recvmsg sendto recvfrom getsockopt
  setsockopt getsockname getpeername shutdown

  ppoll pselect6 epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 signalfd4 rt_sigaction
  rt_sigprocmask rt_sigpending rt_sigtimedwait rt_sigqueueinfo timerfd_create timerfd_settime
  timerfd_gettime clock_gettime nanosleep clock_nanosleep inotify_init1 inotify_add_watch
  inotify_rm_watch fanotify_init fanotify_mark

  mmap munmap mprotect mremap madvise mlockall bpf perf_event_open io_uring_setup
  sync reboot init_module finit_module delete_module
`);

/** System calls that only some architectures have; where absent, the constant is -1. */
export const OPTIONAL_SYSTEM_CALLS: readonly string[] = words(`
  fork vfork open stat lstat mkdir rmdir unlink rename link symlink readlink chmod chown lchown
  mknod access dup2 pipe poll select epoll_create epoll_wait inotify_init signalfd eventfd getdents
  alarm pause arch_prctl modify_ldt utime utimes
`);

/** Constants of the kernel's own interface (linux-libc-dev). */
export const KERNEL_CONSTANTS: readonly Group[] = [
  // Files and paths.
  from(
    "linux/fcntl.h",
    `O_ACCMODE O_RDONLY O_WRONLY O_RDWR O_CREAT O_EXCL O_NOCTTY O_TRUNC O_APPEND O_NONBLOCK O_DSYNC
     O_SYNC O_DIRECT O_LARGEFILE O_DIRECTORY O_NOFOLLOW O_NOATIME O_CLOEXEC O_PATH O_TMPFILE
     AT_FDCWD AT_SYMLINK_NOFOLLOW AT_EACCESS AT_REMOVEDIR AT_SYMLINK_FOLLOW AT_NO_AUTOMOUNT
     AT_EMPTY_PATH AT_STATX_SYNC_TYPE AT_STATX_SYNC_AS_STAT AT_STATX_FORCE_SYNC AT_STATX_DONT_SYNC
     AT_RECURSIVE AT_HANDLE_FID
     F_DUPFD F_GETFD F_SETFD F_GETFL F_SETFL F_GETLK F_SETLK F_SETLKW F_SETOWN F_GETOWN F_SETSIG
     F_GETSIG F_OFD_GETLK F_OFD_SETLK F_OFD_SETLKW F_RDLCK F_WRLCK F_UNLCK F_DUPFD_CLOEXEC
     F_SETPIPE_SZ F_GETPIPE_SZ F_ADD_SEALS F_GET_SEALS F_SEAL_SEAL F_SEAL_SHRINK F_SEAL_GROW
     F_SEAL_WRITE F_SEAL_FUTURE_WRITE F_SEAL_EXEC FD_CLOEXEC LOCK_SH LOCK_EX LOCK_NB LOCK_UN`,
  ),
  from(
    "linux/openat2.h",
    `RESOLVE_NO_XDEV RESOLVE_NO_MAGICLINKS RESOLVE_NO_SYMLINKS RESOLVE_BENEATH RESOLVE_IN_ROOT
     RESOLVE_CACHED`,
  ),
  from("linux/close_range.h", "CLOSE_RANGE_UNSHARE CLOSE_RANGE_CLOEXEC"),
  from(
    "linux/fs.h",
    `SEEK_SET SEEK_CUR SEEK_END SEEK_DATA SEEK_HOLE RENAME_NOREPLACE RENAME_EXCHANGE RENAME_WHITEOUT
     FICLONE FS_IOC_GETFLAGS FS_IOC_SETFLAGS FS_IMMUTABLE_FL FS_APPEND_FL`,
  ),
  from(
    "linux/stat.h",
    `S_IFMT S_IFSOCK S_IFLNK S_IFREG S_IFBLK S_IFDIR S_IFCHR S_IFIFO S_ISUID S_ISGID S_ISVTX
     S_IRWXU S_IRUSR S_IWUSR S_IXUSR S_IRWXG S_IRGRP S_IWGRP S_IXGRP S_IRWXO S_IROTH S_IWOTH S_IXOTH
     STATX_TYPE STATX_MODE STATX_NLINK STATX_UID STATX_GID STATX_ATIME STATX_MTIME STATX_CTIME
     STATX_INO STATX_SIZE STATX_BLOCKS STATX_BASIC_STATS STATX_BTIME STATX_MNT_ID
     STATX_MNT_ID_UNIQUE STATX_SUBVOL STATX_ATTR_IMMUTABLE STATX_ATTR_APPEND STATX_ATTR_AUTOMOUNT
     STATX_ATTR_MOUNT_ROOT`,
  ),
  from("linux/limits.h", "PATH_MAX NAME_MAX"),
  from("linux/xattr.h", "XATTR_CREATE XATTR_REPLACE"),
  from("linux/falloc.h", "FALLOC_FL_KEEP_SIZE FALLOC_FL_PUNCH_HOLE"),
  from(
    "linux/magic.h",
    `PROC_SUPER_MAGIC SYSFS_MAGIC CGROUP_SUPER_MAGIC CGROUP2_SUPER_MAGIC TMPFS_MAGIC
     OVERLAYFS_SUPER_MAGIC DEVPTS_SUPER_MAGIC NSFS_MAGIC PID_FS_MAGIC BPF_FS_MAGIC DEBUGFS_MAGIC
     TRACEFS_MAGIC SECURITYFS_MAGIC SELINUX_MAGIC RAMFS_MAGIC HUGETLBFS_MAGIC SOCKFS_MAGIC
     PIPEFS_MAGIC ANON_INODE_FS_MAGIC BINFMTFS_MAGIC EXT4_SUPER_MAGIC BTRFS_SUPER_MAGIC
     XFS_SUPER_MAGIC NFS_SUPER_MAGIC FUSE_SUPER_MAGIC RDTGROUP_SUPER_MAGIC`,
  ),

  // Mounts.
  from(
    "linux/mount.h",
    `MS_RDONLY MS_NOSUID MS_NODEV MS_NOEXEC MS_SYNCHRONOUS MS_REMOUNT MS_MANDLOCK MS_DIRSYNC
     MS_NOSYMFOLLOW MS_NOATIME MS_NODIRATIME MS_BIND MS_MOVE MS_REC MS_SILENT MS_POSIXACL
     MS_UNBINDABLE MS_PRIVATE MS_SLAVE MS_SHARED MS_RELATIME MS_I_VERSION MS_STRICTATIME MS_LAZYTIME
     OPEN_TREE_CLONE OPEN_TREE_CLOEXEC
     MOVE_MOUNT_F_SYMLINKS MOVE_MOUNT_F_AUTOMOUNTS MOVE_MOUNT_F_EMPTY_PATH MOVE_MOUNT_T_SYMLINKS
     MOVE_MOUNT_T_AUTOMOUNTS MOVE_MOUNT_T_EMPTY_PATH MOVE_MOUNT_SET_GROUP MOVE_MOUNT_BENEATH
     FSOPEN_CLOEXEC FSMOUNT_CLOEXEC FSPICK_CLOEXEC FSPICK_SYMLINK_NOFOLLOW FSPICK_NO_AUTOMOUNT
     FSPICK_EMPTY_PATH
     FSCONFIG_SET_FLAG FSCONFIG_SET_STRING FSCONFIG_SET_BINARY FSCONFIG_SET_PATH
     FSCONFIG_SET_PATH_EMPTY FSCONFIG_SET_FD FSCONFIG_CMD_CREATE FSCONFIG_CMD_RECONFIGURE
     FSCONFIG_CMD_CREATE_EXCL
     MOUNT_ATTR_RDONLY MOUNT_ATTR_NOSUID MOUNT_ATTR_NODEV MOUNT_ATTR_NOEXEC MOUNT_ATTR__ATIME
     MOUNT_ATTR_RELATIME MOUNT_ATTR_NOATIME MOUNT_ATTR_STRICTATIME MOUNT_ATTR_NODIRATIME
     MOUNT_ATTR_IDMAP MOUNT_ATTR_NOSYMFOLLOW MOUNT_ATTR_SIZE_VER0
     STATMOUNT_SB_BASIC STATMOUNT_MNT_BASIC STATMOUNT_PROPAGATE_FROM STATMOUNT_MNT_ROOT
     STATMOUNT_MNT_POINT STATMOUNT_FS_TYPE MNT_ID_REQ_SIZE_VER0 LSMT_ROOT`,
  ),

  // Processes and namespaces.
  from(
    "linux/sched.h",
    `CLONE_VM CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_PIDFD CLONE_PTRACE CLONE_VFORK CLONE_PARENT
     CLONE_THREAD CLONE_NEWNS CLONE_SYSVSEM CLONE_SETTLS CLONE_PARENT_SETTID CLONE_CHILD_CLEARTID
     CLONE_UNTRACED CLONE_CHILD_SETTID CLONE_NEWCGROUP CLONE_NEWUTS CLONE_NEWIPC CLONE_NEWUSER
     CLONE_NEWPID CLONE_NEWNET CLONE_IO CLONE_CLEAR_SIGHAND CLONE_INTO_CGROUP CLONE_NEWTIME
     CLONE_ARGS_SIZE_VER0 CLONE_ARGS_SIZE_VER1 CLONE_ARGS_SIZE_VER2
     SCHED_NORMAL SCHED_FIFO SCHED_RR SCHED_BATCH SCHED_IDLE SCHED_DEADLINE SCHED_RESET_ON_FORK
     SCHED_FLAG_RESET_ON_FORK SCHED_FLAG_RECLAIM SCHED_FLAG_DL_OVERRUN SCHED_FLAG_KEEP_POLICY
     SCHED_FLAG_KEEP_PARAMS SCHED_FLAG_UTIL_CLAMP_MIN SCHED_FLAG_UTIL_CLAMP_MAX`,
  ),
  from("linux/sched/types.h", "SCHED_ATTR_SIZE_VER0 SCHED_ATTR_SIZE_VER1"),
  from(
    "linux/nsfs.h",
    `NS_GET_USERNS NS_GET_PARENT NS_GET_NSTYPE NS_GET_OWNER_UID NS_GET_MNTNS_ID NS_GET_PID_FROM_PIDNS
     NS_GET_TGID_FROM_PIDNS NS_GET_PID_IN_PIDNS NS_GET_TGID_IN_PIDNS`,
  ),
  from(
    "linux/pidfd.h",
    `PIDFD_NONBLOCK PIDFD_THREAD PIDFD_SIGNAL_THREAD PIDFD_SIGNAL_THREAD_GROUP
     PIDFD_SIGNAL_PROCESS_GROUP PIDFD_GET_CGROUP_NAMESPACE PIDFD_GET_IPC_NAMESPACE
     PIDFD_GET_MNT_NAMESPACE PIDFD_GET_NET_NAMESPACE PIDFD_GET_PID_NAMESPACE
     PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE PIDFD_GET_TIME_NAMESPACE
     PIDFD_GET_TIME_FOR_CHILDREN_NAMESPACE PIDFD_GET_USER_NAMESPACE PIDFD_GET_UTS_NAMESPACE`,
  ),
  from(
    "linux/wait.h",
    `WNOHANG WUNTRACED WSTOPPED WEXITED WCONTINUED WNOWAIT __WNOTHREAD __WALL __WCLONE
     P_ALL P_PID P_PGID P_PIDFD`,
  ),
  from(
    "asm/siginfo.h",
    `CLD_EXITED CLD_KILLED CLD_DUMPED CLD_TRAPPED CLD_STOPPED CLD_CONTINUED SI_USER SI_KERNEL
     SI_QUEUE SI_TKILL`,
  ),
  from(
    "asm/signal.h",
    `SIG_BLOCK SIG_UNBLOCK SIG_SETMASK SA_NOCLDSTOP SA_NOCLDWAIT SA_SIGINFO SA_ONSTACK SA_RESTART
     SA_NODEFER SA_RESETHAND`,
  ),
  from("linux/kcmp.h", "KCMP_FILE KCMP_VM KCMP_FILES KCMP_FS"),
  from(
    "linux/prctl.h",
    `PR_SET_PDEATHSIG PR_GET_PDEATHSIG PR_GET_DUMPABLE PR_SET_DUMPABLE PR_GET_KEEPCAPS
     PR_SET_KEEPCAPS PR_SET_NAME PR_GET_NAME PR_GET_SECCOMP PR_SET_SECCOMP PR_CAPBSET_READ
     PR_CAPBSET_DROP PR_GET_SECUREBITS PR_SET_SECUREBITS PR_SET_MM PR_SET_MM_EXE_FILE
     PR_SET_CHILD_SUBREAPER PR_GET_CHILD_SUBREAPER PR_SET_NO_NEW_PRIVS PR_GET_NO_NEW_PRIVS
     PR_SET_THP_DISABLE PR_CAP_AMBIENT PR_CAP_AMBIENT_IS_SET PR_CAP_AMBIENT_RAISE
     PR_CAP_AMBIENT_LOWER PR_CAP_AMBIENT_CLEAR_ALL PR_GET_SPECULATION_CTRL PR_SET_SPECULATION_CTRL
     PR_SPEC_STORE_BYPASS PR_SPEC_INDIRECT_BRANCH PR_SPEC_FORCE_DISABLE PR_SET_MEMORY_MERGE
     PR_GET_MEMORY_MERGE`,
  ),
  from(
    "linux/capability.h",
    `_LINUX_CAPABILITY_VERSION_3 _LINUX_CAPABILITY_U32S_3 CAP_LAST_CAP CAP_SETGID`,
  ),
  from(
    "linux/securebits.h",
    `SECBIT_NOROOT SECBIT_NOROOT_LOCKED SECBIT_NO_SETUID_FIXUP SECBIT_NO_SETUID_FIXUP_LOCKED
     SECBIT_KEEP_CAPS SECBIT_KEEP_CAPS_LOCKED SECBIT_NO_CAP_AMBIENT_RAISE
     SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED`,
  ),
  from(
    "linux/resource.h",
    `RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA RLIMIT_STACK RLIMIT_CORE RLIMIT_RSS RLIMIT_NPROC
     RLIMIT_NOFILE RLIMIT_MEMLOCK RLIMIT_AS RLIMIT_LOCKS RLIMIT_SIGPENDING RLIMIT_MSGQUEUE
     RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_RTTIME RLIM_NLIMITS RLIM_INFINITY
     PRIO_PROCESS RUSAGE_SELF RUSAGE_CHILDREN`,
  ),
  from(
    "linux/personality.h",
    "PER_LINUX PER_LINUX32 ADDR_NO_RANDOMIZE READ_IMPLIES_EXEC ADDR_COMPAT_LAYOUT",
  ),
  from(
    "linux/ioprio.h",
    `IOPRIO_CLASS_SHIFT IOPRIO_CLASS_NONE IOPRIO_CLASS_RT IOPRIO_CLASS_BE IOPRIO_CLASS_IDLE
     IOPRIO_WHO_PROCESS IOPRIO_WHO_PGRP IOPRIO_WHO_USER`,
  ),
  from(
    "linux/mempolicy.h",
    `MPOL_DEFAULT MPOL_PREFERRED MPOL_BIND MPOL_INTERLEAVE MPOL_LOCAL MPOL_PREFERRED_MANY
     MPOL_WEIGHTED_INTERLEAVE MPOL_F_STATIC_NODES MPOL_F_RELATIVE_NODES MPOL_F_NUMA_BALANCING
     MPOL_F_NODE MPOL_F_ADDR MPOL_F_MEMS_ALLOWED`,
  ),
  from(
    "linux/keyctl.h",
    `KEY_SPEC_THREAD_KEYRING KEY_SPEC_PROCESS_KEYRING KEY_SPEC_SESSION_KEYRING
     KEYCTL_GET_KEYRING_ID KEYCTL_JOIN_SESSION_KEYRING KEYCTL_UPDATE KEYCTL_REVOKE KEYCTL_CHOWN
     KEYCTL_SETPERM KEYCTL_DESCRIBE KEYCTL_CLEAR KEYCTL_LINK KEYCTL_UNLINK`,
  ),
  from("linux/reboot.h", "LINUX_REBOOT_MAGIC1 LINUX_REBOOT_MAGIC2 LINUX_REBOOT_CMD_CAD_OFF"),

  // Filters: seccomp, BPF.
  from(
    "linux/seccomp.h",
    `SECCOMP_MODE_STRICT SECCOMP_MODE_FILTER SECCOMP_SET_MODE_STRICT SECCOMP_SET_MODE_FILTER
     SECCOMP_GET_ACTION_AVAIL SECCOMP_GET_NOTIF_SIZES SECCOMP_FILTER_FLAG_TSYNC
     SECCOMP_FILTER_FLAG_LOG SECCOMP_FILTER_FLAG_SPEC_ALLOW SECCOMP_FILTER_FLAG_NEW_LISTENER
     SECCOMP_FILTER_FLAG_TSYNC_ESRCH SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
     SECCOMP_RET_KILL_PROCESS SECCOMP_RET_KILL_THREAD SECCOMP_RET_KILL SECCOMP_RET_TRAP
     SECCOMP_RET_ERRNO SECCOMP_RET_USER_NOTIF SECCOMP_RET_TRACE SECCOMP_RET_LOG SECCOMP_RET_ALLOW
     SECCOMP_RET_ACTION_FULL SECCOMP_RET_DATA SECCOMP_IOCTL_NOTIF_RECV SECCOMP_IOCTL_NOTIF_SEND
     SECCOMP_IOCTL_NOTIF_ID_VALID SECCOMP_IOCTL_NOTIF_ADDFD SECCOMP_USER_NOTIF_FLAG_CONTINUE`,
  ),
  from("linux/audit.h", "AUDIT_ARCH_X86_64 AUDIT_ARCH_I386 AUDIT_ARCH_AARCH64 AUDIT_ARCH_ARM"),
  from(
    "linux/bpf.h",
    `BPF_LD BPF_LDX BPF_ST BPF_STX BPF_ALU BPF_JMP BPF_JMP32 BPF_RET BPF_MISC BPF_ALU64
     BPF_W BPF_H BPF_B BPF_DW BPF_IMM BPF_ABS BPF_IND BPF_MEM BPF_LEN BPF_MSH
     BPF_ADD BPF_SUB BPF_MUL BPF_DIV BPF_OR BPF_AND BPF_LSH BPF_RSH BPF_NEG BPF_MOD BPF_XOR BPF_MOV
     BPF_ARSH BPF_END BPF_JA BPF_JEQ BPF_JGT BPF_JGE BPF_JSET BPF_JNE BPF_JSGT BPF_JSGE BPF_JLT
     BPF_JLE BPF_CALL BPF_EXIT BPF_K BPF_X
     BPF_REG_0 BPF_REG_1 BPF_REG_2 BPF_REG_3 BPF_REG_4 BPF_REG_5 BPF_REG_6 BPF_REG_10
     BPF_MAP_CREATE BPF_PROG_LOAD BPF_OBJ_PIN BPF_OBJ_GET BPF_PROG_ATTACH BPF_PROG_DETACH
     BPF_PROG_GET_FD_BY_ID BPF_OBJ_GET_INFO_BY_FD BPF_PROG_QUERY BPF_LINK_CREATE BPF_LINK_UPDATE
     BPF_PROG_TYPE_CGROUP_DEVICE BPF_CGROUP_DEVICE BPF_F_ALLOW_OVERRIDE BPF_F_ALLOW_MULTI
     BPF_F_REPLACE BPF_F_QUERY_EFFECTIVE BPF_OBJ_NAME_LEN
     BPF_DEVCG_ACC_MKNOD BPF_DEVCG_ACC_READ BPF_DEVCG_ACC_WRITE BPF_DEVCG_DEV_BLOCK
     BPF_DEVCG_DEV_CHAR`,
  ),

  // Descriptors to wait on, and time.
  from("asm/poll.h", "POLLIN POLLPRI POLLOUT POLLERR POLLHUP POLLNVAL POLLRDHUP"),
  from(
    "linux/eventpoll.h",
    `EPOLL_CLOEXEC EPOLL_CTL_ADD EPOLL_CTL_DEL EPOLL_CTL_MOD EPOLLIN EPOLLPRI EPOLLOUT EPOLLERR
     EPOLLHUP EPOLLRDHUP EPOLLEXCLUSIVE EPOLLONESHOT EPOLLET`,
  ),
  from("linux/eventfd.h", "EFD_SEMAPHORE EFD_CLOEXEC EFD_NONBLOCK"),
  from("linux/signalfd.h", "SFD_CLOEXEC SFD_NONBLOCK"),
  from("linux/timerfd.h", "TFD_TIMER_ABSTIME TFD_TIMER_CANCEL_ON_SET TFD_CLOEXEC TFD_NONBLOCK"),
  from(
    "linux/inotify.h",
    `IN_ACCESS IN_MODIFY IN_ATTRIB IN_CLOSE_WRITE IN_CLOSE_NOWRITE IN_CLOSE IN_OPEN IN_MOVED_FROM
     IN_MOVED_TO IN_MOVE IN_CREATE IN_DELETE IN_DELETE_SELF IN_MOVE_SELF IN_UNMOUNT IN_Q_OVERFLOW
     IN_IGNORED IN_ONLYDIR IN_DONT_FOLLOW IN_EXCL_UNLINK IN_MASK_CREATE IN_MASK_ADD IN_ISDIR
     IN_ONESHOT IN_CLOEXEC IN_NONBLOCK`,
  ),
  from(
    "linux/time.h",
    `CLOCK_REALTIME CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID CLOCK_THREAD_CPUTIME_ID
     CLOCK_MONOTONIC_RAW CLOCK_REALTIME_COARSE CLOCK_MONOTONIC_COARSE CLOCK_BOOTTIME TIMER_ABSTIME`,
  ),
  from("linux/random.h", "GRND_NONBLOCK GRND_RANDOM GRND_INSECURE"),

  // Memory.
  from("linux/memfd.h", "MFD_CLOEXEC MFD_ALLOW_SEALING MFD_HUGETLB MFD_NOEXEC_SEAL MFD_EXEC"),
  from(
    "linux/mman.h",
    `PROT_NONE PROT_READ PROT_WRITE PROT_EXEC MAP_SHARED MAP_PRIVATE MAP_FIXED MAP_ANONYMOUS
     MAP_GROWSDOWN MAP_NORESERVE MAP_POPULATE MAP_STACK MAP_FIXED_NOREPLACE MADV_DONTNEED MADV_COLD
     MADV_PAGEOUT`,
  ),

  // Terminals.
  from(
    "asm/termios.h",
    `TCGETS TCSETS TCSETSW TCSETSF TIOCSCTTY TIOCNOTTY TIOCGPGRP TIOCSPGRP TIOCGSID TIOCGWINSZ
     TIOCSWINSZ TIOCGPTN TIOCSPTLCK TIOCGPTLCK TIOCGPTPEER TIOCCONS TIOCSTI TIOCPKT TIOCOUTQ
     FIONREAD FIONBIO TIOCEXCL TIOCNXCL TCSBRK
     IGNBRK BRKINT IGNPAR PARMRK INPCK ISTRIP INLCR IGNCR ICRNL IUCLC IXON IXANY IXOFF IMAXBEL IUTF8
     OPOST OLCUC ONLCR OCRNL ONOCR ONLRET OFILL OFDEL
     CSIZE CS5 CS6 CS7 CS8 CSTOPB CREAD PARENB PARODD HUPCL CLOCAL CBAUD B9600 B38400
     ISIG ICANON ECHO ECHOE ECHOK ECHONL NOFLSH TOSTOP ECHOCTL ECHOPRT ECHOKE IEXTEN
     VINTR VQUIT VERASE VKILL VEOF VTIME VMIN VSWTC VSTART VSTOP VSUSP VEOL VREPRINT VDISCARD
     VWERASE VLNEXT VEOL2`,
  ),

  // Sockets and netlink.
  from(
    "asm/socket.h",
    `SOL_SOCKET SO_DEBUG SO_REUSEADDR SO_TYPE SO_ERROR SO_SNDBUF SO_RCVBUF SO_SNDBUFFORCE
     SO_RCVBUFFORCE SO_PASSCRED SO_PEERCRED SO_RCVTIMEO_OLD SO_SNDTIMEO_OLD SO_ACCEPTCONN SO_PEERSEC
     SO_PASSSEC SO_PROTOCOL SO_DOMAIN SO_COOKIE SO_PEERGROUPS SO_PASSPIDFD SO_PEERPIDFD`,
  ),
  from(
    "linux/sockios.h",
    `SIOCGIFNAME SIOCGIFFLAGS SIOCSIFFLAGS SIOCGIFADDR SIOCSIFADDR SIOCGIFINDEX SIOCGIFMTU
     SIOCSIFMTU SIOCGSKNS`,
  ),
  from(
    "linux/netlink.h",
    `NETLINK_ROUTE NETLINK_SOCK_DIAG NETLINK_AUDIT NETLINK_KOBJECT_UEVENT NETLINK_GENERIC
     NLM_F_REQUEST NLM_F_MULTI NLM_F_ACK NLM_F_ECHO NLM_F_DUMP_INTR NLM_F_ROOT NLM_F_MATCH
     NLM_F_ATOMIC NLM_F_DUMP NLM_F_REPLACE NLM_F_EXCL NLM_F_CREATE NLM_F_APPEND NLM_F_CAPPED
     NLM_F_ACK_TLVS NLMSG_NOOP NLMSG_ERROR NLMSG_DONE NLMSG_OVERRUN NLMSG_MIN_TYPE NLMSG_ALIGNTO
     NLMSGERR_ATTR_MSG NLMSGERR_ATTR_OFFS NETLINK_EXT_ACK NETLINK_CAP_ACK NETLINK_GET_STRICT_CHK
     NLA_F_NESTED NLA_F_NET_BYTEORDER NLA_ALIGNTO`,
  ),
  from(
    "linux/rtnetlink.h",
    `RTM_NEWLINK RTM_DELLINK RTM_GETLINK RTM_SETLINK RTM_NEWADDR RTM_DELADDR RTM_GETADDR
     RTM_NEWROUTE RTM_DELROUTE RTM_GETROUTE RTM_NEWNSID RTM_DELNSID RTM_GETNSID
     RT_TABLE_MAIN RT_TABLE_LOCAL RT_SCOPE_UNIVERSE RT_SCOPE_LINK RT_SCOPE_HOST RTN_UNICAST
     RTN_LOCAL RTPROT_KERNEL RTPROT_BOOT RTPROT_STATIC RTA_DST RTA_GATEWAY RTA_OIF RTA_PREFSRC
     RTA_TABLE RTEXT_FILTER_VF`,
  ),
  from(
    "linux/if_link.h",
    `IFLA_ADDRESS IFLA_BROADCAST IFLA_IFNAME IFLA_MTU IFLA_LINK IFLA_MASTER IFLA_LINKINFO
     IFLA_NET_NS_PID IFLA_NET_NS_FD IFLA_TARGET_NETNSID IFLA_ALT_IFNAME IFLA_NEW_IFINDEX
     IFLA_OPERSTATE IFLA_INFO_KIND IFLA_INFO_DATA`,
  ),
  from(
    "linux/if_addr.h",
    `IFA_ADDRESS IFA_LOCAL IFA_LABEL IFA_BROADCAST IFA_FLAGS IFA_F_PERMANENT IFA_F_NODAD
     IFA_F_TENTATIVE`,
  ),
  from("linux/veth.h", "VETH_INFO_PEER"),
];

/** Constants of the C library's headers that the kernel's do not carry (libc6-dev). */
export const LIBC_CONSTANTS: readonly Group[] = [
  from(
    "sys/socket.h",
    `AF_UNSPEC AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET AF_VSOCK
     SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_SEQPACKET SOCK_CLOEXEC SOCK_NONBLOCK
     SCM_RIGHTS SCM_CREDENTIALS SOL_NETLINK
     MSG_OOB MSG_PEEK MSG_DONTROUTE MSG_CTRUNC MSG_TRUNC MSG_DONTWAIT MSG_EOR MSG_WAITALL
     MSG_NOSIGNAL MSG_MORE MSG_CMSG_CLOEXEC SHUT_RD SHUT_WR SHUT_RDWR SOMAXCONN`,
  ),
  from("netinet/in.h", "IPPROTO_IP IPPROTO_TCP IPPROTO_UDP IPPROTO_IPV6"),
  from("sys/mount.h", "MNT_FORCE MNT_DETACH MNT_EXPIRE UMOUNT_NOFOLLOW"),
  from("dirent.h", "DT_UNKNOWN DT_FIFO DT_CHR DT_DIR DT_BLK DT_REG DT_LNK DT_SOCK"),
  from(
    "net/if.h",
    "IFNAMSIZ IFF_UP IFF_BROADCAST IFF_LOOPBACK IFF_POINTOPOINT IFF_RUNNING IFF_NOARP",
  ),
  from("unistd.h", "F_OK X_OK W_OK R_OK"),
];

/**
 * Signals by name, a signal's usual name before its aliases (signal(7)). They are exported one by
 * one and together as `SIGNALS`.
 */
export const SIGNALS: Group = from(
  "signal.h",
  `SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE
   SIGALRM SIGTERM SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ
   SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR SIGSYS SIGIOT SIGCLD SIGPOLL`,
);

/** Structures of the kernel's interface; `stat` is exported as `STRUCT_stat`. */
export const STRUCTURES: readonly Structure[] = [
  layout("linux/openat2.h", "open_how", "flags mode resolve"),
  layout("linux/mount.h", "mount_attr", "attr_set attr_clr propagation userns_fd"),
  layout(
    "linux/sched.h",
    "clone_args",
    `flags pidfd child_tid parent_tid exit_signal stack stack_size tls set_tid set_tid_size cgroup`,
  ),
  layout(
    "linux/stat.h",
    "statx",
    `stx_mask stx_blksize stx_attributes stx_nlink stx_uid stx_gid stx_mode stx_ino stx_size
     stx_blocks stx_attributes_mask stx_atime stx_btime stx_ctime stx_mtime stx_rdev_major
     stx_rdev_minor stx_dev_major stx_dev_minor stx_mnt_id`,
  ),
  layout("asm/statfs.h", "statfs", "f_type f_bsize f_blocks f_flags"),
  layout("linux/fcntl.h", "flock", "l_type l_whence l_start l_len l_pid"),
  layout("asm/poll.h", "pollfd", "fd events revents"),
  layout("linux/eventpoll.h", "epoll_event", "events data"),
  layout(
    "linux/signalfd.h",
    "signalfd_siginfo",
    "ssi_signo ssi_errno ssi_code ssi_pid ssi_uid ssi_fd ssi_status",
  ),
  layout("linux/inotify.h", "inotify_event", "wd mask cookie len"),
  layout("linux/resource.h", "rlimit64", "rlim_cur rlim_max"),
  layout("asm/termios.h", "termios", "c_iflag c_oflag c_cflag c_lflag c_line c_cc"),
  layout("asm/termios.h", "winsize", "ws_row ws_col ws_xpixel ws_ypixel"),
  layout("linux/capability.h", "__user_cap_header_struct", "version pid"),
  layout("linux/capability.h", "__user_cap_data_struct", "effective permitted inheritable"),
  layout(
    "linux/sched/types.h",
    "sched_attr",
    `size sched_policy sched_flags sched_nice sched_priority sched_runtime sched_deadline
     sched_period sched_util_min sched_util_max`,
  ),
  layout("linux/time_types.h", "__kernel_timespec", "tv_sec tv_nsec"),
  layout("linux/seccomp.h", "seccomp_data", "nr arch instruction_pointer args"),
  layout("linux/filter.h", "sock_fprog", "len filter"),
  layout("linux/netlink.h", "nlmsghdr", "nlmsg_len nlmsg_type nlmsg_flags nlmsg_seq nlmsg_pid"),
  layout("linux/rtnetlink.h", "ifinfomsg", "ifi_family ifi_type ifi_index ifi_flags ifi_change"),
];
