/** The promise: each route that changes something writes an entry to the audit. */
import { auditedAs } from "../../services/api/routes/audited.ts";
import { operatorRoutes } from "../../services/api/routes/routes.operators.ts";
import { accepted, type Batch, batchWhen, newClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { asked, changed, system } from "./audit.kit.ts";

export function routesHaveEntries(): void {
  describe("each route that changes something", () => {
    const policyOf: Record<string, object> = {
      held: { requiresApproval: true },
      ordered: { requiresApproval: true, order: "fifo" },
      failed: { onInvalid: "rejectBatch", schema: { type: "object", required: ["b"] } },
      done: { webhook: { url: "https://receiver.example/hook", events: ["batch.completed"] } },
    };
    /** A batch in the state that a route needs: waiting, failed or completed. */
    async function batch(kind: string): Promise<string> {
      const client = await newClient(system.url, { ...policyOf[kind] });
      const { id } = await accepted(system.url, client, '{"a":1}\n');
      const wanted = { held: "held", ordered: "held", failed: "failed", done: "completed" }[kind];
      await batchWhen(system.url, client, id, ({ status }) => status === wanted);
      return id;
    }
    async function checked(): Promise<string> {
      const client = await newClient(system.url);
      const headers = { authorization: client.auth, "content-type": "application/x-ndjson", prefer: "wait=20" };
      const request = { method: "POST", headers, body: '{"a":1}\n' };
      const { id, status } = (await (await fetch(`${system.url}/imports?validateOnly=true`, request)).json()) as Batch;
      expect(status).toBe("validated");
      return id;
    }
    let made = 0;
    async function client(more: object = {}): Promise<string> {
      const body = { clientIdentifier: `of-routes-${++made}`, name: "A", ...more };
      return (await asked("POST", "/clients", body)).body.id;
    }
    async function disabled(): Promise<string> {
      const id = await client();
      await asked("PATCH", `/clients/${id}`, { status: "disabled" });
      return id;
    }
    async function dataset(): Promise<string> {
      const name = `of-routes-${++made}`;
      await asked("PUT", `/datasets/${name}`, { description: "A" });
      return name;
    }
    async function granted(): Promise<string> {
      const [id, name] = [await client(), await dataset()];
      await asked("PUT", `/clients/${id}/datasets/${name}`, {});
      return `${id}/datasets/${name}`;
    }
    async function key(): Promise<string> {
      const path = `/clients/${await client()}/keys`;
      return `${path}/${(await asked("POST", path, { name: "nightly" })).body.id}`;
    }
    async function operator(): Promise<string> {
      const name = `of-routes-${++made}`;
      await asked("POST", "/operators", { name, role: "viewer" });
      return name;
    }
    async function delivery(): Promise<string> {
      const path = `/deliveries?batch=${await batch("done")}`;
      const [one] = await until(async () => {
        const { items } = (await asked("GET", path)).body;
        return items.length > 0 && items;
      });
      return one.id;
    }
    /** A client whose only delivery has failed. */
    async function failedDelivery(): Promise<string> {
      const { body } = await asked("GET", `/deliveries?batch=${await batch("done")}`);
      const [{ id, clientId }] = body.items;
      await asked("PATCH", `/clients/${clientId}/policy`, { webhook: { events: ["batch.held"] } });
      await asked("POST", `/deliveries/${id}/replay`);
      await until(async () => (await asked("GET", `/deliveries/${id}`)).body.status === "failed");
      return clientId;
    }
    const webhook = () => client({ policy: policyOf.done });

    /** The path and the body of a successful request for each route. */
    const requests: Record<keyof typeof auditedAs, null | (() => Promise<[path: string, body?: object]>)> = {
      "POST /clients": async () => ["/clients", { clientIdentifier: `of-routes-${++made}`, name: "A" }],
      "PATCH /clients/:id": async () => [`/clients/${await client()}`, { name: "B" }],
      "DELETE /clients/:id": async () => [`/clients/${await disabled()}`],
      "POST /clients/:id/rotate-secret": async () => [`/clients/${await client()}/rotate-secret`, {}],
      "POST /clients/:id/rotate-webhook-secret": async () => [`/clients/${await webhook()}/rotate-webhook-secret`, {}],
      "POST /clients/:id/pause": async () => [`/clients/${await client()}/pause`, { reason: "The wrong file." }],
      "POST /clients/:id/resume": async () => {
        const id = await client();
        await asked("POST", `/clients/${id}/pause`);
        return [`/clients/${id}/resume`];
      },
      "POST /clients/:id/keys": async () => [`/clients/${await client()}/keys`, { name: "nightly" }],
      "DELETE /clients/:id/keys/:keyId": async () => [await key()],
      "PUT /clients/:id/policy": async () => [`/clients/${await client()}/policy`, { weight: 2 }],
      "PATCH /clients/:id/policy": async () => [`/clients/${await client()}/policy`, { weight: 2 }],
      "PUT /clients/:id/datasets/:name": async () => [`/clients/${await client()}/datasets/${await dataset()}`, {}],
      "DELETE /clients/:id/datasets/:name": async () => [`/clients/${await granted()}`],
      "POST /datasets/check": null,
      "POST /datasets/:name/try": null,
      "PUT /datasets/:name": async () => [`/datasets/of-routes-${++made}`, { description: "A" }],
      "PATCH /datasets/:name": async () => [`/datasets/${await dataset()}`, { description: "B" }],
      "DELETE /datasets/:name": async () => [`/datasets/${await dataset()}`],
      "POST /batches/actions": null,
      "POST /batches/:id/approve": async () => [`/batches/${await batch("held")}/approve`],
      "POST /batches/:id/reject": async () => [`/batches/${await batch("held")}/reject`, { reason: "Of last year.\0" }],
      "POST /batches/:id/redrive": async () => [`/batches/${await batch("failed")}/redrive`],
      "POST /batches/:id/retry": async () => [`/batches/${await batch("failed")}/retry`, { reason: "Once more." }],
      "POST /batches/:id/skip": async () => [`/batches/${await batch("ordered")}/skip`],
      "POST /batches/:id/commit": async () => [`/batches/${await checked()}/commit`, { reason: "They called." }],
      "POST /batches/:id/cancel": async () => [`/batches/${await batch("held")}/cancel`],
      "POST /batches/:id/undo": async () => [`/batches/${await batch("done")}/undo`, { reason: "The wrong file." }],
      "POST /deliveries/:id/replay": async () => [`/deliveries/${await delivery()}/replay`],
      "POST /deliveries/replay": async () => [
        "/deliveries/replay",
        { client: await failedDelivery(), since: "2020-01-01T00:00:00Z" },
      ],
      "POST /clients/:id/webhook/test": async () => [`/clients/${await webhook()}/webhook/test`],
      "POST /nodes/:node/pause": async () => [`/nodes/${system.broker.nodeID}/pause`],
      "POST /nodes/:node/resume": async () => [`/nodes/${system.broker.nodeID}/resume`],
      "POST /caches/flush": async () => ["/caches/flush"],
      "POST /alerts/test": async () => ["/alerts/test"],
      "POST /policy/check": null,
      "POST /erasures": async () => ["/erasures", { dataset: await dataset(), where: { email: "a@b.example" } }],
      "POST /operators": async () => ["/operators", { name: `of-routes-${++made}`, role: "viewer" }],
      "PATCH /operators/:name": async () => [`/operators/${await operator()}`, { role: "admin" }],
      "POST /operators/:name/rotate": async () => [`/operators/${await operator()}/rotate`],
      "DELETE /operators/:name": async () => [`/operators/${await operator()}`],
    };
    const changes: Record<string, object> = {
      "batch.approve": { "/status": ["held", "ready"] },
      "batch.cancel": { "/status": ["held", "cancelled"] },
      "batch.commit": { "/status": ["validated", "ready"] },
      "batch.redrive": { "/status": ["failed", "ready"] },
      "batch.reject": { "/status": ["held", "rejected"] },
      "batch.retry": { "/status": ["failed", "ready"] },
      "batch.skip": { "/skipped": [false, true] },
      "batch.undo": { "/status": ["completed", "undoing"] },
      "client.pause": { "/paused": [null, true] },
      "client.resume": { "/paused": [true, null] },
      "delivery.replay-failed": { "/since": [null, "2020-01-01T00:00:00.000Z"], "/deliveries": [null, 1] },
      "operator.change": { "/role": ["viewer", "admin"] },
      "operator.delete": { "/role": ["viewer", null] },
    };
    const reasons: Record<string, RegExp> = {
      "batch.commit": /^They called\.$/,
      "batch.reject": /^Of last year\./,
      "batch.retry": /^Once more\.$/,
      "batch.undo": /^The wrong file\.$/,
      "client.pause": /^The wrong file\.$/,
    };

    test("is one of those that are known here", () => {
      const changing = Object.keys(operatorRoutes).filter((route) => !route.startsWith("GET "));
      expect(Object.keys(auditedAs).sort()).toEqual(changing.sort());
    });

    const table = Object.entries(requests).flatMap(([route, request]) => (request ? [{ route, request }] : []));
    test.each(table)("$route", async ({ route, request }) => {
      const [path, body] = await request();
      const [method = ""] = route.split(" ");
      const entry = await changed(method, path, body);
      expect([entry.action, entry.status, entry.who]).toEqual([
        auditedAs[route as keyof typeof auditedAs],
        "done",
        "admin",
      ]);
      const [group, id] = path.slice(1).split("/");
      if (id && !["clients", "caches", "alerts"].includes(group ?? "") && id !== "replay")
        expect(entry.subject.id).toBe(id);
      if (id && group === "clients") expect(entry.subject).toMatchObject({ type: "client", id });
      if (changes[entry.action]) expect(entry.change).toEqual(changes[entry.action]);
      if (reasons[entry.action]) expect(entry.reason).toMatch(reasons[entry.action] as RegExp);
      else expect(entry.reason).toBeNull();
      expect(JSON.stringify(entry)).not.toContain("a@b.example");
    });
  });
}
