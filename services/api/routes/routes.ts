/** Every path of the API, by who may call it. */

import type { Handle } from "../http/exchange.ts";
import { queryOf } from "../http/input.ts";
import type { accountCalls } from "../openapi/account.ts";
import type { batchReadCalls } from "../openapi/admin.batches.ts";
import type { adminClientCalls } from "../openapi/admin.clients.ts";
import type { operatorsCalls } from "../openapi/admin.operators.ts";
import type { systemCalls } from "../openapi/admin.system.ts";
import type { batchListCalls } from "../openapi/batch-lists.ts";
import type { checkCalls, checkOperatorCalls } from "../openapi/checks.ts";
import type { clientCalls } from "../openapi/clients.ts";
import type { correctionCalls } from "../openapi/corrections.ts";
import type { datasetCalls, datasetOperatorCalls } from "../openapi/datasets.ts";
import type { deliveryCalls, ownDeliveryCalls } from "../openapi/deliveries.ts";
import { getOpenApi } from "../openapi/document.ts";
import type { erasureCalls } from "../openapi/erasures.ts";
import type { feedCalls, figureCalls } from "../openapi/figures.ts";
import type { keyCalls } from "../openapi/keys.ts";
import type { operatorCalls } from "../openapi/operators.ts";
import type { sessionCalls } from "../openapi/sessions.ts";
import type { versionCalls } from "../openapi/versions.ts";
import { getAccount, rotateOwnSecret } from "./account.ts";
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
  postClient,
  putPolicy,
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
import { pauseClient, resumeClient } from "./admin.pauses.ts";
import { checkPolicy } from "./admin.policies.ts";
import { retryBatch } from "./admin.retry.ts";
import { flushCaches, getSystem, listHandlers, pauseNode, resumeNode } from "./admin.system.ts";
import { listTables } from "./admin.tables.ts";
import { listDatasetVersions, listPolicyVersions } from "./admin.versions.ts";
import { moveBatches } from "./batch-actions.ts";
import { getBatchHistory } from "./batch-history.ts";
import { getBody } from "./body.ts";
import { checkDatasetImport, checkImport, getPreview, tryDataset } from "./checks.ts";
import { getConsole, getConsoleFile } from "./console.ts";
import { getOwnDataset, listOwnDatasets } from "./datasets.ts";
import { getErrorSummary } from "./error-summary.ts";
import { getErrors } from "./errors.ts";
import { getEvents } from "./events.ts";
import { getRecords } from "./export.ts";
import { getFeed, getOwnFeed } from "./feed.ts";
import { cancelImport, commitImport, getImport, getOwnPolicy, listImports, retryImport } from "./imports.ts";
import { getDocs, getDocsFile, getLive, getReady, sendMetrics } from "./open.ts";
import { getOwnDelivery, listOwnDeliveries, replayOwnDelivery } from "./own.deliveries.ts";
import { getRejected } from "./rejected.ts";
import { deleteSession, getSession, postSession } from "./session.ts";
import { getTemplate } from "./template.ts";
import { postCorrections, postDatasetImport, postImport } from "./upload.ts";
import { getOwnUsage, getUsage } from "./usage.ts";

/** These routes read a query. All others refuse one. */
const lists: Handle[] = [
  postImport,
  postDatasetImport,
  checkImport,
  checkDatasetImport,
  tryDataset,
  getPreview,
  listImports,
  listClients,
  listBatches,
  countBatches,
  listDatasets,
  listGrants,
  listOperators,
  listDeliveries,
  listOwnDeliveries,
  retryImport,
  retryBatch,
  getErrors,
  getRecords,
  getRejected,
  getTemplate,
  postClient,
  putPolicy,
  patchPolicy,
  putDataset,
  patchDataset,
  undoBatch,
  listErasures,
  postErasure,
  getAudit,
  getPolicy,
  getDataset,
  listPolicyVersions,
  listDatasetVersions,
  listTables,
  getHistory,
  getFeed,
  getOwnFeed,
];

const withoutQuery =
  (handle: Handle): Handle =>
  async (exchange) => {
    queryOf(exchange);
    return handle(exchange);
  };

const strict = <Route extends string>(routes: Record<Route, Handle>) =>
  Object.fromEntries(
    Object.entries<Handle>(routes).map(([route, handle]) => [
      route,
      lists.includes(handle) ? handle : withoutQuery(handle),
    ]),
  ) as Record<Route, Handle>;

/** The OpenAPI document describes exactly these routes; anything else does not compile. */
export const clientRoutes = strict<
  | keyof typeof clientCalls
  | keyof typeof datasetCalls
  | keyof typeof checkCalls
  | keyof typeof correctionCalls
  | keyof typeof ownDeliveryCalls
  | keyof typeof accountCalls
  | keyof typeof feedCalls
>({
  "POST /imports": postImport,
  "GET /imports": listImports,
  "GET /imports/:id": getImport,
  "GET /imports/:id/errors": getErrors,
  "GET /imports/:id/rejected": getRejected,
  "GET /imports/:id/errors/summary": getErrorSummary,
  "GET /imports/:id/records": getRecords,
  "GET /imports/:id/body": getBody,
  "GET /imports/:id/events": getEvents,
  "GET /imports/:id/preview": getPreview,
  "POST /imports/check": checkImport,
  "POST /imports/:id/corrections": postCorrections,
  "POST /imports/:id/cancel": cancelImport,
  "POST /imports/:id/commit": commitImport,
  "POST /imports/:id/retry": retryImport,
  "GET /policy": getOwnPolicy,
  "GET /account": getAccount,
  "POST /account/rotate-secret": rotateOwnSecret,
  "GET /deliveries": listOwnDeliveries,
  "GET /deliveries/:id": getOwnDelivery,
  "POST /deliveries/:id/replay": replayOwnDelivery,
  "GET /events": getOwnFeed,
  "GET /usage": getOwnUsage,
  "GET /datasets": listOwnDatasets,
  "GET /datasets/:name": getOwnDataset,
  "GET /datasets/:name/template": getTemplate,
  "POST /datasets/:name/imports": postDatasetImport,
  "POST /datasets/:name/imports/check": checkDatasetImport,
});

/** Under /admin. */
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
  "POST /clients": postClient,
  "GET /clients": listClients,
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
  "GET /clients/:id/policy": getPolicy,
  "GET /clients/:id/policy/versions": listPolicyVersions,
  "PUT /clients/:id/policy": putPolicy,
  "PATCH /clients/:id/policy": patchPolicy,
  "GET /clients/:id/datasets": listGrants,
  "GET /clients/:id/datasets/:name": getGrant,
  "PUT /clients/:id/datasets/:name": putGrant,
  "DELETE /clients/:id/datasets/:name": deleteGrant,
  "GET /datasets": listDatasets,
  "POST /datasets/check": checkDataset,
  "POST /datasets/:name/try": tryDataset,
  "GET /datasets/:name": getDataset,
  "GET /datasets/:name/versions": listDatasetVersions,
  "PUT /datasets/:name": putDataset,
  "PATCH /datasets/:name": patchDataset,
  "DELETE /datasets/:name": deleteDataset,
  "GET /batches": listBatches,
  "GET /batches/counts": countBatches,
  "GET /batches/:id": getBatch,
  "GET /batches/:id/errors": getErrors,
  "GET /batches/:id/errors/summary": getErrorSummary,
  "GET /batches/:id/records": getRecords,
  "GET /batches/:id/rejected": getRejected,
  "GET /batches/:id/preview": getPreview,
  "GET /batches/:id/events": getEvents,
  "GET /batches/:id/history": getBatchHistory,
  "POST /batches/actions": moveBatches,
  "POST /batches/:id/approve": approveBatch,
  "POST /batches/:id/reject": rejectBatch,
  "POST /batches/:id/redrive": redriveBatch,
  "POST /batches/:id/retry": retryBatch,
  "POST /batches/:id/skip": skipBatch,
  "POST /batches/:id/cancel": cancelBatch,
  "POST /batches/:id/undo": undoBatch,
  "POST /clients/:id/webhook/test": testWebhook,
  "GET /deliveries": listDeliveries,
  "GET /deliveries/:id": getDelivery,
  "POST /deliveries/replay": replayDeliveries,
  "POST /deliveries/:id/replay": replayDelivery,
  "GET /erasures": listErasures,
  "POST /erasures": postErasure,
  "GET /erasures/:id": getErasure,
  "GET /stats": getStats,
  "GET /stats/history": getHistory,
  "GET /events": getFeed,
  "GET /audit": getAudit,
  "POST /nodes/:node/pause": pauseNode,
  "POST /nodes/:node/resume": resumeNode,
  "POST /caches/flush": flushCaches,
  "GET /handlers": listHandlers,
  "GET /tables": listTables,
  "POST /policy/check": checkPolicy,
  "GET /system": getSystem,
  "POST /operators": postOperator,
  "GET /operators": listOperators,
  "GET /operators/:name": getOperator,
  "PATCH /operators/:name": patchOperator,
  "POST /operators/:name/rotate": rotateOperator,
  "DELETE /operators/:name": deleteOperator,
});

/** `POST /session` and the like, without the path. */
type SessionRoute = keyof typeof sessionCalls extends `${infer Method} /session` ? `${Method} /` : never;

/** For anybody, each by its path. Probes may add a query; it is ignored. */
export const openRoutes = {
  "/health": { "GET /live": getLive, "GET /ready": getReady },
  "/session": strict<SessionRoute>({ "POST /": postSession, "GET /": getSession, "DELETE /": deleteSession }),
  "/metrics": strict({ "GET /": sendMetrics }),
  "/openapi.json": strict({ "GET /": getOpenApi }),
  "/docs": strict({ "GET /": getDocs, "GET /:file": getDocsFile }),
  "/console": strict({ "GET /:hash/:asset": getConsoleFile, "GET /:hash/:folder/:asset": getConsoleFile }),
  "/": strict({ "GET /": getConsole }),
};

/** The name of a route, such as `POST /imports/:id/cancel`. */
export const allRoutes = (): string[] => [
  ...Object.keys(clientRoutes),
  ...Object.keys(operatorRoutes).map((route) => under("/admin", route)),
  ...Object.entries(openRoutes).flatMap(([path, routes]) => Object.keys(routes).map((route) => under(path, route))),
];

/** A route's name with the path of its group in front. */
export function under(path: string, route: string): string {
  const [method, rest = ""] = route.split(" ");
  return `${method} ${path}${rest === "/" && path !== "/" ? "" : rest.slice(path === "/" ? 1 : 0)}`;
}
