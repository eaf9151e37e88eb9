/** The promise: one stream tells a page all that changes, and no one what is not theirs; many cost the database no more than one. */

import { type FeedReader, readFeed } from "../helpers/feed.ts";
import { accepted, admin, batchWhen, newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { ADMIN_TOKEN, type System, startSystem } from "../helpers/system.ts";

let system: System;
let client: TestClient;
let other: TestClient;
const calls: string[] = [];
const open: FeedReader[] = [];

beforeAll(async () => {
  system = await startSystem({
    env: { WEBHOOK_ALLOWED_HOSTS: "127.0.0.1" },
    watch: {
      localAction:
        (next: (ctx: unknown) => unknown, { name }: { name: string }) =>
        (ctx: unknown) => {
          calls.push(name);
          return next(ctx);
        },
    } as never,
  });
  client = await newClient(system.url);
  other = await newClient(system.url);
});
afterEach(() => {
  for (const reader of open.splice(0)) reader.hangUp();
});
afterAll(() => system.stop());

const operator = (topics: string, token = ADMIN_TOKEN) => follow(`/admin/events?topics=${topics}`, `Bearer ${token}`);
const partner = (topics: string, who = client) => follow(`/events?topics=${topics}`, who.auth);
async function follow(path: string, authorization: string): Promise<FeedReader> {
  const reader = await readFeed(`${system.url}${path}`, { authorization });
  open.push(reader);
  return reader;
}
const codeOf = async ({ response }: FeedReader) => [response.status, response.headers.get("content-type")];
const batches = ({ events }: FeedReader) => events.filter(({ event }) => event === "batch").map(({ data }) => data);

test("stats come each second as GET /admin/stats has them, and are asked once, however many streams there are", async () => {
  const readers = await Promise.all(Array.from({ length: 12 }, () => operator("stats,batches,deliveries")));
  expect(await codeOf(readers[0] as FeedReader)).toEqual([200, "text/event-stream; charset=utf-8"]);
  const has = (n: number) => readers.every(({ events }) => events.filter(({ event }) => event === "stats").length >= n);
  await until(() => has(1), "the first figures");
  calls.length = 0;
  const before = readers[0]?.events.length ?? 0;
  await until(() => has(3), "further figures");
  const looks = calls.filter((name) => name === "batch.stats").length;
  expect(looks).toBeGreaterThan(0);
  expect(looks).toBeLessThanOrEqual((readers[0]?.events.length ?? 0) - before + 2);
  const stats = (await (await admin(system.url, "/stats")).json()) as object;
  expect(Object.keys(readers[0]?.events[0]?.data ?? {})).toEqual(Object.keys(stats));
});

test("a batch shows from its upload to its end, to operators and to its own client alone", async () => {
  const [all, own, foreign] = await Promise.all([operator("batches"), partner("batches"), partner("batches", other)]);
  const { id } = await accepted(system.url, client, '{"a":1}\n');
  for (const reader of [all, own])
    await until(() => batches(reader).some((batch) => batch.id === id && batch.status === "completed"), "its end");
  expect(batches(all).at(-1)).toMatchObject({ id, clientId: client.id, counts: { accepted: 1 } });
  expect(batches(own).at(-1)).not.toHaveProperty("clientId");
  const mark = await accepted(system.url, other, '{"a":1}\n');
  await until(() => batches(foreign).some((batch) => batch.id === mark.id), "its own batch");
  expect(batches(foreign).every((batch) => batch.id === mark.id)).toBe(true);
});

test("a named batch is shown as it is now; what does not exist or is another's is 404", async () => {
  const { id } = await accepted(system.url, client, '{"a":1}\n');
  await batchWhen(system.url, client, id);
  for (const reader of [await operator(`batch:${id}`), await partner(`batch:${id}`)]) {
    await until(() => batches(reader).length > 0, "the batch");
    expect(batches(reader)[0]).toMatchObject({ id, status: "completed" });
  }
  for (const reader of [
    await partner(`batch:${id}`, other),
    await operator("batch:0193b2f0-0000-7000-8000-000000000000"),
  ])
    expect(await codeOf(reader)).toEqual([404, "application/problem+json"]);
});

test("deliveries show as they are made and sent", async () => {
  const receiver = await startReceiver();
  const told = await newClient(system.url, { webhook: { url: receiver.url, events: ["batch.completed"] } });
  try {
    const [all, own, foreign] = await Promise.all([
      operator("deliveries"),
      partner("deliveries", told),
      partner("deliveries", other),
    ]);
    // What was there before is not news.
    await until(() => calls.includes("webhook.list"), "the first look");
    const { id } = await accepted(system.url, told, '{"a":1}\n');
    for (const { events } of [all, own])
      await until(() => events.some(({ data }) => data.batchId === id && data.status === "delivered"), "the delivery");
    expect(foreign.events).toEqual([]);
  } finally {
    await receiver.close();
  }
});

test("a stream ends with the login: a deleted operator's, a disabled client's", async () => {
  const made = await admin(system.url, "/operators", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "alice", role: "viewer" }),
  });
  const { token } = (await made.json()) as { token: string };
  const leaving = await newClient(system.url);
  const [alice, left] = await Promise.all([operator("stats", token), partner("batches", leaving)]);
  expect([alice.response.status, left.response.status]).toEqual([200, 200]);
  await admin(system.url, "/operators/alice", { method: "DELETE" });
  await admin(system.url, `/clients/${leaving.id}`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ status: "disabled" }),
  });
  await Promise.all([alice.ended, left.ended]);
});

test("a caller has 50 streams at most, and nobody looks when all are closed", async () => {
  const path = `${system.url}/events`;
  const headers = { authorization: other.auth };
  for (let i = 0; i < 50; i++) open.push(await readFeed(path, headers));
  expect((await readFeed(path, headers)).response.status).toBe(429);
  expect((await fetch(path, { method: "HEAD", headers })).status).toBe(200);
  for (const reader of open.splice(0)) reader.hangUp();
  const { feed } = system.broker.getLocalService("api") as unknown as { feed: { size: number } };
  await until(() => feed.size === 0, "all to be closed");
});
