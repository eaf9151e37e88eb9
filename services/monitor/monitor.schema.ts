/** The monitor's answers as JSON Schema, for the OpenAPI document. Their types are in the contract. */

import {
  choice,
  count,
  described,
  flag,
  id,
  instant,
  type JsonSchema,
  listOf,
  orNull,
  record,
  text,
} from "../../lib/json-schema.ts";
import { batchStates } from "../batch/batch.domain.ts";

const ms = { type: "number", minimum: 0 };
const share = { type: "number", minimum: 0, maximum: 1 };
const mapOf = (values: JsonSchema): JsonSchema => ({ type: "object", additionalProperties: values });

const check: JsonSchema = {
  oneOf: [
    record({ status: { const: "up" }, latencyMs: ms }),
    record({ status: { const: "down" } }),
    { const: "off", description: "It is not configured." },
  ],
};

export const readinessSchema: JsonSchema = record({
  status: choice(["ok", "degraded", "unavailable"]),
  checks: record(
    {
      database: check,
      redis: check,
      rabbitmq: check,
      tables: described("Each database of TABLE_DATABASES by its name; omitted where there is none.", mapOf(check)),
    },
    ["tables"],
  ),
});

const cache = record({
  hits: count,
  misses: count,
  hitRate: described("Null before the first lookup.", orNull(share)),
  redis: described(
    "Lookups of what was not in the process; null: there is no Redis.",
    orNull(record({ hits: count, misses: count, fallbacks: count, hitRate: orNull(share) })),
  ),
});

const limiter = record({
  store: choice(["redis", "share", "process"]),
  apiNodes: count,
  allowed: count,
  refused: count,
  fallbacks: count,
});

const locks = record({
  provider: choice(["redis", "sql"]),
  acquired: count,
  busy: count,
  unavailable: count,
  lost: count,
  fallbacks: count,
});

const worker = record({ paused: flag, slots: count, running: listOf(text("The id of a batch.")) });

const rate = (text: string) => described(`${text} a second.`, { type: "number", minimum: 0 });
const rates = record({
  acceptedPerSecond: rate("Records"),
  rejectedPerSecond: rate("Records"),
  duplicatePerSecond: rate("Records"),
  bytesPerSecond: rate("Bytes of uploaded bodies"),
  requestsPerSecond: rate("Requests of clients"),
  batchesPerSecond: rate("Batches that ended"),
});

const node: JsonSchema = {
  description: "What one node has counted since it started; a part that it does not run is null or empty.",
  anyOf: [
    record({
      node: text(),
      roles: described("The services that it runs.", listOf(text())),
      version: text(),
      startedAt: instant,
      cpu: described("In cores: 1 is one core that is always busy.", { type: "number", minimum: 0 }),
      eventLoop: described("Share of time that it was busy.", share),
      rssBytes: count,
      heapBytes: count,
      rates,
      slots: described("Of a worker.", orNull(record({ busy: count, free: count, paused: flag }))),
      caches: mapOf(cache),
      limiter: orNull(limiter),
      locks: orNull(locks),
      worker: orNull(worker),
    }),
    described("It did not answer in time.", record({ node: text(), unreachable: { const: true } })),
  ],
};

export const statsSchema: JsonSchema = record({
  version: described("Of the node that answers.", text()),
  startedAt: described("Of the node that answers.", instant),
  readiness: readinessSchema,
  rates: described("Of all nodes, over the last ten seconds.", rates),
  deliveries: described(
    "Of webhooks. `due` is counted up to 10,000. `failed24h`: given up in the last 24 hours, up to 30 s ago; null: not known now.",
    record({ due: count, oldestDueAgeMs: orNull(ms), failed24h: orNull(count) }),
  ),
  queue: record({
    oldestReadyAgeMs: described("Of the batches that a worker could claim now.", orNull(ms)),
    oldestReady: described("That batch.", orNull(record({ batchId: id, clientIdentifier: orNull(text()) }))),
    waitsForItsClient: described(
      "Ready batches whose client has maxConcurrentBatches at work already, counted up to 10,000.",
      record({ batches: count, oldestAgeMs: orNull(ms) }),
    ),
    ready: count,
    processing: count,
    held: count,
    outbox: described("Events that wait to be published.", count),
    oldestOutboxAgeMs: orNull(ms),
  }),
  batches: { ...mapOf(count), propertyNames: { enum: [...batchStates] } },
  running: listOf(record({ node: text(), batches: count })),
  nodes: listOf(node),
});
