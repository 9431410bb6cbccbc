/**
 * Imported, before all else of the harness, by a test file whose containers systemd places: systemd
 * knows processes by the machine's own pids, so this file does not get a pid namespace where systemd
 * runs.
 */
process.env["TSRUN_TEST_MACHINE_PIDS"] = "1";
