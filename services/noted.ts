/** Entries of the audit about what stands in no transaction. */
import type { ServiceBroker } from "moleculer";
import { actors } from "./actors.ts";
import type { AuditDraft } from "./audit/audit.domain.ts";

/** Writes them. If they cannot be written now, that is logged, and what they are about is done all the same. Null: there is none. */
export async function noted(broker: ServiceBroker, ...drafts: (AuditDraft | null)[]): Promise<void> {
  const entries = drafts.filter((draft) => draft !== null);
  if (entries.length === 0) return;
  await actors.audit
    .record(broker, { entries })
    .catch((error: unknown) => broker.logger.warn("The audit could not be written:", error));
}
