/** The promise: a client logs in with its current secrets, and a change of it takes effect everywhere at once. */
import type { Service } from "moleculer";
import type { WithDatabase } from "../../../mixins/database.ts";
import { hashOf } from "../../../services/clientCache/clientCache.known.ts";
import { call } from "../../../services/messages.ts";
import { problem, readsOf, startNode, wrongParams } from "../contracts/kit.ts";

import {
  acme,
  create,
  figures,
  forget,
  get,
  login,
  options,
  renewed,
  rotate,
  service,
  startClients,
  system,
  told,
  unused,
} from "./clientCache.kit.ts";
import { secretTests } from "./clientCache.secrets.suite.ts";

startClients();

describe("creating", () => {
  test("answers the client and its secret, which no later answer shows", async () => {
    const { client, secret } = await create();
    expect(client).toEqual({
      id: expect.any(Number),
      publicId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/),
      identifier: acme,
      name: "Acme",
      status: "active",
      legalHold: false,
      erasureId: null,
      pausedAt: null,
      pausedBy: null,
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
    expect(shown).toEqual([client, client, { ...client, use: unused }]);
  });

  test("a name with characters that no database keeps is answered as it is stored", async () => {
    const made = await call(system.broker, "clientCache.create", { clientIdentifier: acme, name: "a\0b\ud800c" });
    expect(made.client.name).toBe("a\ufffdb\ufffdc");
    const { publicId } = made.client;
    const changed = await call(system.broker, "clientCache.update", { publicId, name: "\0" });
    expect(changed.name).toBe("\ufffd");
    await forget();
    expect(await get(publicId)).toEqual(changed);
  });

  test("stores only the secret's hash", async () => {
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

  test("a client can be created with a policy; a wrong one creates no client", async () => {
    const { client } = await create(acme, { weight: 7 });
    expect((await call(system.broker, "policy.get", { clientId: client.id })).policy.weight).toBe(7);
    await expect(create(`${acme}-other`, { weight: 0 })).rejects.toEqual(
      problem("validation", { errors: [{ pointer: "/policy/weight", detail: expect.any(String) }] }),
    );
    expect(await call(system.broker, "clientCache.list", { limit: 1 })).toMatchObject([{ identifier: acme }]);
  });

  test("a client that was unknown a moment ago can log in at once", async () => {
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

  test("a disabled client is answered as disabled, for the caller to refuse", async () => {
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

  test("unknown identifiers are read from the database once too", async () => {
    const reads = readsOf(service().database, "client");
    expect([await login("a"), await login("b")]).toEqual([null, null]);
    expect(reads).toHaveLength(1);
  });
});

secretTests();

describe("changing", () => {
  test("is seen at once by all of a client's keys, and announced to all nodes", async () => {
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

  test("many changes at the same time make as many versions, and none is lost", async () => {
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

  test("a late policy version does not replace a newer one", async () => {
    const { client } = await create();
    for (const policyVersion of [3, 2])
      await call(system.broker, "clientCache.policyChanged", { id: client.id, policyVersion });
    expect(await get(client.publicId)).toMatchObject({ policyVersion: 3 });
  });

  test("a policy version is announced only to caches", async () => {
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

  test("a change of an unknown client is not found", async () => {
    const update = call(system.broker, "clientCache.update", { publicId: "nobody", name: "x" });
    await expect(update).rejects.toEqual(problem("not-found"));
    expect(await get("nobody")).toBeNull();
    await call(system.broker, "clientCache.policyChanged", { id: 99, policyVersion: 1 });
  });
});

test("the list is newest first, in pages", async () => {
  const made = [];
  for (const name of ["a", "b", "c"]) made.unshift({ ...(await create(`${acme}-${name}`)).client, use: unused });
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

test("without a database a login is unavailable: neither accepted nor refused", async () => {
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
