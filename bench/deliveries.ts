/**
 * The delay of webhooks of a quiet client: alone, and beside a client whose slow receiver has thousands of deliveries to receive.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { startChild } from "./kit/child.ts";
import { endOf, newPartner, type Partner, upload } from "./kit/http.ts";
import type { Load, Loaded } from "./kit/load.ts";
import { startNode } from "./kit/node.ts";
import { ordersBody } from "./kit/orders.ts";
import { type Benchmark, quantile } from "./kit/report.ts";
import { headOf } from "./small.ts";

/** How long the slow receiver takes for each delivery. A node sends it four at once. */
const SLOW_MS = 200;
const MOST_TIMES = 2;
/** The pause between two batches of the quiet client. */
const PAUSE_MS = 20;
const WARM_UP = 50;

interface Told {
  subject: string;
  /** When the event was made, just before its commit. */
  time: string;
}

/** Starts a receiver that answers after `ms`, and reports each event that it received. */
async function startReceiver(ms: number, came: (event: Told) => void) {
  const server = createServer(async (req, res) => {
    came((await json(req)) as Told);
    if (ms > 0) await pause(ms);
    res.writeHead(204).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

export const deliveries: Benchmark = async ({ size, rounds }) => {
  const waiting = { quick: 2_000, usual: 5_000, full: 50_000 }[size];
  const times = rounds ?? (size === "quick" ? 150 : 400);
  const heard = new Map<string, (event: Told) => void>();
  const receivers = {
    quiet: await startReceiver(0, (event) => heard.get("quiet")?.(event)),
    slow: await startReceiver(SLOW_MS, () => {}),
  };
  const env = { WEBHOOK_ALLOWED_HOSTS: "127.0.0.1" };
  const [calm, busy] = await Promise.all([startNode(env), startNode(env)]);
  const body = ordersBody("ndjson", 1);

  /** From the end of a batch to its webhook, in ms. */
  async function delivered(partner: Partner): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<{ event: Told; at: number }>();
    heard.set("quiet", (event) => resolve({ event, at: Date.now() }));
    await upload(partner, "ndjson", [body]);
    const { event, at } = await promise;
    await pause(PAUSE_MS);
    return at - Date.parse(event.time);
  }

  const generator = startChild<Load, Loaded>("kit/load.ts");
  const flooding = await newPartner(busy.url, { webhook: { url: receivers.slow.url }, maxConcurrentUploads: 100 });
  const { host, port } = new URL(busy.url);
  const flood = { port: Number(port), head: headOf(host, [`authorization: ${flooding.auth}`]), body: body.toString() };
  await generator.ask({ ...flood, connections: 16, ms: 600_000, count: waiting });
  await generator.stop();
  // The busy client's batches have ended, so processing them is not part of the measurement.
  const last = await upload(flooding, "ndjson", [body]);
  await endOf(flooding, last.id);

  const quiet = { webhook: { url: receivers.quiet.url } };
  const partners = { alone: await newPartner(calm.url, quiet), beside: await newPartner(busy.url, quiet) };
  const found = { alone: [] as number[], beside: [] as number[] };
  for (let i = -WARM_UP; i < times; i++)
    for (const name of ["alone", "beside"] as const) {
      const ms = await delivered(partners[name]);
      if (i >= 0) found[name].push(ms);
    }
  await Promise.all([calm.stop(), busy.stop()]);
  for (const receiver of Object.values(receivers)) receiver.close();
  const told = (values: number[]) => `p50 ${quantile(values, 0.5)} ms, p95 ${quantile(values, 0.95)} ms`;
  const ratio = (q: number) => quantile(found.beside, q) / quantile(found.alone, q);
  return {
    title: `deliveries: from the end of a batch to its webhook, ${times} batches in turns; beside ${waiting.toLocaleString("en-US")} that wait for a receiver that takes ${SLOW_MS} ms`,
    lines: [
      { label: "without the busy client", figure: told(found.alone) },
      {
        label: "beside the busy client",
        figure: told(found.beside),
        ratio: `p50 ${ratio(0.5).toFixed(2)}, p95 ${ratio(0.95).toFixed(2)} times`,
        goal: { text: `p50 and p95 ≤ ${MOST_TIMES} times`, isMet: Math.max(ratio(0.5), ratio(0.95)) <= MOST_TIMES },
      },
    ],
  };
};
