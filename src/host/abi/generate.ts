/**
 * Writes the modules behind `#abi` to build/generated/abi: the tables of both architectures, and
 * native.ts, which stands for the one of this machine.
 *
 * Environment: CC, the compiler (default `cc`); UAPI_x86_64, UAPI_arm64, LIBC_x86_64, LIBC_arm64,
 * the compiler flags that lead to the headers of the kernel and of the C library, as
 * src/host/quickjs/deps/find.sh finds them.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Architecture, render } from "./table.ts";

const ARCHITECTURES: readonly Architecture[] = ["x86_64", "arm64"];
const OUTPUT = new URL("../../../build/generated/abi/", import.meta.url);

const { CC = "cc" } = process.env;

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function flags(variable: string): string[] {
  const value = process.env[variable];
  if (value === undefined) {
    throw new Error(`${variable} is not set; make sets it from build/deps.mk`);
  }
  return words(value);
}

function nativeArchitecture(): Architecture {
  if (process.arch === "x64") return "x86_64";
  if (process.arch === "arm64") return "arm64";
  throw new Error(`tsrun knows x86_64 and arm64, and this machine is ${process.arch}`);
}

/** Leaves a file that is already right untouched, so that nothing is built again for it. */
function write(name: string, text: string): void {
  const path = fileURLToPath(new URL(name, OUTPUT));
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  writeFileSync(path, text);
}

try {
  mkdirSync(OUTPUT, { recursive: true });
  for (const architecture of ARCHITECTURES) {
    const table = render({
      architecture,
      compiler: words(CC),
      kernelFlags: flags(`UAPI_${architecture}`),
      libcFlags: flags(`LIBC_${architecture}`),
    });
    write(`${architecture}.ts`, table);
  }
  write(
    "native.ts",
    `// Made by src/host/abi/generate.ts.\nexport * from "./${nativeArchitecture()}.ts";\n`,
  );
} catch (error) {
  process.stderr.write(`abi: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
