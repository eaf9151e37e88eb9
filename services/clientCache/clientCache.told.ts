/** Takes in what `policy` reports about a client. None of it is published as a change of the client. */
import { isOutcomeUnknown } from "../../database/errors.ts";
import type { ParamsOf } from "../messages.ts";
import type { ClientChanges, ValuesOf } from "./clientCache.changes.ts";
import { type Known, noAudit } from "./clientCache.known.ts";

interface Own {
  changes: ClientChanges;
  known(name: "id", value: number): Promise<Known | null>;
}

async function noted(own: Own, id: number, valuesOf: ValuesOf): Promise<void> {
  const client = await own.known("id", id);
  if (!client) return;
  const note = () => own.changes.change(client.publicId, valuesOf, noAudit, "client.renewed");
  await note().catch((error: unknown) => {
    // Writing it twice does no harm.
    if (isOutcomeUnknown(error)) return note();
    throw error;
  });
}

/** The client's policy has a new version. */
export const policyChanged = (
  own: Own,
  { id, policyVersion, hasWebhook = false }: ParamsOf<"clientCache.policyChanged">,
) =>
  noted(own, id, (before) => ({
    policyVersion: Math.max(before.policyVersion, policyVersion),
    ...(hasWebhook && { webhookOffAt: null }),
  }));

/** Its webhook is off from now on, because its receiver answered 410. */
export const webhookGone = (own: Own, { id }: ParamsOf<"clientCache.webhookGone">) =>
  noted(own, id, (_before, _transaction, webhookOffAt) => ({ webhookOffAt }));
