#!/usr/bin/env node
// @ts-check
/**
 * `npm run push -- FILE`, also the package's `dataflow-push`: sends a file, waits for the batch to end, and shows the result. Plain JavaScript,
 * so that it runs on any Node from 20, also from within node_modules, where Node strips no types.
 */
import { visible } from "../lib/log/visible.cjs";
import { problemText, Refused } from "./push.http.mjs";
import { optionsOf, USAGE, UsageError } from "./push.options.mjs";
import { push } from "./push.run.mjs";

const stopping = new AbortController();
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
  process.on(signal, () => {
    // A second signal ends the process at once, without cleaning up.
    if (stopping.signal.aborted) process.exit(130);
    stopping.abort();
  });
// The reader has closed the pipe, as `| head` does.
process.stdout.on("error", () => process.exit());

const FAILED = 1;
const INTERRUPTED = 130;

/** @type {import("./push.options.mjs").Options | undefined} */
let options;
try {
  options = optionsOf(process.argv.slice(2), process.env);
  if (options) process.exitCode = await push(options, stopping.signal);
  else console.log(USAGE);
} catch (error) {
  process.exitCode = report(error);
}
// A kept-alive connection or an open stdin would keep the process running.
process.exit();

/** @param {unknown} error */
function report(error) {
  if (stopping.signal.aborted) {
    console.error("Stopped. The same command goes on where it can.");
    return INTERRUPTED;
  }
  const message = error instanceof Error ? error.message : String(error);
  if (options?.json)
    console.log(visible(JSON.stringify({ error: error instanceof Refused ? error.problem : { detail: message } })));
  else console.error(error instanceof Refused ? problemText(error) : visible(message));
  if (error instanceof UsageError) console.error("See --help.");
  return FAILED;
}
