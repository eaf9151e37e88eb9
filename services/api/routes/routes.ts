/** Every path of the api, by who may ask. */

import type { Handle } from "../http/exchange.ts";
import { queryOf } from "../http/input.ts";
import type { clientCalls } from "../openapi/clients.ts";
import { getOpenApi } from "../openapi/document.ts";
import type { operatorCalls } from "../openapi/operators.ts";
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
} from "./admin.ts";
import { listDeliveries, replayDelivery } from "./deliveries.ts";
import { getDocs, getDocsFile } from "./docs.ts";
import { getEvents } from "./events.ts";
import { getErrors, getRecords } from "./export.ts";
import { getLive, getReady } from "./health.ts";
import { cancelImport, getImport, getOwnPolicy, listImports, retryImport } from "./imports.ts";
import { getStats, sendMetrics } from "./monitor.ts";
import { postImport } from "./upload.ts";

/** These read their query themselves; everything else takes none. */
const lists: Handle[] = [listImports, listClients, listBatches, listDeliveries, retryImport];

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

/** Each is described in the OpenAPI document, and nothing else is: the compiler sees to it. */
export const clientRoutes = strict<keyof typeof clientCalls>({
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
export const operatorRoutes = strict<keyof typeof operatorCalls>({
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

/** For anybody, each under its path. Probes may carry a query of their own. */
export const openRoutes = {
  "/health": { "GET /live": getLive, "GET /ready": getReady },
  "/metrics": strict({ "GET /": sendMetrics }),
  "/openapi.json": strict({ "GET /": getOpenApi }),
  "/docs": strict({ "GET /": getDocs, "GET /:file": getDocsFile }),
};

/** Paths that people type, and where they lead. Below `/docs/` the page's relative references would lead elsewhere. */
export const moved: Record<string, string | undefined> = { "/docs/": "../docs" };

/** Every route, as in `POST /imports/:id/cancel`. */
export const allRoutes = (): string[] => [
  ...Object.keys(clientRoutes),
  ...Object.keys(operatorRoutes).map((route) => under("/admin", route)),
  ...Object.entries(openRoutes).flatMap(([path, routes]) => Object.keys(routes).map((route) => under(path, route))),
];

/** A route of a group, with the group's path. */
export function under(path: string, route: string): string {
  const [method, rest = ""] = route.split(" ");
  return `${method} ${path}${rest === "/" ? "" : rest}`;
}
