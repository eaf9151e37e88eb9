/** The promise: a node learns changes of operators from other nodes, by an event or by its safety read. */
import type { Service } from "moleculer";
import type { WithCache } from "../../../mixins/cache.ts";
import type { WithDatabase } from "../../../mixins/database.ts";
import { actors } from "../../../services/actors.ts";
import type { TokenParts } from "../../../services/operator/operator.domain.ts";
import type { System } from "../../helpers/system.ts";
import { startNode } from "../contracts/kit.ts";

let system: System;
beforeAll(async () => {
  system = await startNode({ services: ["operator"], env: { LOG_LEVEL: "fatal" } });
});
afterAll(() => system.stop());

const service = () => system.broker.getLocalService("operator") as Service & WithCache<never> & WithDatabase;
const recognised = (parts: TokenParts) => actors.operator.recognise(system.broker, parts);
const loads = () => service().cacheFigures().local.misses;

/** Creates an operator that this node has in its cache. */
async function known(name: string): Promise<TokenParts> {
  const { token } = await actors.operator.create(system.broker, { name, role: "viewer" });
  const found = await actors.operator.authenticate(system.broker, { token });
  expect(found?.operator).toMatchObject({ name, role: "viewer", version: 1 });
  return found?.parts as TokenParts;
}

/** Changes the operator only in the database, as another node would. */
const changedElsewhere = async (name: string, values: object) =>
  service().database.models.Operator.update(
    { ...values, version: 2, changedAt: await service().database.now() },
    { where: { name } },
  );

test("a known operator costs no read, and a wrong hash is nobody's", async () => {
  const parts = await known("alice");
  const before = loads();
  await recognised(parts);
  expect(await recognised({ ...parts, tokenHash: "0".repeat(64) })).toBeNull();
  expect(await recognised({ ...parts, tokenHash: "x" })).toBeNull();
  expect(loads()).toBe(before);
});

test("a change of another node holds with its event", async () => {
  const parts = await known("bob");
  await changedElsewhere("bob", { role: "admin" });
  expect(await recognised(parts)).toMatchObject({ role: "viewer" });
  await system.broker.broadcast("operator.changed", { tag: parts.tag, version: 2 });
  expect(await recognised(parts)).toMatchObject({ role: "admin" });
});

test("a change whose event is lost holds after the next safety read", async () => {
  const parts = await known("carol");
  await changedElsewhere("carol", { deletedAt: Date.now() });
  expect(await recognised(parts)).not.toBeNull();
  await service().readChanges();
  expect(await recognised(parts)).toBeNull();
});

test("changes at the same time are all made", async () => {
  await known("dave");
  const names = ["viewer", "operator", "admin"] as const;
  await Promise.all(names.map((role) => actors.operator.update(system.broker, { name: "dave", role })));
  expect(await actors.operator.get(system.broker, { name: "dave" })).toMatchObject({ version: 4 });
});
