/** linux.netDevices: devices of the host's network namespace that become the container's, and come back if it fails. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { readlinkSync } from "node:fs";
import { test } from "node:test";
import { type Bundle, shellBundle } from "./harness/bundle.ts";
import { addUserNamespace, type Config, makeRootless, shareNamespace } from "./harness/config.ts";
import { eventually, failed, succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { newId, Runtime, tsrun, tsrunPath } from "./harness/runtime.ts";
import { asUser, giveFolders } from "./harness/user.ts";

nothingIsLeftAtTheEnd();

/** A network namespace that stands for the host's. */
interface Host {
  path: string;
  /** Runs a line of ip(8) there. */
  ip: (line: string) => string;
  /** A runtime there. */
  runtime: (path: string) => Runtime;
}

/** Runs `use` with a host that has `dev0` and `dev1`, each the end of a veth pair whose other end stays. */
function onHost(use: (host: Host) => void): void {
  const holder = spawn("unshare", ["--net", "sleep", "60"], { stdio: "ignore" });
  const path = `/proc/${holder.pid}/ns/net`;
  const enter = ["nsenter", `--net=${path}`];
  try {
    eventually("the network namespace is there", () => {
      const isSleeping = readlinkSync(`/proc/${holder.pid}/exe`).endsWith("sleep");
      return isSleeping && readlinkSync(path) !== readlinkSync("/proc/self/ns/net");
    });
    const host: Host = {
      path,
      ip: (line) =>
        execFileSync("nsenter", [...enter.slice(1), "ip", ...line.split(" ")], {
          encoding: "utf8",
        }),
      runtime: (command) => new Runtime(command, [...enter, command]),
    };
    for (const i of [0, 1]) {
      host.ip(`link add dev${i} type veth peer name peer${i}`);
      host.ip(`link set peer${i} up`);
    }
    use(host);
  } finally {
    holder.kill("SIGKILL");
  }
}

type NetDevices = NonNullable<Config["linux"]["netDevices"]>;

function bundleWith(
  netDevices: NetDevices,
  script: string,
  edit: (config: Config) => void = () => {},
): Bundle {
  return shellBundle(script, {
    edit: (config) => {
      config.linux.netDevices = netDevices;
      edit(config);
    },
  });
}

function run({ runtime }: Host, bundle: Bundle, path = tsrunPath): string {
  const call = ["run", "--bundle", bundle.path, newId()];
  return succeeded(runtime(path).call(call, { input: "" }), path).stdout;
}

/** The addresses that `ip -o addr` shows, one a line: device, address, and what is said of it; not the kernel's own. */
const addressesOf = (output: string): string[] =>
  output
    .split("\n")
    .filter((line) => line !== "" && !/ (127\.0\.0\.1|::1|fe80:)/.test(line))
    .map((line) =>
      line
        .replace(/^\d+: /, "")
        .replace(/\\.*/, "")
        .replace(/ tentative/, "")
        .replace(/\s+/g, " ")
        .trim(),
    )
    .toSorted();

const LINK = "ip -o link show";

test("a device is moved, renamed and set up, and keeps its MTU and its address", () => {
  onHost((host) => {
    host.ip("link set dev0 mtu 1400 address 02:00:00:00:00:07");
    const bundle = bundleWith({ dev0: { name: "eth0" }, dev1: {} }, `${LINK} eth0; ${LINK} dev1`);
    const [first, second] = run(host, bundle).split("\n");
    assert.match(first ?? "", /eth0.*[<,]UP[,>].* mtu 1400 .* 02:00:00:00:00:07 /);
    assert.match(second ?? "", /dev1.*[<,]UP[,>].* mtu 1500 /);
  });
});

const ADDRESSES: [given: string, inside: string | undefined][] = [
  ["10.1.2.3/24 brd + label dev0:x", "eth0 inet 10.1.2.3/24 brd 10.1.2.255 scope global eth0:x"],
  ["10.1.2.4/24", "eth0 inet 10.1.2.4/24 scope global secondary eth0"],
  ["10.9.9.1 peer 10.9.9.2", "eth0 inet 10.9.9.1 peer 10.9.9.2/32 scope global eth0"],
  ["fd00::1/64 nodad", "eth0 inet6 fd00::1/64 scope global flags 02"],
  ["fd00::2/64 preferred_lft 0", "eth0 inet6 fd00::2/64 scope global deprecated"],
  // Not permanent, and not global.
  ["10.7.7.7/24 valid_lft 1000 preferred_lft 500", undefined],
  ["10.8.8.8/24 scope link", undefined],
];

function addAddresses(host: Host): void {
  host.ip("link set dev0 up");
  for (const [given] of ADDRESSES) host.ip(`addr add ${given} dev dev0`);
}

test("permanent addresses of global scope are kept, with their flags, and no others", () => {
  onHost((host) => {
    addAddresses(host);
    const output = run(host, bundleWith({ dev0: { name: "eth0" } }, "ip -o addr"));
    const expected = ADDRESSES.flatMap(([, inside]) => inside ?? []).toSorted();
    assert.deepEqual(addressesOf(output), expected);
  });
});

test("a device that is down, with the name of one in use, and a template", () => {
  onHost((host) => {
    const bundle = bundleWith({ dev0: { name: "eth%d" }, dev1: { name: "eth%d" } }, LINK);
    const names = [...run(host, bundle).matchAll(/^\d+: ([^:@]+)/gm)].map(([, name]) => name);
    assert.deepEqual(names.toSorted(), ["eth0", "eth1", "lo"]);
  });
});

test("two devices may exchange their names", () => {
  onHost((host) => {
    for (const i of [0, 1]) host.ip(`link set dev${i} mtu 140${i}`);
    const bundle = bundleWith({ dev0: { name: "dev1" }, dev1: { name: "dev0" } }, LINK);
    const output = run(host, bundle);
    assert.match(output, /dev1@.* mtu 1400 /);
    assert.match(output, /dev0@.* mtu 1401 /);
  });
});

test("sysctls may name the devices, under their new names", () => {
  onHost((host) => {
    const file = "/proc/sys/net/ipv4/conf/eth0/forwarding";
    const bundle = bundleWith({ dev0: { name: "eth0" } }, `cat ${file}`, (config) => {
      config.linux.sysctl = { "net.ipv4.conf.eth0.forwarding": "1" };
    });
    assert.equal(run(host, bundle), "1\n");
  });
});

test("hooks of the host find the device in the container", () => {
  onHost((host) => {
    const bundle = bundleWith({ dev0: {} }, "true", (config) => {
      const script = `pid=$(grep -o '"pid":[0-9]*' | cut -d: -f2)
        nsenter --net=/proc/$pid/ns/net ip link show dev0`;
      config.hooks = { prestart: [{ path: "/bin/sh", args: ["sh", "-c", script] }] };
    });
    run(host, bundle);
  });
});

test("in a user namespace, and in a network namespace that is joined", () => {
  onHost((host) => {
    run(host, bundleWith({ dev0: {} }, `${LINK} dev0`, addUserNamespace));
    onHost((other) => {
      other.ip("link del dev1");
      const bundle = bundleWith({ dev1: { name: "joined" } }, `${LINK} joined`, (config) => {
        shareNamespace(config, "network");
        config.linux.namespaces.push({ type: "network", path: other.path });
      });
      run(host, bundle);
      // The namespace outlives the container, and its devices are its owner's.
      assert.match(other.ip("-o link show joined"), /[<,]UP[,>]/);
    });
  });
});

/** What of the host's devices must be as it was after a container that failed. */
const facts = (host: Host) => ({
  addresses: addressesOf(host.ip("-o addr")).filter((line) => !line.includes("dynamic")),
  up: [...host.ip("-o link").matchAll(/^\d+: (\w+)@?\S* <\S*\bUP\b/gm)].map(([, name]) => name),
  all: [...host.ip("-o link").matchAll(/^(\d+: \w+)/gm)].map(([, name]) => name),
});

const FAILURES: [string, NetDevices, (config: Config) => void, RegExp][] = [
  [
    "a hook fails",
    { dev0: { name: "eth0" }, dev1: {} },
    (config) => {
      config.hooks = { createRuntime: [{ path: "/bin/false" }] };
    },
    /createRuntime hook/,
  ],
  [
    "the program is missing",
    { dev0: { name: "eth0" } },
    (config) => {
      config.process.args = ["/missing"];
    },
    /\/missing/,
  ],
  [
    "the name is in use",
    { dev1: {}, dev0: { name: "lo" } },
    () => {},
    /EEXIST.*\/linux\/netDevices\/dev0/,
  ],
  [
    "another device cannot be moved",
    { dev0: {}, lo: { name: "lo2" } },
    () => {},
    /EINVAL.*\/linux\/netDevices\/lo\b/,
  ],
  ["another device is missing", { dev0: {}, dev9: {} }, () => {}, /ENODEV.*\/dev9.*namespace/],
];

for (const [name, netDevices, edit, pattern] of FAILURES)
  test(`${name}: the devices are the host's again, as they were`, () => {
    onHost((host) => {
      addAddresses(host);
      // They are not kept by a device that moves.
      for (const address of ["10.7.7.7/24", "10.8.8.8/24"]) host.ip(`addr del ${address} dev dev0`);
      const before = facts(host);
      const bundle = bundleWith(netDevices, "true", edit);
      failed(host.runtime(tsrunPath).call(["run", "--bundle", bundle.path, newId()]), pattern);
      assert.deepEqual(facts(host), before);
    });
  });

const REFUSED: [string, NetDevices, (config: Config, host: Host) => void, RegExp][] = [
  [
    "no network namespace",
    { dev0: {} },
    (config) => shareNamespace(config, "network"),
    /network namespace.*\/linux\/netDevices/,
  ],
  [
    "the host's own network namespace",
    { dev0: {} },
    (config, host) => {
      shareNamespace(config, "network");
      config.linux.namespaces.push({ type: "network", path: host.path });
    },
    /host's own.*\/linux\/namespaces\/5\/path/,
  ],
  [
    "a name that is too long",
    { dev0: { name: "0123456789abcdef" } },
    () => {},
    /15 bytes.*\/linux\/netDevices\/dev0\/name/,
  ],
  [
    "the same name twice",
    { dev0: { name: "eth0" }, dev1: { name: "eth0" } },
    () => {},
    /both.*\/linux\/netDevices\/dev1\/name/,
  ],
];

for (const [name, netDevices, edit, pattern] of REFUSED)
  test(`${name} is refused, and nothing is moved`, () => {
    onHost((host) => {
      const bundle = bundleWith(netDevices, "true", (config) => edit(config, host));
      const before = facts(host);
      failed(host.runtime(tsrunPath).call(["run", "--bundle", bundle.path, newId()]), pattern);
      assert.deepEqual(facts(host), before);
    });
  });

test("a user cannot take a device of the host's", () => {
  const bundle = bundleWith({ lo: { name: "lo2" } }, "true", (config) => {
    makeRootless(config);
    shareNamespace(config, "network");
    config.linux.namespaces.push({ type: "network" });
  });
  giveFolders(bundle.path);
  const call = ["run", "--bundle", bundle.path, newId()];
  const patterns = [/EPERM/, /administer the network/, /\/linux\/netDevices/];
  failed(asUser(tsrun).call(call, { input: "" }), ...patterns);
});

test(
  "runc moves a device alike, with its addresses but for their peers and flags",
  needs("recent runc"),
  () => {
    const observed = [tsrunPath, "runc-recent"].map((path) => {
      let output = "";
      onHost((host) => {
        // Down: runc takes it down before it looks, and so loses the IPv6 addresses of one that is up.
        host.ip("link set dev0 mtu 1400");
        for (const address of ["10.1.2.4/24", "fd00::1/64"])
          host.ip(`addr add ${address} dev dev0`);
        host.ip("addr add 10.7.7.7/24 valid_lft 1000 preferred_lft 500 dev dev0");
        host.ip("addr add 10.8.8.8/24 scope link dev dev0");
        const script = `${LINK} eth0 | sed 's/.*</</; s/ link.*//'; ip -o addr`;
        const bundle = bundleWith({ dev0: { name: "eth0" } }, script, (config) => {
          // Of ambient capabilities that are not inheritable recent releases warn.
          delete config.process.capabilities?.ambient;
        });
        output = run(host, bundle, path);
      });
      const [link, ...rest] = output.split("\n");
      // runc 1.4 leaves the broadcast address to be guessed.
      return [link, ...addressesOf(rest.join("\n")).map((line) => line.replace(/ brd \S+/, ""))];
    });
    assert.deepEqual(observed[0], observed[1]);
  },
);
