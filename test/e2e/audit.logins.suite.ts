/** Things that change nothing but have an entry in the audit: refusals, logins, and failed logins. */
import type { Middleware } from "moleculer";
import { auditedAs, refusedAs } from "../../services/api/routes/audited.ts";
import type { AuditDraft } from "../../services/audit/audit.domain.ts";
import { newClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { ADMIN_TOKEN, startSystem } from "../helpers/system.ts";
import { asked, audit, databaseOf, ofRequest, operatorWith, system, unknown } from "./audit.kit.ts";

export function loginsHaveEntries(): void {
  describe("refusals and logins", () => {
    test("what a role does not allow is an entry, for each route", async () => {
      const token = await operatorWith("viewer");
      for (const [route, action] of Object.entries({ ...auditedAs, ...refusedAs })) {
        const [method = "", path = ""] = route.split(" ");
        const answer = await asked(method, path.replace(":id", unknown).replace(":name", "nothing"), {}, token);
        const found = (await ofRequest(answer)).map((entry) => [entry.action, entry.status, entry.role, entry.change]);
        expect([route, found]).toEqual([route, action === null ? [] : [[action, "forbidden", "viewer", null]]]);
      }
      expect(refusedAs).toEqual({ "POST /batches/actions": "batch.move-many" });
      const [refused] = await audit({ subject: unknown, action: "batch.undo" });
      expect(refused?.subject).toEqual({ type: "batch", id: unknown, name: null });
    });

    test("a session has an entry where it begins", async () => {
      const login = (body: object) =>
        fetch(`${system.url}/session`, {
          method: "POST",
          headers: { "content-type": "application/json", origin: system.url },
          body: JSON.stringify(body),
        });
      const client = await newClient(system.url);
      expect((await login({ token: ADMIN_TOKEN })).status).toBe(200);
      expect((await login({ clientIdentifier: client.identifier, secret: client.secret })).status).toBe(200);
      const entries = await audit({ action: "session.begin" });
      expect(entries.slice(0, 2).map(({ who, role }) => [who, role])).toEqual([
        [client.identifier, "partner"],
        ["admin", "admin"],
      ]);
    });
  });

  describe("failed logins", () => {
    const wrong = async (url: string) => {
      const basic = `Basic ${Buffer.from("nobody:my-other-password").toString("base64")}`;
      const session = { method: "POST", headers: { "content-type": "application/json", origin: url } };
      for (const answer of [
        await fetch(`${url}/imports`, { headers: { authorization: basic } }),
        await fetch(`${url}/admin/stats`, { headers: { authorization: "Bearer my-other-password" } }),
        await fetch(`${url}/session`, { ...session, body: JSON.stringify({ token: "my-other-password" }) }),
      ])
        expect(answer.status).toBe(401);
    };
    type Count = Record<"count", number>;
    const sum = (changes: unknown[]) => changes.reduce<number>((all, change) => all + (change as Count).count, 0);

    test("are counted by address, without what was sent", async () => {
      await wrong(system.url);
      const entries = await until(async () => {
        const found = await audit({ action: "login.failed" });
        return sum(found.map(({ change }) => change)) === 3 && found;
      });
      for (const { id, at, change, ...entry } of entries)
        expect(entry).toEqual({
          who: null,
          role: null,
          address: "127.0.0.1",
          requestId: null,
          action: "login.failed",
          subject: { type: null, id: null, name: null },
          reason: null,
          status: "unauthenticated",
        });
      const [rows] = await databaseOf().sequelize.query("SELECT * FROM audit");
      expect(JSON.stringify(rows)).not.toContain("my-other-password");
    });

    test("that are not written yet are written when the node stops", async () => {
      const written: AuditDraft[] = [];
      const watch: Middleware = {
        name: "Watch",
        localAction: (next, { name }) =>
          async function watched(ctx) {
            const answer = await next.call(this, ctx);
            if (name === "audit.record") written.push(...(ctx.params as { entries: AuditDraft[] }).entries);
            return answer;
          },
      };
      const another = await startSystem({ env: { LOG_LEVEL: "fatal" }, watch });
      await wrong(another.url);
      expect(written).toEqual([]);
      await another.stop();
      expect(written).toMatchObject([{ action: "login.failed", address: "127.0.0.1", change: '{"count":3}' }]);
    });
  });
}
