/**
 * `node:process` for commander. It writes and ends through `configureOutput` and `exitOverride`, gets its arguments
 * handed in and takes nothing from the environment; all that it still reads is whether help has been given a status.
 */
export const exitCode = undefined;
