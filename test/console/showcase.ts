/**
 * A full system to look at: 40 partners, thousands of batches, millions of records, wrong records of many kinds, batches that
 * wait for each possible reason, and failing webhooks. `node test/console/showcase.ts FOLDER [BATCHES]` fills FOLDER/showcase.db
 * unless it exists, and serves it until it is stopped. With 0 batches the system is empty, as a new installation. The pictures of
 * docs/console.md show it.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { admin, newClient, post, type TestClient } from "../helpers/http.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";
import { bodies, datasets, type Partner, partners, random } from "./showcase.data.ts";
import { startNode } from "./showcase.node.ts";

const [folder = "data/showcase", wanted = "5000"] = process.argv.slice(2);
const PORT = Number(process.env.PORT ?? 3100);
const DAYS = 14;
/** How many uploads are sent at once. */
const LANES = 8;
const next = random(2026);

/** The status that the receivers of some partners answer to webhooks. */
const answers: Record<string, number> = { "north-foods": 500, "river-optics": 503, "summit-bikes": 410 };

mkdirSync(folder, { recursive: true });
const file = join(folder, "showcase.db");
const isNew = !existsSync(file);
const receiver = await startReceiver((_number, { req }) => answers[req.url?.split("/").at(-1) ?? ""] ?? 200);

const isEmpty = Number(wanted) === 0;
if (isNew && !isEmpty) {
  const node = await startNode(file, PORT);
  await fill(node.url);
  await node.stop();
  spread();
}
const node = await startNode(file, PORT);
if (isNew && !isEmpty) await waiting(node.url);
console.log(`${node.url}  operator's token: ${ADMIN_TOKEN}  partner: north-foods, secret in ${folder}/secrets.txt`);
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void node.stop().then(() => receiver.close()));

async function must(response: Response, ...statuses: number[]): Promise<Record<string, unknown>> {
  const text = await response.text();
  if (!statuses.includes(response.status)) throw new Error(`${response.url}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : {};
}

async function put(url: string, path: string, body: unknown) {
  return must(await admin(url, path, { method: "PUT", body: JSON.stringify(body) }), 200, 201);
}

async function fill(url: string): Promise<void> {
  for (const [name, document] of Object.entries(datasets)) await put(url, `/datasets/${name}`, document);
  const senders: { partner: Partner; client: TestClient }[] = [];
  for (const partner of partners) senders.push({ partner, client: await introduce(url, partner) });
  const secrets = senders.map(({ client }) => `${client.identifier} ${client.secret}\n`).join("");
  writeFileSync(join(folder, "secrets.txt"), secrets);
  const whole = senders.reduce((sum, { partner }) => sum + partner.share, 0);
  const chosen = () => {
    let at = next() * whole;
    for (const sender of senders) {
      at -= sender.partner.share;
      if (at < 0) return sender;
    }
    return senders[0] as (typeof senders)[number];
  };
  let left = Number(wanted);
  const lane = async () => {
    while (left-- > 0) await upload(url, chosen());
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  await drained(url);
}

async function introduce(url: string, partner: Partner): Promise<TestClient> {
  const policy = {
    webhook: { url: `${receiver.url}/${partner.identifier}`, events: ["batch.completed"] },
    maxConcurrentBatches: 2,
    keepBodyDays: 30,
  };
  const client = await newClient(url, policy, partner);
  for (const name of Object.keys(datasets)) await put(url, `/clients/${client.id}/datasets/${name}`, {});
  return client;
}

async function upload(url: string, { partner, client }: { partner: Partner; client: TestClient }): Promise<void> {
  const name = next() < 0.6 ? "orders" : next() < 0.7 ? "stock" : "invoices";
  const { type, make } = bodies[name] as (typeof bodies)[string];
  const rows = Math.max(3, Math.floor(10 ** (1 + next() * next() * 3.6)));
  await must(await send(url, client, name, make(next, rows, partner.faulty), type), 202);
}

async function send(url: string, client: TestClient, name: string, body: string, type: string) {
  return fetch(`${url}/datasets/${name}/imports`, {
    method: "POST",
    body,
    headers: { authorization: client.auth, "content-type": type },
  });
}

async function drained(url: string): Promise<void> {
  for (;;) {
    const { queue } = (await must(await admin(url, "/stats"), 200)) as { queue: { ready: number; processing: number } };
    if (queue.ready + queue.processing === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Spreads the creation times of the batches over the last days, with more of them by day than by night. */
function spread(): void {
  const database = new DatabaseSync(file);
  const now = Date.now();
  const batches = database.prepare('SELECT "id" FROM "batch" ORDER BY "id"').all() as { id: number }[];
  const back = batches.map(() => next() ** 1.5 * DAYS * 86_400_000).sort((a, b) => b - a);
  const move = database.prepare(
    `UPDATE "batch" SET "created_at" = "created_at" - ?1, "ready_at" = "ready_at" - ?1, "started_at" = "started_at" - ?1,
       "finished_at" = "finished_at" - ?1 WHERE "id" = ?2`,
  );
  database.exec("BEGIN");
  batches.forEach(({ id }, index) => {
    const createdAt = now - (back[index] as number);
    const isNight = new Date(createdAt).getUTCHours() < 6;
    move.run(Math.round((back[index] as number) + (isNight ? 8 * 3_600_000 : 0)), id);
  });
  database.exec("COMMIT");
  database.close();
}

/** Makes batches that wait, each for another reason. */
async function waiting(url: string): Promise<void> {
  const stock = () => bodies.stock?.make(next, 400, 0.05) ?? "";
  const special: [string, string, Record<string, unknown>][] = [
    ["approval-bank", "Approval Bank", { requiresApproval: true }],
    ["night-shift", "Night Shift Logistics", { window: { from: "02:00", to: "03:00", timeZone: "Europe/Lisbon" } }],
    ["in-order", "In Order Insurance", { order: "fifo", requiresApproval: true }],
    ["slow-ledger", "Slow Ledger", { handler: "ledger.book", maxConcurrentBatches: 1 }],
    [
      "flaky-ledger",
      "Flaky Ledger",
      { handler: "ledger.flaky", backoff: { type: "fixed", delayMs: 600_000, maxMs: 600_000 } },
    ],
    ["dead-ledger", "Dead Ledger", { handler: "ledger.dead", maxAttempts: 1 }],
  ];
  for (const [identifier, name, policy] of special) {
    const client = await newClient(url, policy, { identifier, name });
    for (let batch = 0; batch < 3; batch++) await must(await post(url, client, stock()), 202);
  }
}
