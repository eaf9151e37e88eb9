/**
 * Loaded into each node of a soak by `--import`, before the product. It tells the soak, by IPC, what cannot be seen from outside: the
 * memory that is left after a full collection, and what the event loop waits for. SOAK_LEAK_MB and SOAK_SLOW_MS make the node ill
 * on purpose: so many MB more each minute, and so many ms more of work before each answer with each minute.
 */
import { Server } from "node:http";
import { isMainThread } from "node:worker_threads";

const EVERY_MS = 10_000;
const MINUTE_MS = 60_000;
/** About so many rounds of the slow-down take a ms. */
const ROUNDS_A_MS = 40_000;

if (isMainThread && process.send) {
  setInterval(tell, EVERY_MS).unref();
  const leak = Number(process.env.SOAK_LEAK_MB ?? 0);
  if (leak > 0) leaks(leak);
  const slow = Number(process.env.SOAK_SLOW_MS ?? 0);
  if (slow > 0) slows(slow);
}

function tell() {
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  const active = process.getActiveResourcesInfo();
  const timers = active.filter((name) => name === "Timeout" || name === "Immediate").length;
  process.send({ heap: heapUsed, external, timers, handles: active.length - timers });
}

/** Leaks `mb` MB a minute, on purpose, in small objects: as a map does that nobody empties. */
function leaks(mb) {
  const kept = [];
  setInterval(() => {
    for (let i = 0; i < mb * 16; i++) kept.push(Array.from({ length: 128 }, (_, n) => n + Math.random()));
  }, 1_000).unref();
}

/** As a list that is searched for each request, and gets longer. It counts rounds: time also passes while others have the core. */
function slows(ms) {
  const began = Date.now();
  const { emit } = Server.prototype;
  let waste = 1;
  Server.prototype.emit = function (name, ...rest) {
    const rounds = (ms * ROUNDS_A_MS * (Date.now() - began)) / MINUTE_MS;
    if (name === "request") for (let i = 0; i < rounds; i++) waste = (waste * 1_103_515_245 + i) % 2_147_483_648;
    return emit.call(this, name, ...rest);
  };
}
