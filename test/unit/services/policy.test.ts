/** The promise: each change of a policy makes a new version that never changes, and every node and the queue learn of it. */
import type { Service } from "moleculer";
import { UniqueConstraintError } from "sequelize";
import type { WithDatabase } from "../../../mixins/database.ts";
import { call } from "../../../services/messages.ts";
import { defaultPolicy } from "../../../services/policy/policy.document.ts";
import { problem, readsOf, startNode, wrongParams } from "../contracts/kit.ts";
import {
  change,
  clientId,
  figures,
  get,
  options,
  partners,
  publicIdOf,
  queues,
  service,
  startPolicies,
  system,
  told,
  version,
  versions,
} from "./policy.kit.ts";
import { webhookSecretTests } from "./policy.webhook.suite.ts";

startPolicies();

describe("versions", () => {
  test("a client without a policy has the defaults, as version 0", async () => {
    expect(await get()).toEqual({ version: 0, policy: defaultPolicy });
    expect(await version(0)).toEqual({ version: 0, policy: defaultPolicy });
  });

  test("each change makes a version, and versions never change", async () => {
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

  test("a version that does not exist is not found, until it exists", async () => {
    await expect(version(1)).rejects.toEqual(problem("not-found"));
    await change({ weight: 5 });
    await expect(version(1, clientId + 1)).rejects.toEqual(problem("not-found"));
    await expect(version(-1)).rejects.toEqual(problem("not-found"));
  });

  test("of several changes at once with the same If-Match, one wins", async () => {
    const all = await Promise.allSettled([2, 3, 4].map((weight) => change({ weight }, { ifVersion: 0 })));
    const lost = all.filter((one) => one.status === "rejected").map(({ reason }) => reason);
    expect(lost).toEqual([problem("precondition-failed"), problem("precondition-failed")]);
    expect((await get()).version).toBe(1);
    await expect(change({ weight: 9 }, { ifVersion: 0 })).rejects.toEqual(problem("precondition-failed"));
    expect(await change({ weight: 9 }, { ifVersion: 1 })).toMatchObject({ version: 2, policy: { weight: 9 } });
  });

  test("without If-Match all changes succeed, each on top of the one before", async () => {
    const names = ["weight", "maxErrors", "chunkRecords", "maxAttempts", "maxBytes", "maxRecords", "retentionDays"];
    // No value is a default, because a change to the same value makes no version.
    const patches = names.map((name, i) => ({ [name]: i + 6 }));
    const all = await Promise.all(patches.map((patch) => change(patch)));
    expect(all.map((one) => one.version).sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(await get()).toMatchObject({ version: 7, policy: Object.assign({}, ...patches) });
  });

  test("thirty changes at once all succeed", async () => {
    const all = await Promise.all(Array.from({ length: 30 }, (_, i) => change({ weight: i + 2 })));
    expect(all.at(-1)).toMatchObject({ version: 30, policy: { weight: 31 } });
  });

  test("a change that never gets its turn is answered 503", async () => {
    const create = jest
      .spyOn(service().database.models.Policy, "create")
      .mockRejectedValue(new UniqueConstraintError({}));
    await expect(change({ weight: 2 })).rejects.toEqual(problem("unavailable", { headers: { "Retry-After": "1" } }));
    expect(create.mock.calls.length).toBeGreaterThan(1);
  });
});

describe("checking", () => {
  test("a wrong document is refused with all its faults, and changes nothing", async () => {
    const wrong = { weight: 0, nope: 1, rate: { requests: -1 } };
    const faults = ["/weight", "/nope", "/rate/requests"].map((pointer) => expect.objectContaining({ pointer }));
    const refusal = problem("validation", { errors: expect.arrayContaining(faults) });
    await expect(call(system.broker, "policy.check", { policy: wrong })).rejects.toEqual(refusal);
    await expect(change(wrong, { mode: "put" })).rejects.toEqual(refusal);
    await expect(change(wrong)).rejects.toEqual(refusal);
    expect((await get()).version).toBe(0);
    expect([told, queues, versions]).toEqual([[], [], []]);
  });

  test("a patch is checked as the whole policy that it makes", async () => {
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

  test("a handler is an existing action that declares itself one", async () => {
    expect(await change({ handler: "orders.import" })).toMatchObject({ policy: { handler: "orders.import" } });
    for (const handler of ["orders.list", "orders.gone", "policy.get"])
      await expect(change({ handler })).rejects.toEqual(
        problem("validation", { errors: [expect.objectContaining({ pointer: "/handler" })] }),
      );
  });
});

describe("announcing", () => {
  test("a change is announced to the queue, to clientCache and to all nodes", async () => {
    await change({ maxConcurrentBatches: 9, weight: 4 });
    expect(queues).toEqual([{ clientId, cap: 9, weight: 4 }]);
    expect(versions).toEqual([{ id: clientId, policyVersion: 1, hasWebhook: false }]);
    expect(told).toEqual([{ clientId, version: 1 }]);
  });

  test("the queue hears the newest version last, also if an older one is announced late", async () => {
    const body = JSON.stringify({ ...defaultPolicy, weight: 8 });
    partners.whileTold = async () => {
      partners.whileTold = () => {};
      await service().database.models.Policy.create({ clientId, version: 2, body, createdAt: 0 });
    };
    await change({ weight: 4 });
    expect(queues.map(({ weight }) => weight)).toEqual([4, 8]);
    expect(versions).toEqual([{ id: clientId, policyVersion: 2, hasWebhook: false }]);
  });

  test("a change is published with the client's public id, in an event of the same commit", async () => {
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

  test("of many versions only the newest is read", async () => {
    for (const weight of [2, 3, 4]) await change({ weight });
    const built = jest.spyOn(service().database.models.Policy, "bulkBuild");
    expect(await change({ weight: 5 })).toMatchObject({ version: 4 });
    expect(new Set(built.mock.calls.map(([rows]) => rows.length))).toEqual(new Set([1]));
  });

  test("a change starts from the database, not from a cached version", async () => {
    await get();
    const { Policy } = service().database.models;
    await Policy.create({ clientId, version: 1, body: JSON.stringify({ weight: 8 }), createdAt: 0 });
    expect(await change({ maxErrors: 1 })).toMatchObject({ version: 2, policy: { weight: 8, maxErrors: 1 } });
  });
});

describe("a webhook's secret", webhookSecretTests);

describe("evaluating", () => {
  const evaluate = async () => {
    const { policy } = await get();
    return call(system.broker, "policy.evaluate", { policy, format: "csv", bytes: 1, records: 1 });
  };

  test("a batch is evaluated by the policy and the clock", async () => {
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

test("without a database the call is unavailable", async () => {
  const broken = await startNode(options());
  await (broken.broker.getLocalService("policy") as Service & WithDatabase).database.close();
  await expect(call(broken.broker, "policy.get", { clientId })).rejects.toEqual(problem("unavailable"));
  const change = call(broken.broker, "policy.change", { clientId, mode: "put", document: {} });
  await expect(change).rejects.toEqual(problem("unavailable"));
  await broken.stop();
});
