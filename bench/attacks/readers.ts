/** Attacks by connections: clients that do not read their answers, and requests that never end. */
import { setTimeout as pause } from "node:timers/promises";
import { type Attack, aborted, ask, getOf, imported, loops, packed, unread } from "./attack.ts";

const SLOW_UPLOADS = 16;

export const readers: Record<string, Attack> = {
  "unread-records": {
    name: "180 connections ask for /records of 20 MB and read nothing",
    async prepare(target) {
      const row = `${JSON.stringify({ text: "x".repeat(1_000) })}\n`;
      await imported(target, packed("application/x-ndjson", [[row, 20_000]]), AbortSignal.timeout(60_000));
    },
    run(target, stop) {
      const request = getOf(`/imports/${target.batches[0]}/records`, [`authorization: ${target.partner.auth}`]);
      return unread(target, request, 180, 1, stop);
    },
  },
  "unread-docs": {
    name: "1,150 connections without a login pipeline GETs of a large file and read nothing",
    run: (target, stop) => unread(target, getOf("/docs/swagger-ui-bundle.js"), 1_150, 100, stop),
  },
  "slow-uploads": {
    name: `${SLOW_UPLOADS} uploads that send a byte every second`,
    async run(target, stop) {
      const drip = async function* () {
        for (; !stop.aborted; await pause(1_000)) yield Buffer.from(" ");
      };
      const headers = { "content-type": "application/x-ndjson" };
      const open = () =>
        ask(target, "/imports", { method: "POST", headers, body: drip() as never, duplex: "half", signal: stop });
      await Promise.race([Promise.all(Array.from({ length: SLOW_UPLOADS }, open)), aborted(stop)]);
    },
  },
  guesses: {
    name: "64 connections guess secrets as fast as they can",
    run(target, stop) {
      const headers = { authorization: `Basic ${Buffer.from("somebody:a-wrong-secret").toString("base64")}` };
      return loops(64, stop, () => ask(target, "/imports", { headers, signal: stop }));
    },
  },
  metrics: {
    name: "32 connections without a login read /metrics as fast as they can",
    run: (target, stop) => loops(32, stop, () => ask(target, "/metrics", { signal: stop }, 0)),
  },
  ready: {
    name: "32 connections without a login read /health/ready as fast as they can",
    run: (target, stop) => loops(32, stop, () => ask(target, "/health/ready", { signal: stop }, 0)),
  },
  query: {
    name: "32 connections send 1,000 query parameters as fast as they can",
    run(target, stop) {
      const query = Array.from({ length: 1_000 }, (_, i) => `p${i}=1`).join("&");
      return loops(32, stop, () => ask(target, `/imports?${query}`, { signal: stop }));
    },
  },
};
