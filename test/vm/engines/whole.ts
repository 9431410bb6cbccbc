/** The parts of the engines' tests that take too long for every run. */

/** Whether all is to run, as in `make test-all`. */
export const isWhole: boolean = process.env["TSRUN_TEST_WHOLE"] === "1";

/** Options of a test that only `make test-all` runs; elsewhere it counts as skipped, with this reason. */
export const onlyWhole: { skip?: string } = isWhole ? {} : { skip: "takes long: make test-all" };
