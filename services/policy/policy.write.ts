/** Writes a version of a client's policy. */
import type { ServiceBroker } from "moleculer";
import { configOf } from "../../config/config.ts";
import { addAudit, changeWithEvent } from "../../database/change.ts";
import type { Database } from "../../database/database.ts";
import { actors } from "../actors.ts";
import { type Auditing, clientSubject, differences } from "../audits.ts";
import { draftEvent } from "../events.ts";
import type { PolicyVersion } from "./policy.contract.ts";
import type { Policy } from "./policy.document.ts";
import { policyOf } from "./policy.domain.ts";
import { addVersion } from "./policy.versions.ts";
import { isAnotherReceiver, type WebhookSecrets } from "./policy.webhook.ts";

interface Writer {
  broker: ServiceBroker;
  database: Database;
  secrets: WebhookSecrets;
}

interface Change {
  clientId: number;
  before: PolicyVersion;
  policy: Policy;
  audit: Auditing;
}

/**
 * Writes in one transaction: the version, its audit entry, the event `policy.changed` and, if webhooks go to another receiver, a new
 * secret for it. Throws UniqueConstraintError if another node has written this version.
 */
export async function writePolicy({ broker, database, secrets }: Writer, { clientId, before, policy, audit }: Change) {
  const { models } = database;
  const version = before.version + 1;
  const client = await actors.clientCache.get(broker, { id: clientId });
  const subject = client?.publicId ?? "";
  const entry = audit({
    action: "policy.change",
    subject: clientSubject(client),
    change: differences(before.policy, policy),
  });
  const isRenewing = isAnotherReceiver(before.policy.webhook, policy.webhook);
  const made = { ...policyOf(clientId), version, who: entry?.who ?? null, before: before.policy, after: policy };
  const { value: webhookSecret, outbox } = await changeWithEvent(
    database,
    async (transaction, nowMs) => {
      const row = { clientId, version, body: JSON.stringify(policy), createdAt: nowMs };
      await models.Policy.create(row, { transaction });
      await addVersion(models, made, { transaction, nowMs });
      await addAudit(models, entry, { transaction, nowMs });
      return isRenewing ? secrets.renew(clientId, policy.webhook !== null, transaction, nowMs) : null;
    },
    () => draftEvent(configOf(broker).namespace, "policy.changed", subject, { clientId: subject, version }),
  );
  return { version, webhookSecret, outbox };
}
