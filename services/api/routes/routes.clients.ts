/** The calls of clients. */

import type { accountCalls } from "../openapi/account.ts";
import type { checkCalls } from "../openapi/checks.ts";
import type { clientCalls } from "../openapi/clients.ts";
import type { correctionCalls } from "../openapi/corrections.ts";
import type { datasetCalls } from "../openapi/datasets.ts";
import type { ownDeliveryCalls } from "../openapi/deliveries.ts";
import type { feedCalls } from "../openapi/figures.ts";
import { getAccount, rotateOwnSecret } from "./account.ts";
import { getBody } from "./body.ts";
import { checkDatasetImport, checkImport, getPreview } from "./checks.ts";
import { getOwnDataset, listOwnDatasets } from "./datasets.ts";
import { getErrorSummary } from "./error-summary.ts";
import { getErrors } from "./errors.ts";
import { getEvents } from "./events.ts";
import { getRecords } from "./export.ts";
import { getOwnFeed } from "./feed.ts";
import { cancelImport, commitImport, getImport, getOwnPolicy, listImports, retryImport } from "./imports.ts";
import { getOwnDelivery, listOwnDeliveries, replayOwnDelivery } from "./own.deliveries.ts";
import { strict, withQuery } from "./query.ts";
import { getRejected } from "./rejected.ts";
import { getRules } from "./rules.ts";
import { getTemplate } from "./template.ts";
import { postCorrections, postDatasetImport, postImport } from "./upload.ts";
import { getOwnUsage } from "./usage.ts";

/** The routes of clients. The OpenAPI document describes exactly these routes; anything else does not compile. */
export const clientRoutes = strict<
  | keyof typeof clientCalls
  | keyof typeof datasetCalls
  | keyof typeof checkCalls
  | keyof typeof correctionCalls
  | keyof typeof ownDeliveryCalls
  | keyof typeof accountCalls
  | keyof typeof feedCalls
>({
  "POST /imports": withQuery(postImport),
  "GET /imports": withQuery(listImports),
  "GET /imports/:id": getImport,
  "GET /imports/:id/errors": withQuery(getErrors),
  "GET /imports/:id/rejected": withQuery(getRejected),
  "GET /imports/:id/errors/summary": getErrorSummary,
  "GET /imports/:id/rules": getRules,
  "GET /imports/:id/records": withQuery(getRecords),
  "GET /imports/:id/body": getBody,
  "GET /imports/:id/events": getEvents,
  "GET /imports/:id/preview": withQuery(getPreview),
  "POST /imports/check": withQuery(checkImport),
  "POST /imports/:id/corrections": postCorrections,
  "POST /imports/:id/cancel": cancelImport,
  "POST /imports/:id/commit": commitImport,
  "POST /imports/:id/retry": withQuery(retryImport),
  "GET /policy": getOwnPolicy,
  "GET /account": getAccount,
  "POST /account/rotate-secret": rotateOwnSecret,
  "GET /deliveries": withQuery(listOwnDeliveries),
  "GET /deliveries/:id": getOwnDelivery,
  "POST /deliveries/:id/replay": replayOwnDelivery,
  "GET /events": withQuery(getOwnFeed),
  "GET /usage": getOwnUsage,
  "GET /datasets": listOwnDatasets,
  "GET /datasets/:name": getOwnDataset,
  "GET /datasets/:name/template": withQuery(getTemplate),
  "POST /datasets/:name/imports": withQuery(postDatasetImport),
  "POST /datasets/:name/imports/check": withQuery(checkDatasetImport),
});
