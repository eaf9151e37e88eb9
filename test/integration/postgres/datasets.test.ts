/**
 * The promise: a change of a dataset takes effect on all nodes, even if its event is lost, and changes at the same time are
 * exact.
 */
import type { Service, ServiceBroker } from "moleculer";
import type { WithCache } from "../../../mixins/cache.ts";
import { call } from "../../../services/messages.ts";
import policy from "../../../services/policy/policy.service.ts";
import { describePostgres, migratedPostgres, type Schema } from "../../helpers/database.ts";
import { acquainted, startNode } from "../../helpers/nodes.ts";
import { until } from "../../helpers/patience.ts";
import { problem, standIn } from "../../unit/contracts/kit.ts";

describePostgres("datasets on two nodes", () => {
  let place: Schema;
  let nodes: ServiceBroker[] = [];
  beforeEach(async () => {
    place = await migratedPostgres();
  });
  afterEach(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await place.drop();
  });

  async function start(...namespaces: string[]): Promise<[ServiceBroker, ServiceBroker]> {
    const partners = [
      standIn("batch", { configureQueue: () => undefined }),
      standIn("clientCache", { get: () => ({ publicId: "a-client" }), policyChanged: () => undefined }),
    ];
    const env = { DATABASE_URL: place.url, DATABASE_SCHEMA: "none", LOCAL_CACHE_TTL: "60s" };
    nodes = await Promise.all(
      namespaces.map((namespace) => startNode({ namespace, env, services: [policy, ...partners] })),
    );
    return nodes as [ServiceBroker, ServiceBroker];
  }
  async function pair() {
    const namespace = `datasets-${Math.random()}`;
    const both = await start(namespace, namespace);
    await acquainted(both, "policy");
    return both;
  }
  const put = (node: ServiceBroker, document: object, name = "orders") =>
    call(node, "policy.changeDataset", { name, mode: "put", document });
  const grant = (node: ServiceBroker, clientId: number, override: object = {}) =>
    call(node, "policy.grantDataset", { clientId, name: "orders", override });
  const revoke = (node: ServiceBroker, clientId: number) =>
    call(node, "policy.revokeDataset", { clientId, name: "orders" });
  /** The field that the tests change, as this node sees it. Null: the node would refuse an upload. */
  const seen = (node: ServiceBroker, clientId = 1) =>
    call(node, "policy.ofDataset", { clientId, name: "orders" }).then(
      (found) => found.policy.maxErrors,
      (error: unknown) => {
        expect(error).toEqual(problem("not-found"));
        return "refused";
      },
    );
  const readChanges = (node: ServiceBroker) =>
    (node.getLocalService("policy") as Service & WithCache<never>).readChanges();

  test("a change on one node takes effect on the other, and a batch keeps the version that it was accepted under", async () => {
    const [one, two] = await pair();
    await put(one, { maxErrors: 1 });
    expect(await seen(two)).toBe("refused");
    await grant(one, 1);
    await until(async () => (await seen(two)) === 1, "the grant is known");
    const before = await call(two, "policy.ofDataset", { clientId: 1, name: "orders" });
    expect(await call(one, "policy.ofDataset", { clientId: 1, name: "orders" })).toEqual(before);
    await put(one, { maxErrors: 2 });
    await until(async () => (await seen(two)) === 2, "the change is known");
    await grant(two, 1, { maxErrors: 3 });
    await until(async () => (await seen(one)) === 3, "the override is known");
    const { version } = before;
    for (const node of nodes) {
      expect(await call(node, "policy.version", { clientId: 1, version })).toEqual(before);
      await expect(call(node, "policy.version", { clientId: 2, version })).rejects.toEqual(problem("not-found"));
    }
    await call(one, "policy.change", { clientId: 1, mode: "patch", document: { weight: 7 } });
    const weight = async () => (await call(two, "policy.ofDataset", { clientId: 1, name: "orders" })).policy.weight;
    await until(async () => (await weight()) === 7, "the client's own fields are known");
    await revoke(one, 1);
    await until(async () => (await seen(two)) === "refused", "the end of the grant is known");
    await call(one, "policy.removeDataset", { name: "orders" });
    await until(async () => (await call(two, "policy.dataset", { name: "orders" })) === null, "the end is known");
    await put(two, { maxErrors: 9 });
    await until(async () => (await call(one, "policy.dataset", { name: "orders" }))?.dataset.maxErrors === 9, "anew");
  });

  test("the safety read finds a change whose event was lost", async () => {
    const [one, two] = await start(`deaf-${Math.random()}`, `dumb-${Math.random()}`);
    await put(one, { maxErrors: 1 });
    await grant(one, 1);
    expect(await seen(two)).toBe(1);
    await put(one, { maxErrors: 2 });
    expect(await seen(two)).toBe(1);
    await readChanges(two);
    expect(await seen(two)).toBe(2);
    await grant(one, 1, { maxErrors: 3 });
    await readChanges(two);
    expect(await seen(two)).toBe(3);
    await revoke(one, 1);
    await readChanges(two);
    expect(await seen(two)).toBe("refused");
  });

  test("simultaneous changes follow each other: no override becomes invalid, and every client is counted", async () => {
    const [one, two] = await pair();
    await put(one, { backoff: { delayMs: 1, maxMs: 5_000 } });
    const clients = Array.from({ length: 12 }, (_, i) => i + 1);
    await Promise.all(clients.map((id) => grant(id % 2 ? one : two, id, { backoff: { delayMs: 4_000 } })));
    const [listed] = await call(two, "policy.datasets", { limit: 9 });
    expect(listed).toMatchObject({ name: "orders", clients: 12 });
    const race = await Promise.allSettled([
      ...clients.map((id) => revoke(id % 2 ? one : two, id)),
      put(two, { backoff: { delayMs: 1, maxMs: 100 } }),
      put(one, { backoff: { delayMs: 1, maxMs: 200 } }),
    ]);
    const refused = race.flatMap((one) => (one.status === "rejected" ? [one.reason.type] : []));
    expect(new Set(refused)).toEqual(refused.length > 0 ? new Set(["conflict"]) : new Set());
    expect(await call(one, "policy.datasets", { limit: 9 })).toMatchObject([{ clients: 0 }]);
    await call(two, "policy.removeDataset", { name: "orders" });
    await expect(grant(one, 1)).rejects.toEqual(problem("not-found"));
  });

  test("first uploads at the same time pin the same version", async () => {
    const [one, two] = await pair();
    await put(one, {});
    await grant(one, 1);
    await until(async () => (await seen(two)) !== "refused", "the grant is known");
    await put(two, { maxErrors: 5 });
    await until(async () => (await call(one, "policy.dataset", { name: "orders" }))?.dataset.maxErrors === 5, "known");
    const asked = Array.from({ length: 10 }, (_, i) =>
      call(i % 2 ? one : two, "policy.ofDataset", { clientId: 1, name: "orders" }),
    );
    const versions = new Set((await Promise.all(asked)).map(({ version }) => version));
    expect(versions.size).toBe(1);
    expect([...versions][0]).toBeLessThan(0);
  });
});
