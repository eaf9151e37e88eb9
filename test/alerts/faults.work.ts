/** Faults of what partners send and receive: files, approvals, webhooks. And data that retention cannot delete. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { accepted, admin, batchWhen, newClient } from "../helpers/http.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { records } from "./load.ts";
import { again, answered, fires, tells, type Walk } from "./stage.ts";

const schema = { properties: { value: { type: "integer", maximum: 1 } } };

const days = (count: number) => count * 86_400_000;

export const faultsOfWork: Record<string, Walk> = {
  BatchesFail: fires(async ({ cluster }) => {
    const client = await newClient(cluster.apiUrl, { handler: "trouble.fail", maxAttempts: 1 });
    const { id } = await accepted(cluster.apiUrl, client, records(1));
    await batchWhen(cluster.apiUrl, client, id, ({ status }) => status === "failed");
    return {
      async look() {
        tells(await answered(admin(cluster.apiUrl, `/batches/${id}/history`)), "handler-failed");
      },
      async mend() {
        writeFileSync(join(cluster.folder, "mended"), "");
        await answered(admin(cluster.apiUrl, `/batches/${id}/redrive`, { method: "POST", body: "{}" }));
        await batchWhen(cluster.apiUrl, client, id, ({ status }) => status === "completed");
      },
    };
  }),

  ManyRejects: fires(async ({ cluster }) => {
    const client = await newClient(cluster.apiUrl, { schema, maxConcurrentBatches: 10 });
    const turn = async () => {
      await accepted(cluster.apiUrl, client, records(500, 2));
      await sleep(2_000);
    };
    return { mend: again(turn) };
  }),

  WebhooksLate: fires(async ({ cluster }) => {
    const receiver = await startReceiver(() => undefined);
    const client = await newClient(cluster.apiUrl, { webhook: { url: receiver.url }, maxConcurrentBatches: 10 });
    for (let i = 0; i < 60; i++) await accepted(cluster.apiUrl, client, records(1));
    return {
      async look() {
        tells(await answered(admin(cluster.apiUrl, "/deliveries?status=pending")), client.id);
      },
      async mend() {
        const body = JSON.stringify({ webhook: null });
        await answered(admin(cluster.apiUrl, `/clients/${client.id}/policy`, { method: "PATCH", body }));
        await receiver.close();
      },
    };
  }),

  WebhooksGivenUp: fires(async ({ cluster }) => {
    let status = 410;
    const receiver = await startReceiver(() => status);
    const webhook = { url: receiver.url };
    const client = await newClient(cluster.apiUrl, { webhook });
    await accepted(cluster.apiUrl, client, records(1));
    return {
      async look() {
        tells(await answered(admin(cluster.apiUrl, "/deliveries?status=failed")), client.id);
      },
      async mend() {
        status = 200;
        const turnedOn = JSON.stringify({ webhook });
        await answered(admin(cluster.apiUrl, `/clients/${client.id}/policy`, { method: "PATCH", body: turnedOn }));
        const body = JSON.stringify({ client: client.id, since: new Date(Date.now() - days(1)) });
        await answered(admin(cluster.apiUrl, "/deliveries/replay", { method: "POST", body }));
        await receiver.close();
      },
    };
  }),

  /** The batch was uploaded two days ago. It waits for an approval, because it was checked just now. */
  HeldForLong: fires(async ({ cluster, prometheus }) => {
    const client = await newClient(cluster.apiUrl, { requiresApproval: "afterValidation" });
    const { id } = await accepted(cluster.apiUrl, client, records(1));
    await batchWhen(cluster.apiUrl, client, id, ({ status }) => status === "held");
    await cluster.sql(`UPDATE batch SET created_at = created_at - ${days(2)} WHERE public_id = '${id}'`);
    return {
      async look() {
        const summary = (await prometheus.firing()).get("HeldForLong") ?? "";
        if (/\d+d /.test(summary)) throw new Error(summary);
        tells(await answered(admin(cluster.apiUrl, "/batches?status=held")), "approval");
      },
      async mend() {
        const body = JSON.stringify({ reason: "It is right." });
        await answered(admin(cluster.apiUrl, `/batches/${id}/approve`, { method: "POST", body }));
      },
    };
  }),

  /** A foreign query locks a row of a batch whose retention ended two days ago. */
  RetentionBehind: fires(async ({ cluster }) => {
    const client = await newClient(cluster.apiUrl);
    const { id } = await accepted(cluster.apiUrl, client, records(1));
    await batchWhen(cluster.apiUrl, client, id);
    await cluster.sql(`UPDATE batch SET due_at = due_at - ${days(32)} WHERE public_id = '${id}'`);
    await cluster.sql(`BEGIN; SELECT 1 FROM batch WHERE public_id = '${id}' FOR UPDATE`);
    const look = async () => tells(cluster.members.map(({ logs }) => logs()).join("\n"), "retention");
    return { look, mend: () => cluster.sql("COMMIT") };
  }),
};
