/**
 * The promise: one stream tells a page all its changes and nothing of others; many streams cost the database no more than one.
 */

import type { Api } from "../../services/api/http/gateway.ts";
import { type FeedReader, readFeed } from "../helpers/feed.ts";
import { accepted, admin, batchWhen, newClient, type TestClient } from "../helpers/http.ts";
import { patience, until } from "../helpers/patience.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { ADMIN_TOKEN, type System, startSystem } from "../helpers/system.ts";

let system: System;
let client: TestClient;
let other: TestClient;
const calls: string[] = [];
let made = 0;
/** While this is true, the streams' queries of the database fail. */
let isAway = false;
const open: FeedReader[] = [];

beforeAll(async () => {
  system = await startSystem({
    env: { WEBHOOK_ALLOWED_HOSTS: "127.0.0.1" },
    watch: {
      localAction:
        (next: (ctx: unknown) => unknown, { name }: { name: string }) =>
        (ctx: unknown) => {
          calls.push(name);
          if (isAway && ["monitor.stats", "batch.changed"].includes(name)) throw new Error("The database is away.");
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
async function follow(path: string, authorization: string, more: Record<string, string> = {}): Promise<FeedReader> {
  const reader = await readFeed(`${system.url}${path}`, { authorization, ...more });
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

test("an operator sees which client a batch belongs to, and why it waits", async () => {
  const reader = await operator("batches");
  const paused = await newClient(system.url);
  await admin(system.url, `/clients/${paused.id}/pause`, { method: "POST" });
  const waiting = await accepted(system.url, paused, '{"a":1}\n');
  const approval = await newClient(system.url, { requiresApproval: true });
  const held = await accepted(system.url, approval, '{"a":1}\n');
  const last = (id: string) => batches(reader).findLast((batch) => batch.id === id);
  await until(() => last(waiting.id) && last(held.id), "both batches");
  const shown = async (id: string) =>
    (await (await admin(system.url, `/batches?q=${id}`)).json()) as { items: object[] };
  for (const [{ id }, waits] of [
    [waiting, "its client is paused"],
    [held, "an operator has to approve it"],
  ] as const) {
    const { lastAttempt: _, ...listed } = (await shown(id)).items[0] as Record<string, unknown>;
    expect(last(id)).toEqual({ ...listed, waits });
  }
});

test("a named batch is shown in its present state; a batch of another client or a missing one is 404", async () => {
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

test("a reader that reconnects is told to read what it may have missed; a new reader is not", async () => {
  const { id } = await accepted(system.url, client, '{"a":1}\n');
  const came = (path: string, more: Record<string, string> = {}) => follow(path, client.auth, more);
  const again = await came("/events?topics=batches", { "last-event-id": "0" });
  await until(() => again.events.length > 0, "the notice");
  expect(again.events[0]).toEqual({ event: "notice", data: { at: expect.any(String), kind: "missed" } });
  // These get no notice: either they follow only what is sent anew at the start, or they have missed nothing.
  for (const reader of [
    await came(`/events?topics=batch:${id}`, { "last-event-id": "7" }),
    await came(`/events?topics=batches,batch:${id}`),
  ]) {
    await until(() => batches(reader).length > 0, "the batch");
    expect(reader.events.map(({ event }) => event)).not.toContain("notice");
  }
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
    // Earlier deliveries are no events.
    await until(() => calls.includes("webhook.list"), "the first look");
    const { id } = await accepted(system.url, told, '{"a":1}\n');
    for (const { events } of [all, own])
      await until(() => events.some(({ data }) => data.batchId === id && data.status === "delivered"), "the delivery");
    expect(foreign.events).toEqual([]);
  } finally {
    await receiver.close();
  }
});

/** Answers the body of a change that succeeds. */
async function changed<T>(method: string, path: string, body?: object): Promise<T> {
  const response = await admin(system.url, path, { method, ...(body && { body: JSON.stringify(body) }) });
  expect([path, response.ok]).toEqual([path, true]);
  return (await response.text().then((text) => text && JSON.parse(text))) as T;
}

/** The cookie of a session. */
async function cookieOf(credentials: object): Promise<string> {
  const response = await fetch(`${system.url}/session`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: system.url },
    body: JSON.stringify(credentials),
  });
  return response.headers.getSetCookie()[0]?.split(";")[0] as string;
}

test("a stream ends with the login, by token, secret, key or session, and the session is over then", async () => {
  const newOperator = async (role: string) => {
    const { token } = await changed<{ token: string }>("POST", "/operators", { name: `${role}-${++made}`, role });
    return { path: `/operators/${role}-${made}`, token };
  };
  const [deleted, lesser, rotated] = [
    await newOperator("viewer"),
    await newOperator("operator"),
    await newOperator("viewer"),
  ];
  const [disabled, changing, keyed] = [
    await newClient(system.url),
    await newClient(system.url),
    await newClient(system.url),
  ];
  const key = await changed<{ id: string; secret: string }>("POST", `/clients/${keyed.id}/keys`, { name: "page" });
  const login = ({ identifier, secret }: TestClient) => cookieOf({ clientIdentifier: identifier, secret });
  const cookies = {
    deleted: await cookieOf({ token: deleted.token }),
    lesser: await cookieOf({ token: lesser.token }),
    rotated: await cookieOf({ token: rotated.token }),
    disabled: await login(disabled),
    changing: await login(changing),
    keyed: await login({ ...keyed, secret: key.secret }),
  };
  const by = (path: string, cookie: string) => readFeed(`${system.url}${path}`, { cookie });
  const { id: held } = await accepted(system.url, await newClient(system.url, { requiresApproval: true }), '{"a":1}\n');
  const readers = await Promise.all([
    operator("stats", deleted.token),
    follow(`/admin/batches/${held}/events`, `Bearer ${deleted.token}`),
    by(`/admin/batches/${held}/events`, cookies.rotated),
    ...[cookies.deleted, cookies.lesser, cookies.rotated].map((cookie) => by("/admin/events?topics=stats", cookie)),
    partner("batches", disabled),
    ...[cookies.disabled, cookies.changing, cookies.keyed].map((cookie) => by("/events?topics=batches", cookie)),
  ]);
  const [staying] = [await by("/admin/events?topics=stats", await cookieOf({ token: ADMIN_TOKEN }))];
  open.push(...readers, staying);
  expect(readers.map(({ response }) => response.status)).toEqual(readers.map(() => 200));
  await changed("DELETE", deleted.path);
  await changed("PATCH", lesser.path, { role: "viewer" });
  await changed("POST", `${rotated.path}/rotate`, {});
  await changed("PATCH", `/clients/${disabled.id}`, { status: "disabled" });
  await changed("POST", `/clients/${changing.id}/rotate-secret`, { graceSeconds: 0 });
  await changed("DELETE", `/clients/${keyed.id}/keys/${key.id}`);
  const endedAt = Promise.all(readers.map(({ ended }) => ended)).then(() => Date.now());
  const beganAt = Date.now();
  expect((await endedAt) - beganAt).toBeLessThan(patience(6_000));
  const sessions = await Promise.all(
    Object.entries(cookies).map(async ([who, cookie]) => {
      const answer = await fetch(`${system.url}/session`, { headers: { cookie } });
      return [who, answer.ok ? ((await answer.json()) as { role: string }).role : answer.status];
    }),
  );
  expect(Object.fromEntries(sessions)).toEqual({
    deleted: 401,
    lesser: "viewer",
    rotated: 401,
    disabled: 401,
    changing: 401,
    keyed: 401,
  });
  const seen = staying.events.length;
  await until(() => staying.events.length > seen, "the stream of another operator to go on");
});

test("a logout ends the streams of its session at once, and no others", async () => {
  const credentials = { clientIdentifier: client.identifier, secret: client.secret };
  const by = async (login: object, path: string, cookie?: string) => {
    const own = cookie ?? (await cookieOf(login));
    const reader = await readFeed(`${system.url}${path}`, { cookie: own });
    open.push(reader);
    return { own, reader };
  };
  const { id } = await accepted(system.url, await newClient(system.url, { requiresApproval: true }), '{"a":1}\n');
  const admin = await by({ token: ADMIN_TOKEN }, "/admin/events?topics=stats");
  const ofOne = await by({}, `/admin/batches/${id}/events`, admin.own);
  const own = await by(credentials, "/events?topics=batches");
  const others = [
    await by({ token: ADMIN_TOKEN }, "/admin/events?topics=stats"),
    await by(credentials, "/events?topics=batches"),
  ];
  const { admissions } = system.broker.getLocalService("api") as unknown as Api;
  const recheck = jest.spyOn(admissions, "recheckAll").mockResolvedValue(undefined);
  for (const { own: cookie } of [admin, own])
    expect(
      (await fetch(`${system.url}/session`, { method: "DELETE", headers: { cookie, origin: system.url } })).status,
    ).toBe(204);
  await Promise.all([admin, ofOne, own].map(({ reader }) => reader.ended));
  recheck.mockRestore();
  const [going] = others;
  const seen = going?.reader.events.length ?? 0;
  await until(() => (going?.reader.events.length ?? 0) > seen, "the stream of another session to go on");
  expect(await Promise.race([others[1]?.reader.ended.then(() => "ended"), "open"])).toBe("open");
});

test("a notice says that the database is away, and missed changes come when it is back", async () => {
  const reader = await operator("stats,batches");
  const about = (state: string) =>
    reader.events.some(({ event, data }) => event === "notice" && data.name === "database" && data.state === state);
  await until(() => reader.events.some(({ event }) => event === "stats"), "the first figures");
  isAway = true;
  await until(() => about("down"), "the notice");
  const { id } = await accepted(system.url, client, '{"a":1}\n');
  await batchWhen(system.url, client, id);
  expect(batches(reader).some((batch) => batch.id === id)).toBe(false);
  isAway = false;
  await until(
    () => about("up") && batches(reader).some((batch) => batch.id === id && batch.status === "completed"),
    "the rest",
  );
});

test("a caller has 50 streams at most, and the node asks nothing when all are closed", async () => {
  const path = `${system.url}/events`;
  const headers = { authorization: other.auth };
  for (let i = 0; i < 50; i++) open.push(await readFeed(path, headers));
  expect((await readFeed(path, headers)).response.status).toBe(429);
  expect((await fetch(path, { method: "HEAD", headers })).status).toBe(200);
  for (const reader of open.splice(0)) reader.hangUp();
  const { feed } = system.broker.getLocalService("api") as unknown as { feed: { size: number } };
  await until(() => feed.size === 0, "all to be closed");
});
