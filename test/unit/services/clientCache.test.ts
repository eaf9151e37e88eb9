import type { Service } from "moleculer";
import type { WithCache } from "../../../mixins/cache.ts";
import type { WithDatabase } from "../../../mixins/database.ts";
import { hashOf, isSecretOf, newSecret } from "../../../services/clientCache/clientCache.secrets.ts";
import { call, type EventOf } from "../../../services/messages.ts";
import type { System } from "../../helpers/system.ts";
import { hears, problem, readsOf, startNode, wrongParams } from "../contracts/kit.ts";

let system: System;
const told: EventOf<"client.changed">[] = [];
const renewed: EventOf<"client.renewed">[] = [];
/** A client of each test's own. */
let acme = "acme";
let tests = 0;

const options = () => ({
  services: ["clientCache", "policy", "batch", "outbox"],
  env: { LOG_LEVEL: "fatal" },
  extra: [hears("client.changed", told), hears("client.renewed", renewed)],
});
beforeAll(async () => {
  system = await startNode(options());
});
afterAll(() => system.stop());
beforeEach(() => {
  told.length = 0;
  acme = `acme-${++tests}`;
});
afterEach(() => jest.restoreAllMocks());

const service = () => system.broker.getLocalService("clientCache") as Service & WithCache<never> & WithDatabase;
const figures = () => service().cacheFigures().local;
/** A new link to other nodes voids what is known in process: events may have been lost. */
const forget = () => system.broker.broadcastLocal("$transporter.connected");
const create = (clientIdentifier = acme, policy?: unknown) =>
  call(system.broker, "clientCache.create", { clientIdentifier, name: "Acme", ...(policy ? { policy } : {}) });
const login = (secret: string, identifier = acme) =>
  call(system.broker, "clientCache.authenticate", { identifier, secret });
const get = (publicId: string) => call(system.broker, "clientCache.get", { publicId });
const rotate = (publicId: string, graceSeconds: number) =>
  call(system.broker, "clientCache.rotateSecret", { publicId, graceSeconds });

describe("creating", () => {
  test("answers the client and its secret, and nothing of the secret ever again", async () => {
    const { client, secret } = await create();
    expect(client).toEqual({
      id: expect.any(Number),
      publicId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/),
      identifier: acme,
      name: "Acme",
      status: "active",
      policyVersion: 0,
      version: 1,
      createdAt: expect.any(Number),
    });
    expect(Buffer.from(secret, "base64url")).toHaveLength(32);
    const shown = [
      await get(client.publicId),
      await login(secret),
      ...(await call(system.broker, "clientCache.list", { limit: 1 })),
    ];
    expect(shown).toEqual([client, client, client]);
  });

  test("a name with what no database keeps is answered as it is kept, also when it changes", async () => {
    const made = await call(system.broker, "clientCache.create", { clientIdentifier: acme, name: "a\0b\ud800c" });
    expect(made.client.name).toBe("a\ufffdb\ufffdc");
    const { publicId } = made.client;
    const changed = await call(system.broker, "clientCache.update", { publicId, name: "\0" });
    expect(changed.name).toBe("\ufffd");
    await forget();
    expect(await get(publicId)).toEqual(changed);
  });

  test("stores the secret's hash alone", async () => {
    const { secret } = await create();
    const [row] = await service().database.models.Client.findAll({ where: { identifier: acme }, raw: true });
    expect(Buffer.from(row?.secretHash ?? [])).toEqual(hashOf(secret));
    expect(JSON.stringify(row)).not.toContain(secret);
  });

  test("an identifier that exists is a conflict", async () => {
    await create();
    await expect(create()).rejects.toEqual(problem("conflict"));
    const both = await Promise.allSettled([create(`${acme}-other`), create(`${acme}-other`)]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("a policy comes with it; a wrong one leaves no client", async () => {
    const { client } = await create(acme, { weight: 7 });
    expect((await call(system.broker, "policy.get", { clientId: client.id })).policy.weight).toBe(7);
    await expect(create(`${acme}-other`, { weight: 0 })).rejects.toEqual(
      problem("validation", { errors: [{ pointer: "/policy/weight", detail: expect.any(String) }] }),
    );
    expect(await call(system.broker, "clientCache.list", { limit: 1 })).toMatchObject([{ identifier: acme }]);
  });

  test("one that was unknown a moment before is known at once", async () => {
    expect(await login("guess")).toBeNull();
    const { secret } = await create();
    expect(await login(secret)).toMatchObject({ identifier: acme });
  });
});

describe("authenticating", () => {
  test("wrong, empty, hashed and other clients' secrets are refused", async () => {
    const { secret } = await create();
    const { secret: others } = await create(`${acme}-other`);
    for (const wrong of ["", secret.slice(1), `${secret} `, hashOf(secret).toString("base64url"), others])
      expect(await login(wrong)).toBeNull();
    expect(await login(secret, acme.toUpperCase())).toBeNull();
  });

  test("a disabled client is answered as such, for the caller to refuse", async () => {
    const { client, secret } = await create();
    await call(system.broker, "clientCache.update", { publicId: client.publicId, status: "disabled" });
    expect(await login(secret)).toMatchObject({ status: "disabled" });
  });

  test("reads the database once, also for many at the same time", async () => {
    const { secret } = await create();
    await forget();
    const reads = readsOf(service().database, "client");
    const before = figures();
    await Promise.all(Array.from({ length: 50 }, () => login(secret)));
    await login(secret);
    expect(reads).toHaveLength(1);
    const after = figures();
    expect([after.hits - before.hits, after.misses - before.misses]).toEqual([1, 50]);
  });

  test("unknown identifiers are read once too", async () => {
    const reads = readsOf(service().database, "client");
    expect([await login("a"), await login("b")]).toEqual([null, null]);
    expect(reads).toHaveLength(1);
  });
});

describe("a secret", () => {
  const secret = newSecret();
  const old = newSecret();
  const client = { secretHash: hashOf(secret), oldSecretHash: hashOf(old), oldSecretUntil: 1_000 };

  test("two are never the same", () => {
    expect(new Set(Array.from({ length: 100 }, newSecret)).size).toBe(100);
  });

  test.each([
    ["the current one", secret, 5_000, true],
    ["the old one within its grace", old, 999, true],
    ["the old one when its grace is over", old, 1_000, false],
    ["another", newSecret(), 0, false],
  ])("%s", (_which, given, nowMs, isRight) => {
    expect(isSecretOf(client, hashOf(given), nowMs)).toBe(isRight);
    expect(isSecretOf(null, hashOf(given), nowMs)).toBe(false);
  });

  test("an old one without an end never counts", () => {
    expect(isSecretOf({ ...client, oldSecretUntil: null }, hashOf(old), 0)).toBe(false);
  });

  test("costs the same two comparisons whoever asks", () => {
    const crypto = jest.requireActual<typeof import("node:crypto")>("node:crypto");
    const compare = jest.fn(crypto.timingSafeEqual);
    jest.isolateModules(() => {
      jest.doMock("node:crypto", () => ({ ...crypto, timingSafeEqual: compare }));
      const own = jest.requireActual<typeof import("../../../services/clientCache/clientCache.secrets.ts")>(
        "../../../services/clientCache/clientCache.secrets.ts",
      );
      const asked = [client, { ...client, oldSecretHash: null, oldSecretUntil: null }, null].map((who) => {
        compare.mockClear();
        own.isSecretOf(who, hashOf(secret), 0);
        return compare.mock.calls.length;
      });
      expect(asked).toEqual([2, 2, 2]);
    });
    jest.dontMock("node:crypto");
  });
});

describe("rotating", () => {
  test("the old secret lives on for its grace, on the database's clock", async () => {
    const { client, secret } = await create();
    const rotated = await rotate(client.publicId, 60);
    const now = await service().database.now();
    expect(rotated.previousValidUntil).toBeGreaterThan(now + 50_000);
    expect(rotated.previousValidUntil).toBeLessThanOrEqual(now + 60_000);
    expect(await login(secret)).not.toBeNull();
    expect(await login(rotated.secret)).not.toBeNull();
    jest.spyOn(Date, "now").mockReturnValue(rotated.previousValidUntil);
    expect(await login(secret)).toBeNull();
    expect(await login(rotated.secret)).not.toBeNull();
  });

  test("no grace revokes the old one at once", async () => {
    const { client, secret } = await create();
    await login(secret);
    const rotated = await rotate(client.publicId, 0);
    expect([await login(secret), (await login(rotated.secret))?.publicId]).toEqual([null, client.publicId]);
  });

  test("only the last old one lives on", async () => {
    const { client, secret } = await create();
    const second = await rotate(client.publicId, 60);
    const third = await rotate(client.publicId, 60);
    expect(await login(secret)).toBeNull();
    expect(await login(second.secret)).not.toBeNull();
    expect(await login(third.secret)).not.toBeNull();
  });

  test("of two rotations at the same time both secrets work", async () => {
    const { client } = await create();
    const both = await Promise.all([rotate(client.publicId, 60), rotate(client.publicId, 60)]);
    for (const { secret } of both) expect(await login(secret)).not.toBeNull();
  });

  test("nobody's is not found", async () => {
    await expect(rotate("nobody", 0)).rejects.toEqual(problem("not-found"));
  });
});

describe("changing", () => {
  test("is seen at once under all of a client's names, and told to all nodes", async () => {
    const { client, secret } = await create();
    const { publicId, id } = client;
    await Promise.all([login(secret), get(publicId), call(system.broker, "clientCache.get", { id })]);
    const changed = await call(system.broker, "clientCache.update", { publicId, name: "Acme & Co" });
    expect(changed).toEqual({ ...client, name: "Acme & Co", version: 2 });
    expect(await login(secret)).toEqual(changed);
    expect(await get(publicId)).toEqual(changed);
    expect(await call(system.broker, "clientCache.get", { id })).toEqual(changed);
    expect(told).toMatchObject([
      { id, publicId, identifier: acme, version: 1 },
      { id, publicId, identifier: acme, version: 2 },
    ]);
  });

  test("many at the same time are as many versions, and none is lost", async () => {
    const { client } = await create();
    const { publicId } = client;
    await Promise.all([
      call(system.broker, "clientCache.update", { publicId, status: "disabled" }),
      call(system.broker, "clientCache.update", { publicId, name: "Other" }),
      call(system.broker, "clientCache.policyChanged", { id: client.id, policyVersion: 9 }),
      rotate(publicId, 0),
    ]);
    expect(await get(publicId)).toMatchObject({ version: 5, status: "disabled", name: "Other", policyVersion: 9 });
  });

  test("a policy's version that comes late does not bring back the one before", async () => {
    const { client } = await create();
    for (const policyVersion of [3, 2])
      await call(system.broker, "clientCache.policyChanged", { id: client.id, policyVersion });
    expect(await get(client.publicId)).toMatchObject({ policyVersion: 3 });
  });

  test("a policy's version is news for caches alone", async () => {
    const { client } = await create(acme, { weight: 7 });
    const patch = { clientId: client.id, mode: "patch" as const, document: { weight: 8 } };
    await call(system.broker, "policy.change", patch);
    expect(told).toMatchObject([{ identifier: acme, version: 1 }]);
    expect(renewed.filter(({ identifier }) => identifier === acme)).toMatchObject([
      { version: 2, policyVersion: 1 },
      { version: 3, policyVersion: 2 },
    ]);
    expect(await get(client.publicId)).toMatchObject({ version: 3, policyVersion: 2 });
  });

  test("a load that began before a change does not bring the old client back", async () => {
    const { client, secret } = await create();
    const { sequelize } = service().database;
    const read = sequelize.query.bind(sequelize);
    const gate = Promise.withResolvers<void>();
    const reading = Promise.withResolvers<void>();
    await forget();
    jest.spyOn(sequelize, "query").mockImplementationOnce((async (...asked: Parameters<typeof read>) => {
      const rows = await read(...asked);
      reading.resolve();
      await gate.promise;
      return rows;
    }) as never);
    const early = login(secret);
    await reading.promise;
    await call(system.broker, "clientCache.update", { publicId: client.publicId, status: "disabled" });
    gate.resolve();
    await early;
    expect(await login(secret)).toMatchObject({ status: "disabled" });
  });

  test("nobody's is not found", async () => {
    const update = call(system.broker, "clientCache.update", { publicId: "nobody", name: "x" });
    await expect(update).rejects.toEqual(problem("not-found"));
    expect(await get("nobody")).toBeNull();
    await call(system.broker, "clientCache.policyChanged", { id: 99, policyVersion: 1 });
  });
});

test("the list is newest first, in pages", async () => {
  const made = [];
  for (const name of ["a", "b", "c"]) made.unshift((await create(`${acme}-${name}`)).client);
  const list = (query: object) => call(system.broker, "clientCache.list", { limit: 2, ...query });
  expect(await list({})).toEqual(made.slice(0, 2));
  expect((await list({ before: made[1]?.id }))[0]).toEqual(made[2]);
});

test.each([
  ["clientCache.authenticate", { identifier: "a" }, "secret"],
  ["clientCache.create", { clientIdentifier: 1, name: "a" }, "clientIdentifier"],
  ["clientCache.list", { limit: 202 }, "limit"],
  ["clientCache.update", { publicId: "a", status: "gone" }, "status"],
  ["clientCache.rotateSecret", { publicId: "a", graceSeconds: -1 }, "graceSeconds"],
  ["clientCache.policyChanged", { id: 1 }, "policyVersion"],
])("%s of %j is refused", async (action, params, field) => {
  await expect(system.broker.call(action, params)).rejects.toEqual(wrongParams(field));
});

test("without its database it is unavailable, and nobody is let in or refused", async () => {
  const broken = await startNode(options());
  await (broken.broker.getLocalService("clientCache") as Service & WithDatabase).database.close();
  await expect(call(broken.broker, "clientCache.authenticate", { identifier: acme, secret: "guess" })).rejects.toEqual(
    problem("unavailable", { headers: { "Retry-After": "5" } }),
  );
  await expect(call(broken.broker, "clientCache.create", { clientIdentifier: acme, name: acme })).rejects.toEqual(
    problem("unavailable"),
  );
  await broken.stop();
});
