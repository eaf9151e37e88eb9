/** A node with the service `policy`. The test takes the part of `batch` and `clientCache`. */
import type { Service, ServiceSchema } from "moleculer";
import type { WithCache } from "../../../mixins/cache.ts";
import type { WithDatabase } from "../../../mixins/database.ts";
import { call, type EventOf, type ParamsOf } from "../../../services/messages.ts";
import type { System, SystemOptions } from "../../helpers/system.ts";
import { hears, standIn, startNode } from "../contracts/kit.ts";

const orders = {
  name: "orders",
  actions: { import: { importHandler: true, handler: () => null }, list: () => [] },
} as ServiceSchema;

export let system: System;
export const told: EventOf<"policy.changed">[] = [];
export const queues: ParamsOf<"batch.configureQueue">[] = [];
/** `whileTold`: called while the policy service calls `batch.configureQueue`. */
export const partners: { whileTold(): unknown } = { whileTold: () => {} };
export const versions: ParamsOf<"clientCache.policyChanged">[] = [];
/** The id of the running test's client. */
export let clientId = 0;
export const publicIdOf = (id?: number) => `public-${id}`;

async function configureQueue({ params }: { params: ParamsOf<"batch.configureQueue"> }) {
  await partners.whileTold();
  queues.push(params);
}

export const options = (): SystemOptions => ({
  services: ["policy"],
  env: { LOG_LEVEL: "fatal" },
  extra: [
    // This stand-in receives what the policy service tells its partners.
    standIn("batch", { configureQueue }),
    standIn("clientCache", {
      get: (ctx: { params: ParamsOf<"clientCache.get"> }) => ({ publicId: publicIdOf(ctx.params.id) }),
      policyChanged: (ctx) => void versions.push(ctx.params),
    }),
    hears("policy.changed", told),
    orders,
  ],
});
export const service = () => system.broker.getLocalService("policy") as Service & WithCache<never> & WithDatabase;
export const figures = () => service().cacheFigures().local;
export const get = (id = clientId) => call(system.broker, "policy.get", { clientId: id });
export const version = (number: number, id = clientId) =>
  call(system.broker, "policy.version", { clientId: id, version: number });
export const change = (document: unknown, over: Partial<ParamsOf<"policy.change">> = {}) =>
  call(system.broker, "policy.change", { clientId, mode: "patch", document, ...over });

/** Call it at the top of a test file. It starts a node for all tests, and makes a new client for each. */
export function startPolicies(): void {
  beforeAll(async () => {
    system = await startNode(options());
  });
  afterAll(() => system.stop());
  beforeEach(() => {
    clientId += 10;
    for (const heard of [told, queues, versions]) heard.length = 0;
    partners.whileTold = () => {};
  });
  afterEach(() => jest.restoreAllMocks());
}
