/** Every property of the Linux configuration once, with values at the ends of their ranges. */
export const complete = `{
  "ociVersion": "1.3.0",
  "hostname": "h", "domainname": "d",
  "root": {"path": "rootfs", "readonly": false},
  "process": {
    "terminal": false, "consoleSize": {"height": 25, "width": 80}, "cwd": "/", "args": ["a"], "env": ["A=b"],
    "user": {"uid": 4294967295, "gid": 0, "umask": 18, "additionalGids": [4294967295], "username": "u"},
    "commandLine": "c", "noNewPrivileges": true, "apparmorProfile": "p", "selinuxLabel": "l", "oomScoreAdj": -1000,
    "capabilities": {"bounding": [], "effective": ["CAP_KILL"], "inheritable": [], "permitted": [], "ambient": []},
    "rlimits": [{"type": "RLIMIT_RTTIME", "soft": 0, "hard": 18446744073709551615}],
    "scheduler": {"policy": "SCHED_DEADLINE", "nice": -2147483648, "priority": 2147483647, "flags": ["SCHED_FLAG_RECLAIM"], "runtime": 18446744073709551615, "deadline": 1, "period": 2},
    "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 7},
    "execCPUAffinity": {"initial": "7", "final": "0-3,7"}
  },
  "mounts": [{"destination": "/x", "type": "none", "source": "/y", "options": ["rbind"], "uidMappings": [{"containerID": 0, "hostID": 1, "size": 2}], "gidMappings": []}],
  "hooks": {
    "prestart": [{"path": "/h", "args": ["h"], "env": ["A=b"], "timeout": 9223372036854775807}],
    "createRuntime": [{"path": "/h"}], "createContainer": [{"path": "/h"}], "startContainer": [{"path": "/h"}],
    "poststart": [{"path": "/h"}], "poststop": [{"path": "/h", "timeout": 1}]
  },
  "annotations": {"a": "b"},
  "freebsd": {"x": 1}, "solaris": {"x": []}, "vm": {"x": {}}, "windows": {"x": "y"}, "zos": {},
  "notInTheSpecification": {"at": ["all", 1e300, 123456789012345678901234567890]},
  "linux": {
    "namespaces": [{"type": "pid", "path": ""}, {"type": "network", "path": "/n"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "user"}, {"type": "cgroup"}, {"type": "time"}],
    "uidMappings": [{"containerID": 0, "hostID": 0, "size": 4294967295}], "gidMappings": [],
    "timeOffsets": {"boottime": {"secs": -9223372036854775808, "nanosecs": 4294967295}, "monotonic": {}},
    "devices": [{"type": "b", "path": "/dev/x", "major": 8, "minor": -9223372036854775808, "fileMode": 511, "uid": 0, "gid": 0}, {"type": "p", "path": "/dev/p"}],
    "netDevices": {"eth0": {"name": "c%d"}, "eth1": {}},
    "cgroupsPath": "/c", "mountLabel": "m", "rootfsPropagation": "unbindable",
    "resources": {
      "devices": [{"allow": true, "type": "c", "major": -1, "minor": 9223372036854775807, "access": "rwm"}],
      "memory": {"limit": 9223372036854775807, "reservation": -1, "swap": -1, "kernel": 0, "kernelTCP": 0, "swappiness": 60, "disableOOMKiller": false, "useHierarchy": true, "checkBeforeUpdate": true},
      "cpu": {"shares": 18446744073709551615, "quota": -1, "burst": 0, "period": 1000000, "realtimeRuntime": -1, "realtimePeriod": 1, "cpus": "0-3", "mems": "0", "idle": 1},
      "pids": {"limit": -1},
      "blockIO": {"weight": 65535, "leafWeight": 0, "weightDevice": [{"major": 8, "minor": 0, "weight": 1, "leafWeight": 2}], "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 18446744073709551615}], "throttleWriteBpsDevice": [], "throttleReadIOPSDevice": [], "throttleWriteIOPSDevice": []},
      "hugepageLimits": [{"pageSize": "64KB", "limit": 18446744073709551615}],
      "network": {"classID": 4294967295, "priorities": [{"name": "eth0", "priority": 4294967295}]},
      "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 4294967295}},
      "unified": {"memory.max": "max"}
    },
    "intelRdt": {"closID": "/", "schemata": ["L3:0=7f0"], "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=20", "enableMonitoring": true},
    "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-1", "flags": ["MPOL_F_STATIC_NODES"]},
    "sysctl": {"net.core.somaxconn": "256"},
    "seccomp": {
      "defaultAction": "SCMP_ACT_NOTIFY", "defaultErrnoRet": 4294967295, "architectures": ["SCMP_ARCH_SHEB"], "flags": ["SECCOMP_FILTER_FLAG_TSYNC"], "listenerPath": "/l", "listenerMetadata": "m",
      "syscalls": [{"names": ["read"], "action": "SCMP_ACT_KILL_PROCESS", "errnoRet": 1, "args": [{"index": 5, "value": 18446744073709551615, "valueTwo": 9007199254740993, "op": "SCMP_CMP_GT"}]}]
    },
    "maskedPaths": ["/m"], "readonlyPaths": ["/r"],
    "personality": {"domain": "LINUX32", "flags": []}
  }
}`;
