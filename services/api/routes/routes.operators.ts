/** The calls of operators. */

import type { batchReadCalls } from "../openapi/admin.batches.ts";
import type { adminClientCalls } from "../openapi/admin.clients.ts";
import type { operatorsCalls } from "../openapi/admin.operators.ts";
import type { systemCalls } from "../openapi/admin.system.ts";
import type { batchListCalls } from "../openapi/batch-lists.ts";
import type { checkOperatorCalls } from "../openapi/checks.ts";
import type { datasetOperatorCalls } from "../openapi/datasets.ts";
import type { deliveryCalls } from "../openapi/deliveries.ts";
import type { erasureCalls } from "../openapi/erasures.ts";
import type { figureCalls } from "../openapi/figures.ts";
import type { keyCalls } from "../openapi/keys.ts";
import type { operatorCalls } from "../openapi/operators.ts";
import type { versionCalls } from "../openapi/versions.ts";
import { testAlert } from "./admin.alerts.ts";
import { getAttention } from "./admin.attention.ts";
import { getAudit } from "./admin.audit.ts";
import {
  approveBatch,
  cancelBatch,
  countBatches,
  getBatch,
  getStats,
  listBatches,
  redriveBatch,
  rejectBatch,
  skipBatch,
  undoBatch,
} from "./admin.batches.ts";
import {
  getClient,
  getPolicy,
  listClients,
  patchClient,
  patchPolicy,
  pauseClient,
  postClient,
  putPolicy,
  resumeClient,
  rotateSecret,
  rotateWebhookSecret,
} from "./admin.clients.ts";
import {
  checkDataset,
  deleteDataset,
  deleteGrant,
  getDataset,
  getGrant,
  listDatasets,
  listGrants,
  patchDataset,
  putDataset,
  putGrant,
} from "./admin.datasets.ts";
import { getDelivery, listDeliveries, replayDeliveries, replayDelivery, testWebhook } from "./admin.deliveries.ts";
import { deleteClient, getErasure, listErasures, postErasure } from "./admin.erasures.ts";
import { getHistory } from "./admin.history.ts";
import { deleteKey, getKey, listKeys, postKey } from "./admin.keys.ts";
import {
  deleteOperator,
  getOperator,
  listOperators,
  patchOperator,
  postOperator,
  rotateOperator,
} from "./admin.operators.ts";
import { checkPolicy } from "./admin.policies.ts";
import { commitBatch, retryBatch } from "./admin.retry.ts";
import { flushCaches, getSystem, listHandlers, pauseNode, resumeNode } from "./admin.system.ts";
import { listTables } from "./admin.tables.ts";
import { listDatasetVersions, listPolicyVersions } from "./admin.versions.ts";
import { moveBatches } from "./batch-actions.ts";
import { getBatchHistory } from "./batch-history.ts";
import { getPreview, tryDataset } from "./checks.ts";
import { getErrorSummary } from "./error-summary.ts";
import { getErrors } from "./errors.ts";
import { getEvents } from "./events.ts";
import { getRecords } from "./export.ts";
import { getFeed } from "./feed.ts";
import { strict, withQuery } from "./query.ts";
import { getRejected } from "./rejected.ts";
import { getRules } from "./rules.ts";
import { getUsage } from "./usage.ts";

/**
 * The routes of operators, below `/admin`. The OpenAPI document describes exactly these routes; anything else does not
 * compile.
 */
export const operatorRoutes = strict<
  | keyof typeof operatorCalls
  | keyof typeof batchReadCalls
  | keyof typeof keyCalls
  | keyof typeof deliveryCalls
  | keyof typeof datasetOperatorCalls
  | keyof typeof checkOperatorCalls
  | keyof typeof batchListCalls
  | keyof typeof operatorsCalls
  | keyof typeof adminClientCalls
  | keyof typeof systemCalls
  | keyof typeof erasureCalls
  | keyof typeof figureCalls
  | keyof typeof versionCalls
>({
  "POST /clients": withQuery(postClient),
  "GET /clients": withQuery(listClients),
  "GET /clients/:id": getClient,
  "PATCH /clients/:id": patchClient,
  "DELETE /clients/:id": deleteClient,
  "POST /clients/:id/rotate-secret": rotateSecret,
  "POST /clients/:id/rotate-webhook-secret": rotateWebhookSecret,
  "POST /clients/:id/pause": pauseClient,
  "POST /clients/:id/resume": resumeClient,
  "POST /clients/:id/keys": postKey,
  "GET /clients/:id/keys": listKeys,
  "GET /clients/:id/keys/:keyId": getKey,
  "DELETE /clients/:id/keys/:keyId": deleteKey,
  "GET /clients/:id/usage": getUsage,
  "GET /clients/:id/policy": withQuery(getPolicy),
  "GET /clients/:id/policy/versions": withQuery(listPolicyVersions),
  "PUT /clients/:id/policy": withQuery(putPolicy),
  "PATCH /clients/:id/policy": withQuery(patchPolicy),
  "GET /clients/:id/datasets": withQuery(listGrants),
  "GET /clients/:id/datasets/:name": getGrant,
  "PUT /clients/:id/datasets/:name": putGrant,
  "DELETE /clients/:id/datasets/:name": deleteGrant,
  "GET /datasets": withQuery(listDatasets),
  "POST /datasets/check": checkDataset,
  "POST /datasets/:name/try": withQuery(tryDataset),
  "GET /datasets/:name": withQuery(getDataset),
  "GET /datasets/:name/versions": withQuery(listDatasetVersions),
  "PUT /datasets/:name": withQuery(putDataset),
  "PATCH /datasets/:name": withQuery(patchDataset),
  "DELETE /datasets/:name": deleteDataset,
  "GET /batches": withQuery(listBatches),
  "GET /batches/counts": withQuery(countBatches),
  "GET /batches/:id": getBatch,
  "GET /batches/:id/errors": withQuery(getErrors),
  "GET /batches/:id/errors/summary": getErrorSummary,
  "GET /batches/:id/rules": getRules,
  "GET /batches/:id/records": withQuery(getRecords),
  "GET /batches/:id/rejected": withQuery(getRejected),
  "GET /batches/:id/preview": withQuery(getPreview),
  "GET /batches/:id/events": getEvents,
  "GET /batches/:id/history": getBatchHistory,
  "POST /batches/actions": moveBatches,
  "POST /batches/:id/approve": approveBatch,
  "POST /batches/:id/reject": rejectBatch,
  "POST /batches/:id/redrive": redriveBatch,
  "POST /batches/:id/retry": withQuery(retryBatch),
  "POST /batches/:id/commit": commitBatch,
  "POST /batches/:id/skip": skipBatch,
  "POST /batches/:id/cancel": cancelBatch,
  "POST /batches/:id/undo": withQuery(undoBatch),
  "POST /clients/:id/webhook/test": testWebhook,
  "GET /deliveries": withQuery(listDeliveries),
  "GET /deliveries/:id": getDelivery,
  "POST /deliveries/replay": replayDeliveries,
  "POST /deliveries/:id/replay": replayDelivery,
  "GET /erasures": withQuery(listErasures),
  "POST /erasures": withQuery(postErasure),
  "GET /erasures/:id": getErasure,
  "GET /stats": getStats,
  "GET /stats/attention": getAttention,
  "GET /stats/history": withQuery(getHistory),
  "GET /events": withQuery(getFeed),
  "GET /audit": withQuery(getAudit),
  "POST /nodes/:node/pause": pauseNode,
  "POST /nodes/:node/resume": resumeNode,
  "POST /caches/flush": flushCaches,
  "POST /alerts/test": testAlert,
  "GET /handlers": listHandlers,
  "GET /tables": withQuery(listTables),
  "POST /policy/check": checkPolicy,
  "GET /system": getSystem,
  "POST /operators": postOperator,
  "GET /operators": withQuery(listOperators),
  "GET /operators/:name": getOperator,
  "PATCH /operators/:name": patchOperator,
  "POST /operators/:name/rotate": rotateOperator,
  "DELETE /operators/:name": deleteOperator,
});
