/** What the engines' tests have in common: their images, and the page that holds the configurations. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { after, before, test } from "node:test";
import { call, output, told } from "./calls.ts";
import { documented } from "./documented.ts";
import { BUSYBOX, busyboxImage, PAUSE, pauseImage } from "./images.ts";
import { installTsrun, tsrun } from "./runtimes.ts";

const folder = mkdtempSync("/var/tmp/engines-");
const SERVICES = ["docker.service", "containerd.service"];

before(() => {
  installTsrun();
  output(["systemctl", "start", ...SERVICES]);
});
after(() => {
  output(["systemctl", "stop", ...SERVICES]);
  rmSync(folder, { recursive: true });
});

const engines: Record<string, { load: string[]; list: string[]; remove: string[] }> = {
  containerd: {
    load: ["ctr", "images", "import"],
    list: ["ctr", "images", "list", "--quiet"],
    remove: ["ctr", "images", "remove", "--sync"],
  },
  Podman: {
    load: ["podman", "load", "--input"],
    list: ["podman", "images", "--format", "{{.Repository}}:{{.Tag}}"],
    remove: ["podman", "rmi"],
  },
  Docker: {
    load: ["docker", "load", "--input"],
    list: ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"],
    remove: ["docker", "rmi"],
  },
};

test("each engine takes the images", () => {
  const images = {
    [BUSYBOX]: busyboxImage(folder),
    [PAUSE]: pauseImage(folder),
  };
  for (const { load, list, remove } of Object.values(engines)) {
    for (const archive of Object.values(images)) output([...load, archive]);
    const listed = output(list).split("\n");
    for (const name of Object.keys(images)) assert.ok(listed.includes(name), `${list}: ${listed}`);
    output([...remove, ...Object.keys(images)]);
  }
});

test("tsrun is where the page expects it", () => {
  assert.match(output([tsrun.path, "--version"]), /^tsrun version /);
  assert.ok(documented("Kubernetes", "/etc/containerd/config.toml").includes(`"${tsrun.path}"`));
});

test("a command that fails tells what it said", () => {
  const command = ["sh", "-c", "echo what; echo why >&2; exit 3"];
  assert.throws(() => output(command), { message: /status 3\nstderr: why\nstdout: what$/ });
  assert.equal(told(["true"], call(["true"]), "is fine"), "true: is fine\nstderr: \nstdout: ");
  assert.throws(() => output(["sleep", "60"], { deadline: 1 }), /was killed/);
});
