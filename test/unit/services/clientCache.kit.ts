/** A node with the service `clientCache`, and a new client for each test. */
import type { Service } from "moleculer";
import type { WithCache } from "../../../mixins/cache.ts";
import type { WithDatabase } from "../../../mixins/database.ts";
import { call, type EventOf } from "../../../services/messages.ts";
import type { System } from "../../helpers/system.ts";
import { hears, startNode } from "../contracts/kit.ts";

export let system: System;
export const told: EventOf<"client.changed">[] = [];
export const renewed: EventOf<"client.renewed">[] = [];
/** The identifier of the running test's client. */
export let acme = "acme";
let tests = 0;

export const options = () => ({
  services: ["clientCache", "policy", "batch", "outbox"],
  env: { LOG_LEVEL: "fatal" },
  extra: [hears("client.changed", told), hears("client.renewed", renewed)],
});
export const service = () => system.broker.getLocalService("clientCache") as Service & WithCache<never> & WithDatabase;
export const figures = () => service().cacheFigures().local;
/** Makes the node drop its cached values, as a new link to other nodes does, because events may have been lost. */
export const forget = () => system.broker.broadcastLocal("$transporter.connected");
export const create = (clientIdentifier = acme, policy?: unknown) =>
  call(system.broker, "clientCache.create", { clientIdentifier, name: "Acme", ...(policy ? { policy } : {}) });
export const login = (secret: string, identifier = acme) =>
  call(system.broker, "clientCache.authenticate", { identifier, secret });
export const get = (publicId: string) => call(system.broker, "clientCache.get", { publicId });
export const rotate = (publicId: string, graceSeconds: number) =>
  call(system.broker, "clientCache.rotateSecret", { publicId, graceSeconds });

/** Call it at the top of a test file. It starts a node for all tests of the file. */
export function startClients(): void {
  beforeAll(async () => {
    system = await startNode(options());
  });
  afterAll(() => system.stop());
  beforeEach(() => {
    told.length = 0;
    acme = `acme-${++tests}`;
  });
  afterEach(() => jest.restoreAllMocks());
}

/** The use of its limits by a client that has never sent anything. */
export const unused = {
  lastBatchAt: null,
  running: 0,
  cap: null,
  bytes: 0,
  records: 0,
  bytesPerDay: null,
  recordsPerDay: null,
};
