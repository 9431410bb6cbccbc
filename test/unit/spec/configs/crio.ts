/** As CRI-O writes for a pod's container: many annotations, limits of Kubernetes, null lists. */
export const crio = String.raw`{
  "ociVersion": "1.0.2-dev",
  "process": {
    "user": {"uid": 1001, "gid": 0, "additionalGids": null},
    "args": ["/app", "--config={\"a\":12345678901234567890}"],
    "env": ["KUBERNETES_PORT=tcp://10.96.0.1:443"],
    "cwd": "/",
    "capabilities": null,
    "apparmorProfile": "",
    "oomScoreAdj": -997,
    "selinuxLabel": ""
  },
  "root": {"path": "/var/lib/containers/storage/overlay/c0ffee/merged", "readonly": true},
  "hostname": "web-0",
  "mounts": [
    {"destination": "/etc/hosts", "type": "bind", "source": "/var/lib/kubelet/pods/x/etc-hosts", "options": ["rw", "rbind", "rprivate", "bind"]},
    {"destination": "var/tmp", "type": "", "source": "/tmp", "options": null}
  ],
  "hooks": null,
  "annotations": {
    "io.kubernetes.cri-o.Annotations": "{\"kubernetes.io/config.seen\":\"2024-01-01T00:00:00Z\"}",
    "io.kubernetes.container.restartCount": "0"
  },
  "windows": null,
  "linux": {
    "resources": {
      "devices": [{"allow": true, "type": "", "access": ""}],
      "memory": {"limit": 134217728, "swap": 134217728, "reservation": null},
      "cpu": {"shares": 102, "quota": 10000, "period": 100000, "cpus": "", "mems": ""},
      "pids": {"limit": 0},
      "hugepageLimits": [{"pageSize": "2MB", "limit": 0}, {"pageSize": "1GB", "limit": 0}]
    },
    "cgroupsPath": "kubepods-burstable-pod12.slice:crio:c0ffee",
    "namespaces": [
      {"type": "pid"},
      {"type": "network", "path": "/var/run/netns/7a"},
      {"type": "ipc", "path": "/var/run/ipcns/7a"},
      {"type": "uts", "path": "/var/run/utsns/7a"},
      {"type": "mount"}
    ],
    "devices": null,
    "seccomp": {"defaultAction": ""},
    "rootfsPropagation": "",
    "maskedPaths": null
  }
}`;
