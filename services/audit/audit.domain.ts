/** The audit: who has changed what. The service that makes a change writes the entry in the same transaction. */
import type { OperatorRole } from "../operator/operator.domain.ts";

/** What is audited, by the names that the API shows. */
export const auditedActions = [
  "alerts.test",
  "batch.approve",
  "batch.cancel",
  "batch.commit",
  "batch.move-many",
  "batch.redrive",
  "batch.reject",
  "batch.retry",
  "batch.skip",
  "batch.undo",
  "caches.flush",
  "client.change",
  "client.create",
  "client.erase",
  "client.pause",
  "client.resume",
  "client.key.create",
  "client.key.delete",
  "client.rotate-secret",
  "client.rotate-webhook-secret",
  "client.test-webhook",
  "dataset.change",
  "dataset.delete",
  "dataset.grant",
  "dataset.revoke",
  "delivery.replay",
  "delivery.replay-failed",
  "erasure.create",
  "key.refused",
  "login.failed",
  "node.pause",
  "node.resume",
  "operator.change",
  "operator.create",
  "operator.delete",
  "operator.rotate",
  "policy.change",
  "session.begin",
] as const;
export type AuditedAction = (typeof auditedActions)[number];

export const subjectTypes = ["batch", "client", "dataset", "delivery", "erasure", "node", "operator"] as const;
export type SubjectType = (typeof subjectTypes)[number];

/** What an entry is about. Both null: nothing in particular. */
export interface Subject {
  type: SubjectType | null;
  /** Its id in the API: of datasets and operators their name. */
  id: string | null;
  /** The name that people use for the subject, if that differs from its id. */
  name: string | null;
}

/** Who asks for a change. It goes along with the call, as `meta.caller`. */
export interface Caller {
  who: string;
  role: OperatorRole | "partner";
  /** Where the request came from, as failed logins are counted. Null: not by HTTP. */
  address: string | null;
}

/** The caller of the commands of the REPL. */
export const REPL_CALLER: Caller = { who: "repl", role: "admin", address: null };

/** The status of a change that was made. Otherwise it is the code of the refusal. */
export const DONE = "done";

/** An entry before it is written. The database adds its time. */
export interface AuditDraft {
  publicId: string;
  /** The name of the operator. Null: unknown, as for failed logins. */
  who: string | null;
  role: Caller["role"] | null;
  address: string | null;
  requestId: string | null;
  action: AuditedAction;
  subjectType: SubjectType | null;
  subjectId: string | null;
  subjectName: string | null;
  /** JSON text of what differs. Null: nothing, or nothing that may be shown. */
  change: string | null;
  reason: string | null;
  status: string;
}

export interface AuditRow extends AuditDraft {
  id: number;
  /** Epoch ms. */
  at: number;
}

/** Newest first. Omitted: any. */
export interface AuditQuery {
  who?: string | undefined;
  action?: AuditedAction | undefined;
  /** The id or the name of the subject. */
  subject?: string | undefined;
  /** Epoch ms, both inclusive. */
  from?: number | undefined;
  to?: number | undefined;
  /** Only older ones than that of this id. */
  before?: number | undefined;
  limit: number;
}
