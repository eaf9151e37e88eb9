/** What the audit tells of datasets and grants. */
import type { AuditDraft } from "../audit/audit.domain.ts";
import { type Auditing, clientSubject, differences, named } from "../audits.ts";
import type { Client } from "../clientCache/clientCache.contract.ts";
import type { Dataset } from "./policy.dataset.document.ts";

type Stored = { dataset: Dataset | null } | null;

/** `after` null: the dataset is deleted. */
export const datasetAudit = (audit: Auditing, name: string, before: Stored, after: Dataset | null): AuditDraft | null =>
  audit({
    action: after ? "dataset.change" : "dataset.delete",
    subject: named("dataset", name),
    change: differences(before?.dataset ?? {}, after ?? {}),
  });

/** The audit row of a grant that changes, by its overrides. Null: the client does not have the dataset. */
export type GrantAudit = (before: object | null, after: object | null) => AuditDraft | null;

/** A grant is about its client. */
export function grantAudit(audit: Auditing, client: Client | null, name: string): GrantAudit {
  const of = (override: object | null) => ({ datasets: override ? { [name]: override } : {} });
  return (before, after) =>
    audit({
      action: after ? "dataset.grant" : "dataset.revoke",
      subject: clientSubject(client),
      change: differences(of(before), of(after)),
    });
}
