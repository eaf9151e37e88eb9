/**
 * The audit's name for each route that changes something, and the audit's entry for a call that an operator's role does
 * not allow.
 */
import type { AuditedAction, Subject, SubjectType } from "../../audit/audit.domain.ts";
import { draftAudit, noted } from "../../audits.ts";
import { type Desk, nameCaller } from "../http/audit.ts";
import { beyondRole, type OperatorIdentity } from "../http/auth.ts";
import type { AliasOfGateway } from "../http/gateway.ts";
import type { ApiRequest } from "../http/head.ts";
import type { operatorRoutes } from "./routes.operators.ts";

type Changing = Exclude<keyof typeof operatorRoutes, `GET ${string}`>;

/** The audit's names by route. A route that is missing here does not compile. Null if the route changes nothing. */
export const auditedAs: Record<Changing, AuditedAction | null> = {
  "POST /clients": "client.create",
  "PATCH /clients/:id": "client.change",
  "DELETE /clients/:id": "client.erase",
  "POST /clients/:id/rotate-secret": "client.rotate-secret",
  "POST /clients/:id/rotate-webhook-secret": "client.rotate-webhook-secret",
  "POST /clients/:id/pause": "client.pause",
  "POST /clients/:id/resume": "client.resume",
  "POST /clients/:id/keys": "client.key.create",
  "DELETE /clients/:id/keys/:keyId": "client.key.delete",
  "PUT /clients/:id/policy": "policy.change",
  "PATCH /clients/:id/policy": "policy.change",
  "PUT /clients/:id/datasets/:name": "dataset.grant",
  "DELETE /clients/:id/datasets/:name": "dataset.revoke",
  "POST /datasets/check": null,
  "POST /datasets/:name/try": null,
  "PUT /datasets/:name": "dataset.change",
  "PATCH /datasets/:name": "dataset.change",
  "DELETE /datasets/:name": "dataset.delete",
  // This route has no entry of its own, because each moved batch has the entry of its own move.
  "POST /batches/actions": null,
  "POST /batches/:id/approve": "batch.approve",
  "POST /batches/:id/reject": "batch.reject",
  "POST /batches/:id/redrive": "batch.redrive",
  "POST /batches/:id/skip": "batch.skip",
  "POST /batches/:id/retry": "batch.retry",
  "POST /batches/:id/commit": "batch.commit",
  "POST /batches/:id/cancel": "batch.cancel",
  "POST /batches/:id/undo": "batch.undo",
  "POST /deliveries/:id/replay": "delivery.replay",
  "POST /deliveries/replay": "delivery.replay-failed",
  "POST /clients/:id/webhook/test": "client.test-webhook",
  "POST /nodes/:node/pause": "node.pause",
  "POST /nodes/:node/resume": "node.resume",
  "POST /caches/flush": "caches.flush",
  "POST /alerts/test": "alerts.test",
  "POST /policy/check": null,
  "POST /erasures": "erasure.create",
  "POST /operators": "operator.create",
  "PATCH /operators/:name": "operator.change",
  "POST /operators/:name/rotate": "operator.rotate",
  "DELETE /operators/:name": "operator.delete",
};

/** The audit's names for refusals of routes whose changes have entries under other names. */
export const refusedAs: Partial<Record<Changing, AuditedAction>> = { "POST /batches/actions": "batch.move-many" };

const groups: Record<string, SubjectType> = {
  clients: "client",
  datasets: "dataset",
  batches: "batch",
  deliveries: "delivery",
  erasures: "erasure",
  operators: "operator",
  nodes: "node",
};

/** The subject that the path of a request names. The subject may not exist. */
function subjectOf(path: string, params: Record<string, string>): Subject {
  const type = groups[path.split("/")[0] ?? ""] ?? null;
  const id = (path.includes(":id") ? params.id : (params.name ?? params.node)) ?? null;
  return { type, id: id?.slice(0, 255) ?? null, name: null };
}

/**
 * Names the operator for all calls of the request. If the role does not allow the route, writes a refusal to the audit
 * and throws forbidden.
 */
export async function admitOperator(
  api: Pick<Desk, "broker">,
  req: ApiRequest,
  { name: who, role }: OperatorIdentity,
  { method, path }: Pick<AliasOfGateway, "method" | "path">,
): Promise<void> {
  const caller = nameCaller(api, req, { who, role });
  const route = `${method} /${path}`;
  const refusal = beyondRole(role, route);
  if (!refusal) return;
  const action = auditedAs[route as Changing] ?? refusedAs[route as Changing];
  const entry = { subject: subjectOf(path, req.$params), status: refusal.type };
  if (action) await noted(api.broker, draftAudit({ ...caller, requestId: req.$ctx.requestID }, { action, ...entry }));
  throw refusal;
}
