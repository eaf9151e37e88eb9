import { action, typed } from "../declare.ts";
import { type AuditDraft, type AuditRow, auditedActions } from "./audit.domain.ts";

const text = { type: "string", optional: true } as const;
const number = { type: "number", optional: true } as const;

export const auditActions = {
  /** Newest first. `subject`: its id or its name. Times are epoch ms, both inclusive. */
  list: action({
    who: text,
    action: { type: "enum", values: auditedActions, optional: true },
    subject: text,
    from: number,
    to: number,
    before: number,
    limit: { type: "number", integer: true, min: 1, max: 501 },
  }).answers<AuditRow[]>(),
  /** Writes entries about what changes nothing: logins, and refusals. A change writes its own, in its transaction. */
  record: action({ entries: typed<AuditDraft[]>({ type: "array" }) }).answers<void>(),
};
