/** Answers that a whole node loses: what its clients and operators learn, and what is stored. */
import { call } from "../../../services/messages.ts";
import { accepted, admin, batchWhen, get, newClient, post } from "../../helpers/http.ts";
import { startSystem } from "../../helpers/system.ts";
import { hears } from "../../unit/contracts/kit.ts";
import type { Proxied } from "./kit.ts";

export function lostInNodes(at: () => Proxied): void {
  test("to requests of operators and clients: they get answers as if nothing had happened", async () => {
    const system = await startSystem({ env: { DATABASE_URL: at().url, SWEEP_INTERVAL: "1h" } });
    try {
      const client = await newClient(system.url, { requiresApproval: true });
      const hold = () => accepted(system.url, client, '{"n":1}');
      const asked = async ({ id }: { id: string }, what: string, text: string) => {
        const lost = at().proxy.lose(text, "cut");
        const response = await admin(system.url, `/batches/${id}/${what}`, { method: "POST" });
        await lost;
        return [response.status, ((await response.json()) as { status: string }).status];
      };
      expect(await asked(await hold(), "cancel", "cancelled")).toEqual([200, "cancelled"]);
      expect(await asked(await hold(), "reject", "rejected-by-operator")).toEqual([200, "rejected"]);
      const approved = await hold();
      const [status, state] = await asked(approved, "approve", "specversion");
      expect(status).toBe(200);
      expect(["ready", "processing", "completed"]).toContain(state);
      await batchWhen(system.url, client, approved.id, ({ status }) => status === "completed");
    } finally {
      await system.stop();
    }
  });

  test("to an operator's change: the secret in the answer is the valid one", async () => {
    const system = await startSystem({ env: { DATABASE_URL: at().url, SWEEP_INTERVAL: "1h" } });
    try {
      const made = at().proxy.lose("COMMIT", "cut");
      const client = await newClient(system.url);
      await made;
      const versions = () => at().rows<{ version: number }>("SELECT version FROM client");
      const before = await versions();
      const rotated = at().proxy.lose("COMMIT", "cut");
      const rotation = await admin(system.url, `/clients/${client.id}/rotate-secret`, { method: "POST", body: "{}" });
      await rotated;
      expect(rotation.status).toBe(200);
      expect(await versions()).toEqual([{ version: (before[0]?.version ?? 0) + 1 }]);
      expect((await get(system.url, client, "/imports")).status).toBe(200);
    } finally {
      await system.stop();
    }
  });

  test("while the database stays away: the client learns that the outcome is unknown, and how to find out", async () => {
    const system = await startSystem({ env: { DATABASE_URL: at().url, LOG_LEVEL: "fatal" } });
    try {
      const client = await newClient(system.url);
      const headers = { "Idempotency-Key": "k", "X-Request-Id": "a-lost-request" };
      const lost = at().proxy.lose("a-lost-request", "cut", () => at().proxy.shut());
      const refused = await post(system.url, client, '{"n":1}', undefined, headers);
      await lost;
      const problem = (await refused.json()) as { batchId: string };
      expect([refused.status, problem]).toMatchObject([503, { code: "unavailable", outcome: "unknown" }]);
      const read = await get(system.url, client, `/imports/${problem.batchId}`);
      expect([read.status, await read.json()]).toEqual([503, expect.not.objectContaining({ outcome: "unknown" })]);
      await at().proxy.open();
      expect((await get(system.url, client, `/imports/${problem.batchId}`)).status).toBe(200);
      const again = await post(system.url, client, '{"n":1}', undefined, headers);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      expect(await again.json()).toMatchObject({ id: problem.batchId });
    } finally {
      await system.stop();
    }
  });

  test("the client gets its 202, every record is stored once, and each event is published once", async () => {
    const events: { subject: string }[] = [];
    const heard = (["batch.created", "batch.ready", "batch.completed"] as const).map((name) => hears(name, events));
    const system = await startSystem({ env: { DATABASE_URL: at().url }, extra: heard });
    try {
      const client = await newClient(system.url, { schema: { properties: { n: { type: "integer" } } } });
      await call(system.broker, "batchProcessor.pause", {});
      const posted = at().proxy.lose("a-lost-request", "cut");
      const body = '{"n":77}\n{"n":"no"}\n{"n":78}';
      const { id } = await accepted(system.url, client, body, undefined, { "X-Request-Id": "a-lost-request" });
      await posted;
      const committed = at().proxy.lose('{"n":77}', "cut");
      await call(system.broker, "batchProcessor.resume", {});
      const counts = { received: 3, accepted: 2, rejected: 1, duplicate: 0 };
      expect(await batchWhen(system.url, client, id)).toMatchObject({
        status: "completed_with_errors",
        counts,
        attempts: 1,
      });
      await committed;
      expect(await at().rows("SELECT seq FROM record ORDER BY seq")).toEqual([{ seq: 1 }, { seq: 3 }]);
      const outbox = async () => (await at().rows("SELECT id FROM outbox WHERE topic LIKE 'batch.%'")).length;
      while ((await outbox()) > 0);
      expect(events.map(({ subject }) => subject)).toEqual([id, id, id]);
    } finally {
      await system.stop();
    }
  });
}
