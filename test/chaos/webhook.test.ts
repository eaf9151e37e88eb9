/** A sender that dies, or is stopped, in the middle of a sending. */
import { until } from "../helpers/amqp.ts";
import { accepted, admin, newClient } from "../helpers/http.ts";
import { killLeftOvers, startProcess, temporaryFolder } from "../helpers/process.ts";
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

test("killed or stopped in the middle of a sending, it is sent once more by the next start, with the same id", async () => {
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
    expect(ms).toBeLessThan(5_000);

    node = await startProcess(env);
    await until(async () => (await deliveryOf(node.url, id))?.status === "delivered", "it is delivered");
    expect((await deliveryOf(node.url, id))?.attempts).toMatchObject(attempts);
    expect(new Set(told().map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(told()).toHaveLength(2);
  }
  await node.stop();
});
