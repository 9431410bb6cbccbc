/**
 * Imported, before all else of the harness, by a test file that speaks to a user's systemd: the tests see what lies in
 * the machine's /run when they begin. In the virtual machine, where nobody logs in, it starts that systemd.
 */
import { execFileSync } from "node:child_process";
import { USER } from "./config.ts";

if (process.env["TSRUN_TEST_GUEST"] === "1" && process.env["TSRUN_TEST_RUN"] === undefined)
  execFileSync("systemctl", ["start", `user@${USER}.service`], { stdio: "inherit" });
