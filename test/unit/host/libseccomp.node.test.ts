/** In Node.js libseccomp is the machine's shared library, where that is recent enough. */
import { equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { libseccomp } from "#host";

test("it works, or says what is missing", () => {
  const version = new Uint32Array(3);
  try {
    equal(libseccomp("version", version), 0);
  } catch (error) {
    match((error as Error).message, /no libseccomp >= 2\.6 as a shared library: install it/);
    return;
  }
  const [major = 0, minor = 0] = version;
  ok(major > 2 || (major === 2 && minor >= 6), `${version}`);
  const x86 = libseccomp("arch_resolve_name", "x86_64");
  equal(x86, 0xc000_003e);
  equal(libseccomp("syscall_resolve_name_arch", x86, "openat2"), 437);
  const context = libseccomp("init", 0x7fff_0000);
  const length = new BigUint64Array(1);
  equal(libseccomp("export_bpf_mem", context, null, length), 0);
  ok((length[0] ?? 0n) > 0n);
  equal(libseccomp("release", context), 0);
});
