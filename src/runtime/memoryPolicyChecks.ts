/** What linux.memoryPolicy must fulfil beyond the schema (specification, "Memory policy"; set_mempolicy(2)). */
import type { LinuxMemoryPolicy } from "@opencontainers-types";
import { doing, Failure } from "../failure.ts";
import { parseList } from "../linux/listFormat.ts";

type Mode = LinuxMemoryPolicy["mode"];

const WITHOUT_NODES: readonly Mode[] = ["MPOL_DEFAULT", "MPOL_LOCAL"];
/** Without nodes it is MPOL_LOCAL. */
const WITH_OR_WITHOUT: Mode = "MPOL_PREFERRED";

/** Throws a Failure. */
export function checkMemoryPolicy({ mode, nodes = "", flags = [] }: LinuxMemoryPolicy): void {
  const pointer = "/linux/memoryPolicy/nodes";
  const ranges = doing(`reading the list of memory nodes ${JSON.stringify(nodes)}`, pointer, () =>
    parseList(nodes),
  );
  if (WITHOUT_NODES.includes(mode)) {
    if (ranges.length > 0)
      throw new Failure(`the memory policy ${mode} is for no particular nodes`, { pointer });
  } else if (mode !== WITH_OR_WITHOUT && ranges.length === 0)
    throw new Failure(`the memory policy ${mode} needs nodes`, { pointer });
  if (flags.includes("MPOL_F_STATIC_NODES") && flags.includes("MPOL_F_RELATIVE_NODES"))
    throw new Failure("the nodes of a memory policy are either static or relative", {
      pointer: "/linux/memoryPolicy/flags",
    });
}
