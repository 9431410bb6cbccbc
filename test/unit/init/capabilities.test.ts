import { deepEqual } from "node:assert/strict";
import { describe, test } from "node:test";
import { planCapabilities } from "../../../src/init/capabilities.ts";

const empty = {
  bounding: 0n,
  effective: 0n,
  permitted: 0n,
  inheritable: 0n,
  ambient: 0n,
  unknown: [],
};

describe("capabilities are sets of bits by their numbers", () => {
  test("none", () => {
    deepEqual(planCapabilities(undefined), empty);
    deepEqual(planCapabilities({}), empty);
    deepEqual(planCapabilities({ bounding: [], ambient: [] }), empty);
  });

  test("each set for itself", () => {
    deepEqual(
      planCapabilities({
        bounding: ["CAP_CHOWN", "CAP_SYS_ADMIN"],
        effective: ["CAP_KILL"],
        permitted: ["CAP_KILL", "CAP_NET_RAW"],
        inheritable: ["CAP_AUDIT_WRITE"],
        ambient: ["CAP_SETPCAP"],
      }),
      {
        bounding: 1n | (1n << 21n),
        effective: 1n << 5n,
        permitted: (1n << 5n) | (1n << 13n),
        inheritable: 1n << 29n,
        ambient: 1n << 8n,
        unknown: [],
      },
    );
  });

  test("beyond 32 bits", () => {
    deepEqual(planCapabilities({ effective: ["CAP_SYSLOG", "CAP_CHECKPOINT_RESTORE"] }), {
      ...empty,
      effective: (1n << 34n) | (1n << 40n),
    });
  });

  test("the same name twice is one capability", () => {
    deepEqual(planCapabilities({ permitted: ["CAP_KILL", "CAP_KILL"] }), {
      ...empty,
      permitted: 1n << 5n,
    });
  });

  test("names that are unknown are told once, and set nothing", () => {
    deepEqual(
      planCapabilities({
        bounding: ["CAP_FUTURE", "CAP_KILL", "cap_kill", "KILL"],
        effective: ["CAP_FUTURE", "constructor", "__proto__", "CAP_CHOWN=0;CAP_KILL", ""],
      }),
      {
        ...empty,
        bounding: 1n << 5n,
        unknown: [
          "CAP_FUTURE",
          "cap_kill",
          "KILL",
          "constructor",
          "__proto__",
          "CAP_CHOWN=0;CAP_KILL",
          "",
        ],
      },
    );
  });
});
