/** A sender that dies, or is stopped, in the middle of a sending. */
import { type Database, openDatabase } from "../../database/database.ts";
import { describePostgres, migratedPostgres, type Schema } from "../helpers/database.ts";
import { accepted, admin, newClient } from "../helpers/http.ts";
import { patience, until } from "../helpers/patience.ts";
import { killLeftOvers, type RunningProcess, startProcess, temporaryFolder } from "../helpers/process.ts";
import { type Receiver, startReceiver } from "../helpers/receiver.ts";

let receiver: Receiver;
const place = temporaryFolder();
const env = { DATABASE_URL: place.databaseUrl, WEBHOOK_ALLOWED_HOSTS: "127.0.0.1", SHUTDOWN_TIMEOUT: "2s" };

/** The first sending of each batch hangs; those that come again are answered. */
beforeAll(async () => {
  const seen = new Set<string>();
  receiver = await startReceiver((_number, _res, { event }) => {
    if (seen.has(event.id)) return 200;
    seen.add(event.id);
    return new Promise(() => {});
  });
});
afterAll(async () => {
  killLeftOvers();
  await receiver.close();
  place.remove();
});

interface Delivery {
  status: string;
  attempts: { status: number | null; error: string | null }[];
}

async function deliveryOf(url: string, batchId: string): Promise<Delivery | undefined> {
  const response = await admin(url, `/deliveries?batch=${batchId}`);
  return ((await response.json()) as { items: Delivery[] }).items[0];
}

test("a node that is killed or stopped while it sends a webhook sends it again after its start, with the same id", async () => {
  let node = await startProcess(env);
  const client = await newClient(node.url, { webhook: { url: receiver.url } });
  const again = { status: 200, error: null };
  for (const [signal, attempts] of [
    ["SIGKILL", [again]],
    ["SIGTERM", [{ status: null, error: "the node stops" }, again]],
  ] as const) {
    const { id } = await accepted(node.url, client, '{"a":1}');
    const told = () => receiver.got.filter(({ event }) => event.subject === id);
    await until(() => told().length === 1, "the receiver has it");
    const { ms } = await node.stop(signal);
    expect(ms).toBeLessThan(patience(5_000));

    node = await startProcess(env);
    await until(async () => (await deliveryOf(node.url, id))?.status === "delivered", "it is delivered");
    expect((await deliveryOf(node.url, id))?.attempts).toMatchObject(attempts);
    expect(new Set(told().map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(told()).toHaveLength(2);
  }
  await node.stop();
});

describePostgres("two nodes on PostgreSQL", () => {
  /** As docs/webhooks.md says. */
  const LEASE_MS = 30_000;
  let schema: Schema;
  let db: Database;
  const nodes: RunningProcess[] = [];

  beforeAll(async () => {
    schema = await migratedPostgres();
    db = await openDatabase({ url: schema.url });
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await db?.close();
    await schema?.drop();
  });

  test("after a node is killed while it sends a webhook, the other sends it once the lease has expired, with the same id", async () => {
    const start = () => startProcess({ ...env, DATABASE_URL: schema.url });
    const first = await start();
    const client = await newClient(first.url, { webhook: { url: receiver.url } });
    const { id } = await accepted(first.url, client, '{"a":1}');
    const told = () => receiver.got.filter(({ event }) => event.subject === id);
    await until(() => told().length === 1, "the receiver has it");
    // The other starts when it is under way, so that it cannot be the one that took it.
    const second = await start();
    nodes.push(second);
    await first.stop("SIGKILL");
    expect(await deliveryOf(second.url, id)).toMatchObject({ status: "pending", attempts: [] });
    await db.sequelize.query(`UPDATE delivery SET due_at = due_at - ${LEASE_MS}`);
    await until(async () => (await deliveryOf(second.url, id))?.status === "delivered", "it is delivered");
    expect((await deliveryOf(second.url, id))?.attempts).toMatchObject([{ status: 200, error: null }]);
    expect(new Set(told().map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(told()).toHaveLength(2);
  });
});
