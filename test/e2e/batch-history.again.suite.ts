/** Retries of rejected records that an operator starts for a client. */
import { retryOfAnyClient } from "../../services/behalf.ts";
import { accepted, batchWhen, newClient, type TestClient } from "../helpers/http.ts";
import { asked, type Json, system, url } from "./admin.kit.ts";
import { audit, by, history } from "./batch-history.kit.ts";

let made = 0;

export function rejectedAreSentAgain(): void {
  describe("rejected records that an operator sends again", () => {
    const partly = { schema: { required: ["b"] } };
    /** A batch of which `count` records are rejected. */
    async function withErrors(client: TestClient, count = 1): Promise<string> {
      const { id } = await accepted(url, client, `{"b":1}\n${'{"a":1}\n'.repeat(count)}{"n":"${++made}"}`);
      await batchWhen(url, client, id, ({ status }) => status === "completed_with_errors");
      return id;
    }

    test("are a new batch of the same client, under its policy of today, with their entries", async () => {
      const client = await newClient(url, partly);
      const id = await withErrors(client);
      await asked("PATCH", `/clients/${client.id}/policy`, { schema: null });
      const { name, move } = await by("erin");
      const answer = await move(id, "retry?only=rejected", { reason: "The schema was wrong." });
      const child = (await answer.json()) as Json;
      expect([answer.status, answer.headers.get("location")]).toEqual([202, `/admin/batches/${child.id}`]);
      expect(child).toMatchObject({
        retryOf: id,
        clientId: client.id,
        client: { clientIdentifier: client.identifier },
      });
      expect(await batchWhen(url, client, child.id as string)).toMatchObject({
        status: "completed",
        counts: { received: 2, accepted: 2, rejected: 0 },
      });
      const again = await move(id, "retry?only=rejected", { reason: "Once more." });
      expect([again.status, ((await again.json()) as Json).id]).toEqual([200, child.id]);
      expect(await audit(id)).toMatchObject([
        {
          action: "batch.retry",
          who: name,
          reason: "The schema was wrong.",
          change: { "/retriedAs": [null, child.id] },
          status: "done",
        },
      ]);
      expect((await history(id)).at(-1)).toMatchObject({
        by: { kind: "operator", name },
        code: "retried",
        detail: expect.stringContaining(child.id as string),
        reason: "The schema was wrong.",
      });
    });

    test("two operators at once make one batch, and one entry", async () => {
      const client = await newClient(url, { ...partly, maxConcurrentUploads: 4 });
      const id = await withErrors(client);
      const { move } = await by("frank");
      const answers = await Promise.all([1, 2, 3].map(() => move(id, "retry?only=rejected")));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 202]);
      const ids = await Promise.all(answers.map(async (answer) => ((await answer.json()) as Json).id));
      expect(new Set(ids).size).toBe(1);
      expect(await audit(id)).toHaveLength(1);
    });

    test("a failed batch goes on", async () => {
      const client = await newClient(url, { ...partly, onInvalid: "rejectBatch" });
      const { id } = await accepted(url, client, '{"a":1}');
      await batchWhen(url, client, id, ({ status }) => status === "failed");
      const { name, move } = await by("grace");
      const answer = await move(id, "retry", { reason: "The handler was away." });
      expect([answer.status, answer.headers.get("location"), ((await answer.json()) as Json).id]).toEqual([
        202,
        null,
        id,
      ]);
      const entry = { action: "batch.retry", who: name, reason: "The handler was away." };
      expect(await audit(id)).toMatchObject([{ ...entry, change: { "/status": ["failed", "ready"] } }]);
    });

    test("a disabled client's are sent again too, those of one that is being erased are not", async () => {
      const client = await newClient(url, partly);
      const id = await withErrors(client);
      await asked("PATCH", `/clients/${client.id}`, { status: "disabled" });
      const { broker } = system;
      const erased = {
        call: async (name: string, params: object) => {
          const answer = (await broker.call(name as never, params as never)) as object;
          return name === "clientCache.get" ? { ...answer, erasureId: id } : answer;
        },
      };
      await expect(retryOfAnyClient(erased as never, { publicId: id })).rejects.toMatchObject({
        type: "illegal-state",
      });
      const { move } = await by("heidi");
      expect((await move(id, "retry?only=rejected")).status).toBe(202);
    });

    test("of many batches, after a dry run, though the client may send one upload at a time", async () => {
      const client = await newClient(url, { ...partly, maxConcurrentUploads: 1 });
      const ids: string[] = [];
      for (const count of [1, 2, 3]) ids.push(await withErrors(client, count));
      const { id: fine } = await accepted(url, client, '{"b":1}');
      await batchWhen(url, client, fine);
      const many = async (more: object) => {
        const { status, body } = await asked("POST", "/batches/actions", {
          action: "retry",
          ids: [...ids, fine],
          ...more,
        });
        return [status, body];
      };
      const refused = [{ id: fine, code: "illegal-state" }];
      expect(await many({ dryRun: true })).toMatchObject([200, { matched: 4, done: 0, refused }]);
      for (const id of ids) expect(await audit(id)).toEqual([]);
      const reason = "The rule is gone.";
      // In a repeated call each retry exists already.
      for (const _ of [1, 2]) expect(await many({ reason })).toMatchObject([200, { matched: 4, done: 3, refused }]);
      for (const id of ids) expect(await audit(id)).toMatchObject([{ action: "batch.retry", reason, status: "done" }]);
      const { body } = await asked("GET", `/batches?client=${client.id}&retryOf=${ids[2]}`);
      expect(body.items).toMatchObject([{ counts: { received: 4 } }]);
    });

    test("in pieces, by a cursor that goes on behind those that were looked at", async () => {
      const client = await newClient(url, partly);
      const ids: string[] = [];
      for (const count of [1, 2, 3]) ids.unshift(await withErrors(client, count));
      const filter = { client: client.id };
      const piece = (cursor?: unknown) =>
        asked("POST", "/batches/actions", { action: "retry", filter, limit: 2, ...(cursor ? { cursor } : {}) });
      const first = (await piece()).body;
      expect(first).toMatchObject({ matched: 2, isMore: true, examples: ids.slice(0, 2), done: 2, remaining: 0 });
      // The new batches are the newest ones, so they are not among those that are left.
      const second = (await piece(first.next)).body;
      expect(second).toMatchObject({ matched: 1, isMore: false, examples: ids.slice(2), done: 1, next: null });
    });
  });
}
