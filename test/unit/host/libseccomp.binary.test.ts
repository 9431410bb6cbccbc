/** The functions of libseccomp take the arguments of system calls, and as many as they have. */
import { equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { SECCOMP_RET_ALLOW } from "#abi";
import { libseccomp } from "#host";

test("names are passed as strings, numbers come back", () => {
  const architecture = libseccomp("arch_resolve_name", "x86_64");
  equal(architecture, 0xc000_003e);
  equal(libseccomp("syscall_resolve_name_arch", architecture, "openat2"), 437);
  equal(libseccomp("syscall_resolve_name_arch", architecture, "no_such_call"), -1);
  equal(libseccomp("arch_resolve_name", "no_such_architecture"), 0);
});

test("a filter is made and exported into bytes", () => {
  const context = libseccomp("init", SECCOMP_RET_ALLOW);
  ok(context > 0);
  const length = new BigUint64Array(1);
  equal(libseccomp("export_bpf_mem", context, null, length), 0);
  const program = new Uint8Array(Number(length[0]));
  equal(libseccomp("export_bpf_mem", context, program, length), 0);
  ok(program.length > 0 && program.length % 8 === 0);
  equal(libseccomp("rule_add_array", context, SECCOMP_RET_ALLOW, -1, 0, null) < 0, true);
  equal(libseccomp("release", context), 0);
});

test("what is no function, no argument or one too few is refused before it is called", () => {
  const call = libseccomp as (name: string, ...args: unknown[]) => number;
  throws(() => call("no_such_function"), { name: "TypeError", message: /no function/ });
  throws(() => call("init"), { name: "TypeError", message: /takes 1 arguments/ });
  throws(() => call("init", 1, 2), { name: "TypeError", message: /takes 1 arguments/ });
  throws(() => call("init", undefined), { name: "TypeError" });
  throws(() => call("init", 1.5), { name: "RangeError" });
  throws(() => call("arch_resolve_name", "a\0b"), { name: "TypeError" });
});
