/** What the options of checkpoint and restore do, and what can be done with a restored container: as with runc. */
import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newFolder } from "./harness/bundle.ts";
import {
  alike,
  alone,
  type Counter,
  checkpoint,
  checkpointed,
  counter,
  counts,
  DETACHED_STREAMS,
  factsOf,
  isGone,
  procFile,
  remove,
  restore,
  restored,
  run,
  wholeWithCriu,
} from "./harness/checkpoint.ts";
import type { Config } from "./harness/config.ts";
import { becomes, eventually, stateOf, succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, Runtime, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** A container that both runtimes can save, and of which no file of this machine says more than the options. */
const detached = (setUp = ":", edit: (config: Config) => void = () => {}): Counter =>
  counter(`${setUp}; ${DETACHED_STREAMS}`, (config) => {
    config.annotations = { "org.criu.config": "" };
    edit(config);
  });

const onMachine = new Runtime("sh", ["sh", "-c"]);

const quoted = (words: readonly string[]): string =>
  words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");

let port = 27277;

/** A port of one test is held for a while after it. */
const nextPort = (): number => port++;

const pagesIn = (images: string) => statSync(join(images, "pages-1.img"));

alike("memory is saved once, in the images of --pre-dump or after it", (runtime) => {
  const container = detached("kept=$(busybox yes | busybox head -c 4000000)");
  run(container, runtime);
  const [first, second] = ["first", "second"].map((name) => join(container.images, "..", name));
  const preDump = (path: string, ...options: string[]) =>
    succeeded(
      runtime.call(["checkpoint", "--pre-dump", "--image-path", path, ...options, container.id]),
    );
  preDump(first as string);
  counts(container);
  const { blocks } = pagesIn(first as string);
  preDump(second as string, "--parent-path", "../first");
  const untouched = pagesIn(first as string).blocks === blocks;
  const held = pagesIn(second as string).blocks;
  counts(container);
  checkpointed(container, ["--parent-path", "../second", "--auto-dedup"], runtime);
  const seen = {
    saved: pagesIn(first as string).size > 4_000_000,
    again: pagesIn(container.images).size > 4_000_000,
    parent: readlinkSync(join(container.images, "parent")),
    untouched,
    deduplicated: pagesIn(second as string).blocks < held,
  };
  restored(container, [], runtime);
  counts(container);
  remove(container, runtime);
  assert.deepEqual(seen, {
    ...{ saved: true, again: false, parent: "../second", untouched: true, deduplicated: true },
  });
  return seen;
});

alike("--page-server sends the memory elsewhere", (runtime) => {
  const container = detached();
  run(container, runtime);
  const pages = newFolder("pages");
  const at = nextPort();
  const server = ["page-server", "--daemon", "--address", "127.0.0.1", "--port", `${at}`];
  succeeded(new Runtime("criu", ["criu"]).call([...server, "-D", pages, "-o", "server.log"]));
  checkpointed(container, ["--page-server", `127.0.0.1:${at}`], runtime);
  const memory = (folder: string) => readdirSync(folder).filter((name) => /^pages-/.test(name));
  const seen = { here: memory(container.images), there: memory(pages) };
  cpSync(pages, container.images, { recursive: true });
  restored(container, [], runtime);
  counts(container);
  remove(container, runtime);
  // One file for each process: what the shell has just started may be there, or not.
  assert.deepEqual(seen.here, []);
  assert.notDeepEqual(seen.there, []);
});

/** Not as with runc, which removes the cgroup while processes that have been saved still end in it: it complains, and leaves it. */
alone("--lazy-pages: it goes on elsewhere, and its memory follows when it is needed", () => {
  const container = detached();
  const other = { ...container, id: newId() };
  run(container);
  const { id, images, path } = container;
  const ready = join(newFolder("ready"), "status");
  const [command, at] = [quoted(tsrun.command), nextPort()];
  const script = `
    ${command} checkpoint --lazy-pages --page-server 127.0.0.1:${at} --status-fd 3 --image-path ${images} ${id} 3> ${ready} &
    saving=$!
    until [ -s ${ready} ]; do sleep 0.1; kill -0 $saving || exit; done
    criu lazy-pages --page-server --address 127.0.0.1 --port ${at} -D ${images} -o lazy.log &
    serving=$!
    ${command} restore --detach --lazy-pages --bundle ${path} --image-path ${images} ${other.id} || exit
    wait $saving && wait $serving`;
  succeeded(onMachine.call([script]));
  counts(other);
  assert.equal(readFileSync(ready, "hex"), "00");
  assert.ok(isGone(container));
  remove(other);
});

/** runc knows it since 1.3. */
alone("--link-remap: a file that is open by a name that it has no more", () => {
  const container = detached(
    "echo kept > /vol/first; busybox ln /vol/first /vol/second; exec 5<> /vol/first; rm /vol/first",
  );
  run(container);
  const refused = checkpoint(container);
  assert.match(refused.stderr, /link-remap/);
  counts(container);
  checkpointed(container, ["--link-remap"]);
  restored(container);
  counts(container);
  const held = procFile(stateOf(container.id).pid, "fd/5");
  const names = readdirSync(container.volume).filter((name) => !name.startsWith("count"));
  remove(container);
  assert.equal(refused.status, 1);
  assert.equal(held, "kept\n");
  assert.deepEqual(names, ["second"]);
});

const profiles = ["first", "second"].map((name) => `tsrun-test-${name}`);

/** Runs `use` while both profiles are loaded, which forbid nothing. */
function withProfiles<T>(use: () => T): T {
  const file = join(newFolder("profiles"), "profiles");
  const flags = "flags=(attach_disconnected,mediate_deleted,complain)";
  writeFileSync(file, profiles.map((name) => `profile ${name} ${flags} {}\n`).join(""));
  const parser = new Runtime("apparmor_parser", ["apparmor_parser"]);
  succeeded(parser.call(["--replace", "--skip-cache", file]));
  try {
    return use();
  } finally {
    succeeded(parser.call(["--remove", file]));
  }
}

alike(
  "--lsm-profile confines the restored processes by another profile",
  (runtime) =>
    withProfiles(() => {
      const [first, second] = profiles as [string, string];
      const container = detached(":", (config) => {
        config.process.apparmorProfile = first;
      });
      const profile = () => procFile(stateOf(container.id, runtime).pid, "attr/current");
      run(container, runtime);
      const before = profile();
      checkpointed(container, [], runtime);
      restored(container, ["--lsm-profile", `apparmor:${second}`], runtime);
      counts(container);
      const after = profile();
      remove(container, runtime);
      assert.deepEqual([before, after], [`${first} (complain)\n`, `${second} (complain)\n`]);
      return after;
    }),
  wholeWithCriu("AppArmor"),
);

alike("--lsm-mount-context changes nothing of mounts without a context", (runtime) => {
  const container = detached();
  run(container, runtime);
  checkpointed(container, [], runtime);
  const context = "system_u:object_r:container_file_t:s0";
  restored(container, ["--lsm-mount-context", context], runtime);
  counts(container);
  assert.doesNotMatch(procFile(stateOf(container.id, runtime).pid, "mountinfo"), /context=/);
  remove(container, runtime);
  return "restored";
});

const restoredBy = (mode: string) => (runtime: Runtime) => {
  const container = detached();
  const { id } = container;
  run(container, runtime);
  checkpointed(container, ["--manage-cgroups-mode", mode], runtime);
  restored(container, ["--manage-cgroups-mode", mode], runtime);
  counts(container);
  const { own, cgroup } = factsOf(id, runtime);
  remove(container, runtime);
  return { own, cgroup: String(cgroup).replace(id, "ID") };
};
for (const mode of ["soft", "full"]) alike(`--manage-cgroups-mode ${mode}`, restoredBy(mode));

/** runc obeys when restoring, too, since 1.2. */
alone("--manage-cgroups-mode strict refuses the group that the runtime has made", () => {
  const container = detached();
  const mode = ["--manage-cgroups-mode", "strict"];
  run(container);
  checkpointed(container, mode);
  const { status, stderr } = restore(container, mode);
  assert.equal(status, 1);
  assert.match(stderr, /existing cgroups/);
  assert.ok(isGone(container));
});

/** runc knows it since 1.2. */
alone("--manage-cgroups-mode ignore", () => {
  const { cgroup } = restoredBy("ignore")(tsrun);
  assert.equal(cgroup, restoredBy("soft")(tsrun).cgroup);
});

alike("--empty-ns network: the network namespace has its loopback device only", (runtime) => {
  const container = detached();
  run(container, runtime);
  checkpointed(container, ["--empty-ns", "network"], runtime);
  restored(container, ["--empty-ns", "network"], runtime);
  counts(container);
  const devices = procFile(stateOf(container.id, runtime).pid, "net/dev").match(/^ *\w+(?=:)/gm);
  remove(container, runtime);
  return devices;
});

alike("a restored container is looked at, entered, paused, killed and deleted", (runtime) => {
  const container = detached();
  const { id, volume } = container;
  const call = (...args: string[]) => succeeded(runtime.call(args), args[0]).stdout;
  const processes = () => call("ps", id).match(/: executed/g)?.length;
  run(container, runtime);
  const own = `: executed; ${DETACHED_STREAMS}; while :; do sleep 1; done`;
  call("exec", "--detach", id, "sh", "-c", own);
  eventually("it is executed", () => processes() === 1);
  checkpointed(container, [], runtime);
  const pidFile = join(volume, "pid");
  restored(container, ["--pid-file", pidFile], runtime);
  const { pid, status } = stateOf(id, runtime);
  const seen = {
    ...{ status, isWritten: readFileSync(pidFile, "utf8") === String(pid) },
    executed: [processes(), call("exec", id, "hostname")],
    listed: call("list", "--quiet").includes(id),
    counted: JSON.parse(call("events", "--stats", id)).data.pids.current > 1,
  };
  call("pause", id);
  const paused = stateOf(id, runtime).status;
  call("resume", id);
  counts(container);
  call("kill", id, "KILL");
  becomes(id, "stopped", runtime);
  call("delete", id);
  return { ...seen, paused, gone: isGone(container, runtime) };
});

const writesToRoot = (readonly: boolean) => (runtime: Runtime) => {
  const container = detached(":", ({ root }) => {
    root.readonly = readonly;
  });
  run(container, runtime);
  checkpointed(container, [], runtime);
  restored(container, [], runtime);
  counts(container);
  const { status } = runtime.call(["exec", container.id, "touch", "/made"]);
  remove(container, runtime);
  return status;
};

/** Not as with runc, whose containers may write to it from then on. */
alone("a root filesystem that is read-only stays so", () => {
  assert.equal(writesToRoot(true)(tsrun), 1);
});
alike("a root filesystem that is writable stays so", writesToRoot(false));
