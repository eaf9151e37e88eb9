/** Every path of the api, by who may ask. */
import {
  approveBatch,
  cancelBatch,
  getBatch,
  getClient,
  getPolicy,
  listBatches,
  listClients,
  patchClient,
  patchPolicy,
  postClient,
  putPolicy,
  redriveBatch,
  rejectBatch,
  rotateSecret,
  rotateWebhookSecret,
} from "./api.admin.ts";
import { listDeliveries, replayDelivery } from "./api.deliveries.ts";
import { getEvents } from "./api.events.ts";
import type { Handle } from "./api.exchange.ts";
import { getErrors, getRecords } from "./api.export.ts";
import { getLive } from "./api.health.ts";
import { cancelImport, getImport, getOwnPolicy, listImports, retryImport } from "./api.imports.ts";
import { queryOf } from "./api.input.ts";
import { getStats } from "./api.monitor.ts";
import { postImport } from "./api.upload.ts";

/** These read their query themselves; everything else takes none. */
const lists: Handle[] = [listImports, listClients, listBatches, listDeliveries, retryImport];

const withoutQuery =
  (handle: Handle): Handle =>
  async (exchange) => {
    queryOf(exchange);
    return handle(exchange);
  };

const strict = (routes: Record<string, Handle>): Record<string, Handle> =>
  Object.fromEntries(
    Object.entries(routes).map(([route, handle]) => [route, lists.includes(handle) ? handle : withoutQuery(handle)]),
  );

export const clientRoutes = strict({
  "POST /imports": postImport,
  "GET /imports": listImports,
  "GET /imports/:id": getImport,
  "GET /imports/:id/errors": getErrors,
  "GET /imports/:id/records": getRecords,
  "GET /imports/:id/events": getEvents,
  "POST /imports/:id/cancel": cancelImport,
  "POST /imports/:id/retry": retryImport,
  "GET /policy": getOwnPolicy,
});

/** Under /admin. */
export const operatorRoutes = strict({
  "POST /clients": postClient,
  "GET /clients": listClients,
  "GET /clients/:id": getClient,
  "PATCH /clients/:id": patchClient,
  "POST /clients/:id/rotate-secret": rotateSecret,
  "POST /clients/:id/rotate-webhook-secret": rotateWebhookSecret,
  "GET /clients/:id/policy": getPolicy,
  "PUT /clients/:id/policy": putPolicy,
  "PATCH /clients/:id/policy": patchPolicy,
  "GET /batches": listBatches,
  "GET /batches/:id": getBatch,
  "POST /batches/:id/approve": approveBatch,
  "POST /batches/:id/reject": rejectBatch,
  "POST /batches/:id/redrive": redriveBatch,
  "POST /batches/:id/cancel": cancelBatch,
  "GET /deliveries": listDeliveries,
  "POST /deliveries/:id/replay": replayDelivery,
  "GET /stats": getStats,
});

/** Under /health, for anybody. */
export const openRoutes: Record<string, Handle> = { "GET /live": getLive };
