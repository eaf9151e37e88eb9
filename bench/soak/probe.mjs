/**
 * `--import` loads this file into each node of a soak, before the product. It sends the soak by IPC what nobody sees from
 * outside: the memory that is left after a full garbage collection, and the number of timers and handles of the event loop.
 * SOAK_LEAK_MB and SOAK_SLOW_MS add faults on purpose: a leak of so many MB a minute, and work before each answer that grows by
 * so many ms a minute.
 */
import { Server } from "node:http";
import { isMainThread } from "node:worker_threads";

const EVERY_MS = 10_000;
const MINUTE_MS = 60_000;
/** About this many rounds of the slow-down take 1 ms. */
const ROUNDS_A_MS = 40_000;

if (isMainThread && process.send) {
  tell();
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

/** Leaks `mb` MB a minute in small objects, as a map does that nobody empties. */
function leaks(mb) {
  const kept = [];
  setInterval(() => {
    for (let i = 0; i < mb * 16; i++) kept.push(Array.from({ length: 128 }, (_, n) => n + Math.random()));
  }, 1_000).unref();
}

/**
 * Works longer before each answer, as code does that searches a growing list. It counts rounds, because a time limit would also
 * run while other processes have the core.
 */
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
