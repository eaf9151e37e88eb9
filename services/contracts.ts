/**
 * The map: every action, queue and event, in the order of a batch's way.
 *
 *   HTTP ─► api ─► clientCache.recognise ─► rateLimiter.consume ─► imports.create ─► policy.evaluate
 *                                                                          │ one commit
 *                              outbox.publish ─► queue batch.ready ─► batchProcessor
 *                                                                        │ batchLock.acquire, batch.claim,
 *                                                                        │ batch.commitChunk …, batch.settle
 *                                                                        ▼
 *                                       webhook ─► the client's URL       retention: what is over its time
 *                                       alerts  ─► the operators' chat
 */
import type { QueueName } from "../lib/queue/driver.ts";
import { alertsActions } from "./alerts/alerts.contract.ts";
import { auditActions } from "./audit/audit.contract.ts";
import { batchActions, batchEvents } from "./batch/batch.contract.ts";
import { batchLockActions } from "./batchLock/batchLock.contract.ts";
import { batchProcessorActions, batchProcessorQueues } from "./batchProcessor/batchProcessor.contract.ts";
import { clientCacheActions, clientCacheEvents } from "./clientCache/clientCache.contract.ts";
import { importsActions } from "./imports/imports.contract.ts";
import { monitorActions, monitorEvents } from "./monitor/monitor.contract.ts";
import { operatorActions, operatorEvents } from "./operator/operator.contract.ts";
import { outboxActions } from "./outbox/outbox.contract.ts";
import { policyActions, policyEvents } from "./policy/policy.contract.ts";
import { rateLimiterActions } from "./rateLimiter/rateLimiter.contract.ts";
import { retentionActions } from "./retention/retention.contract.ts";
import { statsActions } from "./stats/stats.contract.ts";
import { webhookActions } from "./webhook/webhook.contract.ts";

/** The actions of each actor. */
export const contracts = {
  clientCache: clientCacheActions,
  operator: operatorActions,
  audit: auditActions,
  rateLimiter: rateLimiterActions,
  policy: policyActions,
  imports: importsActions,
  batch: batchActions,
  outbox: outboxActions,
  batchLock: batchLockActions,
  batchProcessor: batchProcessorActions,
  webhook: webhookActions,
  alerts: alertsActions,
  retention: retentionActions,
  stats: statsActions,
  monitor: monitorActions,
};
export type Contracts = typeof contracts;
export type ActorName = keyof Contracts;
/** The full name of an action, such as `batch.get`. */
export type ActionName = { [A in ActorName]: `${A}.${keyof Contracts[A] & string}` }[ActorName];

export const queues = { ...batchProcessorQueues } satisfies Record<QueueName, unknown>;

export const events = { ...batchEvents, ...clientCacheEvents, ...operatorEvents, ...policyEvents, ...monitorEvents };
export type EventName = keyof typeof events;
