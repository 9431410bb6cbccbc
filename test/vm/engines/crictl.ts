/** The CRI's client, crictl: what it is asked is what a kubelet asks of containerd. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Pty } from "../../integration/harness/pty.ts";
import { eventually } from "../../integration/harness/waiting.ts";
import { call, type Ended, output } from "./calls.ts";
import { BUSYBOX } from "./images.ts";
import type { EngineRuntime } from "./runtimes.ts";

/** cri-api, NamespaceMode: whose namespace a container has. */
export const NAMESPACE = { pod: 0, container: 1, node: 2 } as const;
/** cri-api, SecurityProfile.ProfileType. */
export const PROFILE = { runtimeDefault: 0, unconfined: 1 } as const;

/** With systemd's cgroups, a pod's parent is a slice. */
const SLICE = "pods.slice";

/** Parts of a ContainerConfig or a PodSandboxConfig of cri-api, by their names in JSON. */
type Part = Readonly<Record<string, unknown>>;

const crictl = (...args: string[]): string => output(["crictl", ...args]);

/** A pod that runs, under the RuntimeClass that is called like the runtime. */
export class Pod {
  readonly id: string;
  readonly #folder: string;
  readonly #config: string;

  constructor(runtime: EngineRuntime, scratch: string, name: string, security: Part = {}) {
    this.#folder = mkdtempSync(join(scratch, `${name}-`));
    mkdirSync(join(this.#folder, "logs"));
    this.#config = this.#write("pod", {
      metadata: { name, namespace: "default", uid: `${name}-of-${runtime.name}`, attempt: 1 },
      hostname: `host-of-${name}`,
      log_directory: join(this.#folder, "logs"),
      linux: {
        cgroup_parent: SLICE,
        security_context: {
          namespace_options: { pid: NAMESPACE.container },
          seccomp: { profile_type: PROFILE.runtimeDefault },
          ...security,
        },
      },
    });
    this.id = crictl("runp", "--runtime", runtime.name, this.#config);
  }

  /** Creates a container that runs a script; `config` adds to its ContainerConfig, `linux` to its part of that name. */
  create(name: string, script: string, linux: Part = {}, config: Part = {}): Container {
    const file = this.#write(name, {
      metadata: { name, attempt: 1 },
      image: { image: BUSYBOX },
      command: ["sh", "-c", script],
      log_path: `${name}.log`,
      ...config,
      linux,
    });
    return new Container(crictl("create", this.id, file, this.#config), this.#folder);
  }

  /** The same, and starts it. */
  run(name: string, script: string, linux: Part = {}, config: Part = {}): Container {
    const container = this.create(name, script, linux, config);
    crictl("start", container.id);
    return container;
  }

  get status(): { state: string; network: { ip: string } } {
    return JSON.parse(crictl("inspectp", this.id)).status;
  }

  stop(): void {
    crictl("stopp", this.id);
  }

  remove(): void {
    crictl("rmp", this.id);
  }

  #write(name: string, config: Part): string {
    const path = join(this.#folder, `${name}.json`);
    writeFileSync(path, JSON.stringify(config));
    return path;
  }
}

interface ContainerStatus {
  readonly state: string;
  readonly exitCode: number;
  readonly reason: string;
}

export class Container {
  readonly id: string;
  readonly #folder: string;

  constructor(id: string, folder: string) {
    this.id = id;
    this.#folder = folder;
  }

  get status(): ContainerStatus {
    return this.#inspected.status;
  }

  get pid(): number {
    return this.#inspected.info.pid;
  }

  get #inspected(): { status: ContainerStatus; info: { pid: number } } {
    return JSON.parse(crictl("inspect", this.id));
  }

  /** Waits for the program's end; its status and what the CRI says of it. */
  ended(): { exitCode: number; reason: string } {
    eventually(`${this.id} has ended`, () => this.status.state === "CONTAINER_EXITED");
    const { exitCode, reason } = this.status;
    return { exitCode, reason };
  }

  /** ExecSync; crictl ends what it prints with empty lines. */
  exec(...program: string[]): Ended {
    return call(["crictl", "exec", "--sync", this.id, ...program]);
  }

  /** Exec, on a terminal. */
  execOnTerminal(...program: string[]): Pty {
    return this.#onTerminal("exec", "--interactive", "--tty", this.id, ...program);
  }

  attach(): Pty {
    return this.#onTerminal("attach", "--stdin", "--tty", this.id);
  }

  #onTerminal(...args: string[]): Pty {
    const folder = mkdtempSync(join(this.#folder, "terminal-"));
    return new Pty(folder, ["foreground", "24", "80", "crictl", ...args]);
  }

  get logs(): string {
    return crictl("logs", this.id);
  }

  update(...options: string[]): void {
    crictl("update", ...options, this.id);
  }

  /** The names of what ContainerStats has figures for. */
  get stats(): string[] {
    const [stats] = JSON.parse(crictl("stats", "--output", "json", "--id", this.id)).stats;
    return Object.entries<object>(stats).flatMap(([part, figures]) =>
      Object.keys(figures ?? {}).map((figure) => `${part}.${figure}`),
    );
  }

  stop(seconds: number): void {
    crictl("stop", "--timeout", String(seconds), this.id);
  }

  remove(): void {
    crictl("rm", this.id);
  }
}

/** Ids of the containers that run, and of all pods. */
export const running = (): string[] => words(crictl("ps", "--quiet"));
export const pods = (): string[] => words(crictl("pods", "--quiet"));

const words = (text: string): string[] => text.split("\n").filter((line) => line !== "");

/** Stops and removes whatever is there. */
export function removeAll(): void {
  if (pods().length > 0) crictl("rmp", "--all", "--force");
}
