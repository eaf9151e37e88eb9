import type { Service, ServiceSchema } from "moleculer";
import { UniqueConstraintError } from "sequelize";
import type { WithCache } from "../../../mixins/cache.ts";
import type { WithDatabase } from "../../../mixins/database.ts";
import { call, type EventOf, type ParamsOf } from "../../../services/messages.ts";
import { defaultPolicy } from "../../../services/policy/policy.document.ts";
import type { System, SystemOptions } from "../../helpers/system.ts";
import { hears, problem, readsOf, standIn, startNode, wrongParams } from "../contracts/kit.ts";

const orders = {
  name: "orders",
  actions: { import: { importHandler: true, handler: () => null }, list: () => [] },
} as ServiceSchema;

let system: System;
const told: EventOf<"policy.changed">[] = [];
const queues: ParamsOf<"batch.configureQueue">[] = [];
/** What happens while the queue is being told. */
let whileTold: () => unknown;
const versions: ParamsOf<"clientCache.policyChanged">[] = [];
/** A client of each test's own. */
let clientId = 0;
const publicIdOf = (id?: number) => `public-${id}`;

async function configureQueue({ params }: { params: ParamsOf<"batch.configureQueue"> }) {
  await whileTold();
  queues.push(params);
}

const options = (): SystemOptions => ({
  services: ["policy"],
  env: { LOG_LEVEL: "fatal" },
  extra: [
    // What it tells its partners is heard here.
    standIn("batch", { configureQueue }),
    standIn("clientCache", {
      get: (ctx: { params: ParamsOf<"clientCache.get"> }) => ({ publicId: publicIdOf(ctx.params.id) }),
      policyChanged: (ctx) => void versions.push(ctx.params),
    }),
    hears("policy.changed", told),
    orders,
  ],
});
beforeAll(async () => {
  system = await startNode(options());
});
afterAll(() => system.stop());
beforeEach(() => {
  clientId += 10;
  for (const heard of [told, queues, versions]) heard.length = 0;
  whileTold = () => {};
});
afterEach(() => jest.restoreAllMocks());

const service = () => system.broker.getLocalService("policy") as Service & WithCache<never> & WithDatabase;
const figures = () => service().cacheFigures().local;
const get = (id = clientId) => call(system.broker, "policy.get", { clientId: id });
const version = (number: number, id = clientId) =>
  call(system.broker, "policy.version", { clientId: id, version: number });
const change = (document: unknown, over: Partial<ParamsOf<"policy.change">> = {}) =>
  call(system.broker, "policy.change", { clientId, mode: "patch", document, ...over });

describe("versions", () => {
  test("a client without a policy has the defaults, as version 0", async () => {
    expect(await get()).toEqual({ version: 0, policy: defaultPolicy });
    expect(await version(0)).toEqual({ version: 0, policy: defaultPolicy });
  });

  test("each change is a version, and every version stays as it was", async () => {
    expect(await change({ weight: 5, window: { from: "22:00", to: "06:00", timeZone: "UTC" } })).toMatchObject({
      version: 1,
    });
    expect(await change({ weight: null, maxErrors: 3 })).toMatchObject({ version: 2 });
    expect(await change({ chunkRecords: 7 }, { mode: "put" })).toMatchObject({ version: 3 });
    expect(await get()).toEqual({ version: 3, policy: { ...defaultPolicy, chunkRecords: 7 } });
    expect((await version(1)).policy).toMatchObject({ weight: 5, maxErrors: null });
    expect((await version(2)).policy).toMatchObject({ weight: 1, maxErrors: 3, window: { from: "22:00" } });
    expect(await get(clientId + 1)).toMatchObject({ version: 0 });
  });

  test("one that is not there is not found, and is found once it is there", async () => {
    await expect(version(1)).rejects.toEqual(problem("not-found"));
    await change({ weight: 5 });
    await expect(version(1, clientId + 1)).rejects.toEqual(problem("not-found"));
    await expect(version(-1)).rejects.toEqual(problem("not-found"));
  });

  test("of several changes at once with the same If-Match one wins", async () => {
    const all = await Promise.allSettled([2, 3, 4].map((weight) => change({ weight }, { ifVersion: 0 })));
    const lost = all.filter((one) => one.status === "rejected").map(({ reason }) => reason);
    expect(lost).toEqual([problem("precondition-failed"), problem("precondition-failed")]);
    expect((await get()).version).toBe(1);
    await expect(change({ weight: 9 }, { ifVersion: 0 })).rejects.toEqual(problem("precondition-failed"));
    expect(await change({ weight: 9 }, { ifVersion: 1 })).toMatchObject({ version: 2, policy: { weight: 9 } });
  });

  test("without it all of them land, each on top of the one before", async () => {
    const names = ["weight", "maxErrors", "chunkRecords", "maxAttempts", "maxBytes", "maxRecords", "retentionDays"];
    const patches = names.map((name, i) => ({ [name]: i + 2 }));
    const all = await Promise.all(patches.map((patch) => change(patch)));
    expect(all.map((one) => one.version).sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(await get()).toMatchObject({ version: 7, policy: Object.assign({}, ...patches) });
  });

  test("thirty of them at once are no trouble", async () => {
    const all = await Promise.all(Array.from({ length: 30 }, (_, i) => change({ weight: i + 1 })));
    expect(all.at(-1)).toMatchObject({ version: 30, policy: { weight: 30 } });
  });

  test("one that never gets its turn is told to come again", async () => {
    const create = jest
      .spyOn(service().database.models.Policy, "create")
      .mockRejectedValue(new UniqueConstraintError({}));
    await expect(change({ weight: 2 })).rejects.toEqual(problem("unavailable", { headers: { "Retry-After": "1" } }));
    expect(create.mock.calls.length).toBeGreaterThan(1);
  });
});

describe("checking", () => {
  test("a wrong document is told with all its faults, and changes nothing", async () => {
    const wrong = { weight: 0, nope: 1, rate: { requests: -1 } };
    const faults = ["/weight", "/nope", "/rate/requests"].map((pointer) => expect.objectContaining({ pointer }));
    const refusal = problem("validation", { errors: expect.arrayContaining(faults) });
    await expect(call(system.broker, "policy.check", { policy: wrong })).rejects.toEqual(refusal);
    await expect(change(wrong, { mode: "put" })).rejects.toEqual(refusal);
    await expect(change(wrong)).rejects.toEqual(refusal);
    expect((await get()).version).toBe(0);
    expect([told, queues, versions]).toEqual([[], [], []]);
  });

  test("a patch is checked as the whole that it makes", async () => {
    await change({ backoff: { delayMs: 50_000 } });
    await expect(change({ backoff: { maxMs: 40_000 } })).rejects.toEqual(
      problem("validation", { errors: [expect.objectContaining({ pointer: "/backoff/maxMs" })] }),
    );
  });

  test.each(["list", 1, null, ["weight"]])("%j is no policy", async (document) => {
    await expect(system.broker.call("policy.change", { clientId, mode: "put", document })).rejects.toMatchObject({
      code: 422,
    });
  });

  test("a handler is an action that is there and declares itself one", async () => {
    expect(await change({ handler: "orders.import" })).toMatchObject({ policy: { handler: "orders.import" } });
    for (const handler of ["orders.list", "orders.gone", "policy.get"])
      await expect(change({ handler })).rejects.toEqual(
        problem("validation", { errors: [expect.objectContaining({ pointer: "/handler" })] }),
      );
  });
});

describe("telling", () => {
  test("a change is told to the queue, to the client and to all nodes", async () => {
    await change({ maxConcurrentBatches: 9, weight: 4 });
    expect(queues).toEqual([{ clientId, cap: 9, weight: 4 }]);
    expect(versions).toEqual([{ id: clientId, policyVersion: 1 }]);
    expect(told).toEqual([{ clientId, version: 1 }]);
  });

  test("a newer change of another node is what the queue is told last, however late the older one is told", async () => {
    const body = JSON.stringify({ ...defaultPolicy, weight: 8 });
    whileTold = async () => {
      whileTold = () => {};
      await service().database.models.Policy.create({ clientId, version: 2, body, createdAt: 0 });
    };
    await change({ weight: 4 });
    expect(queues.map(({ weight }) => weight)).toEqual([4, 8]);
    expect(versions).toEqual([{ id: clientId, policyVersion: 2 }]);
  });

  test("it is told to outsiders by the client's public id, in an event committed with it", async () => {
    await change({ weight: 4 });
    const rows = await service().database.models.Outbox.findAll();
    const events = rows.map((row) => JSON.parse(row.get("body") as string));
    expect(events.filter(({ subject }) => subject === publicIdOf(clientId))).toEqual([
      expect.objectContaining({ type: "policy.changed", data: { clientId: publicIdOf(clientId), version: 1 } }),
    ]);
  });
});

describe("caching", () => {
  test("the policy in force is read once, also by many at the same time; a change is seen at once", async () => {
    const reads = readsOf(service().database, "policy");
    const before = figures();
    await Promise.all(Array.from({ length: 20 }, () => get()));
    await get();
    expect(reads).toHaveLength(1);
    const after = figures();
    expect([after.hits - before.hits, after.misses - before.misses]).toEqual([1, 20]);
    await change({ weight: 5 });
    expect((await get()).policy.weight).toBe(5);
  });

  test("a change on another node, told by its event, is seen; other clients stay cached", async () => {
    await Promise.all([get(), get(clientId + 1)]);
    const body = JSON.stringify({ ...defaultPolicy, weight: 8 });
    const { Policy } = service().database.models;
    await Policy.create({ clientId, version: 1, body, createdAt: 0 });
    expect((await get()).version).toBe(0);
    const reads = readsOf(service().database, "policy");
    await system.broker.broadcast("policy.changed", { clientId, version: 1 });
    expect(await get()).toMatchObject({ version: 1, policy: { weight: 8 } });
    await get(clientId + 1);
    expect(reads).toHaveLength(1);
  });

  test("of many versions only the last one is read", async () => {
    for (const weight of [2, 3, 4]) await change({ weight });
    const built = jest.spyOn(service().database.models.Policy, "bulkBuild");
    expect(await change({ weight: 5 })).toMatchObject({ version: 4 });
    expect(new Set(built.mock.calls.map(([rows]) => rows.length))).toEqual(new Set([1]));
  });

  test("a change does not go by a cached version", async () => {
    await get();
    const { Policy } = service().database.models;
    await Policy.create({ clientId, version: 1, body: JSON.stringify({ weight: 8 }), createdAt: 0 });
    expect(await change({ maxErrors: 1 })).toMatchObject({ version: 2, policy: { weight: 8, maxErrors: 1 } });
  });
});

describe("a webhook's secret", () => {
  const url = "https://partner.example/hooks";
  const secrets = () => call(system.broker, "policy.webhookSecrets", { clientId });
  const rotate = (graceSeconds: number) =>
    call(system.broker, "policy.rotateWebhookSecret", { clientId, graceSeconds });

  test("is told by the change that names a receiver, and by no other", async () => {
    const { webhookSecret, policy } = await change({ webhook: { url } });
    expect(policy.webhook).toEqual({ url, events: ["batch.completed"] });
    expect(webhookSecret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(await secrets()).toEqual([webhookSecret]);
    for (const document of [{ weight: 2 }, { webhook: { url } }, { webhook: { events: ["batch.ready"] } }])
      expect(await change(document)).not.toHaveProperty("webhookSecret");
    expect(await secrets()).toEqual([webhookSecret]);
    const other = await change({ webhook: { url: `${url}/2` } });
    expect(other.webhookSecret).not.toBe(webhookSecret);
    expect(await secrets()).toEqual([other.webhookSecret]);
  });

  test("goes with the webhook, and a new one comes with the next", async () => {
    const first = await change({ webhook: { url } });
    await change({ webhook: null });
    expect(await secrets()).toEqual([]);
    await expect(rotate(60)).rejects.toEqual(problem("not-found"));
    const second = await change({ webhook: { url } });
    expect(second.webhookSecret).not.toBe(first.webhookSecret);
  });

  test("is in no version of the policy, and in no event", async () => {
    const { webhookSecret = "", version: last } = await change({ webhook: { url } });
    const rotated = await rotate(60);
    const { models } = service().database;
    const shown = JSON.stringify([
      await get(),
      await version(last),
      told,
      await models.Policy.findAll({ raw: true }),
      await models.Outbox.findAll({ raw: true }),
    ]);
    expect(shown).toContain(url);
    for (const secret of [webhookSecret, rotated.secret]) expect(shown).not.toContain(secret.slice("whsec_".length));
  });

  test("rotates: the one before counts as long as it was said, each of several", async () => {
    const { webhookSecret } = await change({ webhook: { url } });
    const before = Date.now();
    const second = await rotate(3600);
    expect(second.previousValidUntil).toBeGreaterThanOrEqual(before + 3_599_000);
    const third = await rotate(60);
    expect(await secrets()).toEqual([third.secret, second.secret, webhookSecret]);
    const fourth = await rotate(0);
    expect(await secrets()).toEqual([fourth.secret]);
  });

  test("is not renewed by a change that failed", async () => {
    const { webhookSecret } = await change({ webhook: { url } });
    await expect(change({ webhook: { url: "http://10.0.0.1/" } })).rejects.toEqual(problem("validation"));
    expect(await secrets()).toEqual([webhookSecret]);
  });

  test("goes when the receiver is gone, unless it is another one by then", async () => {
    const off = (gone: string) => call(system.broker, "policy.turnWebhookOff", { clientId, url: gone });
    await change({ webhook: { url } });
    expect(await off(`${url}/before`)).toBe(false);
    expect((await get()).policy.webhook).not.toBeNull();
    expect(await off(url)).toBe(true);
    expect((await get()).policy.webhook).toBeNull();
    expect(await secrets()).toEqual([]);
    expect(await off(url)).toBe(false);
  });
});

describe("evaluating", () => {
  const evaluate = async () => {
    const { policy } = await get();
    return call(system.broker, "policy.evaluate", { policy, format: "csv", bytes: 1, records: 1 });
  };

  test("goes by the policy and the clock", async () => {
    expect(await evaluate()).toEqual({ decision: "ready" });
    const noon = Date.parse("2024-01-10T12:00:00Z");
    await change({ window: { from: "22:00", to: "06:00", timeZone: "UTC" } });
    jest.spyOn(Date, "now").mockReturnValue(noon);
    expect(await evaluate()).toEqual({ decision: "held", hold: "window", until: noon + 10 * 3_600_000 });
    jest.mocked(Date.now).mockReturnValue(noon + 10 * 3_600_000);
    expect(await evaluate()).toEqual({ decision: "ready" });
    await change({ requiresApproval: true });
    expect(await evaluate()).toEqual({ decision: "held", hold: "approval", until: null });
  });
});

test.each([
  ["policy.get", { clientId: "1" }, "clientId"],
  ["policy.version", { clientId: 1 }, "version"],
  ["policy.change", { clientId: 1, mode: "post", document: {} }, "mode"],
  ["policy.evaluate", { policy: {}, format: "xml", bytes: 1, records: 1 }, "format"],
])("%s of %j is refused", async (action, params, field) => {
  await expect(system.broker.call(action, params)).rejects.toEqual(wrongParams(field));
});

test("without its database it is unavailable", async () => {
  const broken = await startNode(options());
  await (broken.broker.getLocalService("policy") as Service & WithDatabase).database.close();
  await expect(call(broken.broker, "policy.get", { clientId })).rejects.toEqual(problem("unavailable"));
  const change = call(broken.broker, "policy.change", { clientId, mode: "put", document: {} });
  await expect(change).rejects.toEqual(problem("unavailable"));
  await broken.stop();
});
