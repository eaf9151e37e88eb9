/** Moves of many batches, by one call or by several. */
import { BATCH_WRITTEN } from "../../services/batch/batch.contract.ts";
import type { BatchRow } from "../../services/batch/batch.domain.ts";
import { accepted, admin, newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { newBatch, stored, upload } from "../integration/store/drafts.ts";
import { asked, type Json, system, url } from "./admin.kit.ts";
import { audit, databaseOf, history } from "./batch-history.kit.ts";

export function manyAreMoved(): void {
  test("many batches are moved by their ids or a filter, each with its own entries, after a dry run", async () => {
    const client = await newClient(url, { requiresApproval: true });
    const batches = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => accepted(url, client, `{"a":${n}}`)));
    const held = batches.map(({ id }) => id) as string[];
    const unknown = "0193b2f0-0000-7000-8000-000000000000";
    const many = async (body: object) => (await asked("POST", "/batches/actions", body)).body as Json;
    const filter = { client: client.id, status: "held" };
    const dry = await many({ action: "cancel", filter, dryRun: true });
    expect(dry).toMatchObject({ matched: 6, isMore: false, done: 0, refused: [] });
    expect(dry.examples).toHaveLength(5);
    expect(await many({ action: "redrive", ids: held.slice(0, 1), dryRun: true })).toMatchObject({
      refused: [{ id: held[0], code: "illegal-state" }],
    });
    const reason = "Sent twice.";
    expect(await many({ action: "reject", ids: [...held.slice(0, 2), unknown], reason })).toEqual({
      matched: 3,
      isMore: false,
      examples: [...held.slice(0, 2), unknown],
      done: 2,
      refused: [{ id: unknown, code: "not-found" }],
      remaining: 0,
      next: null,
    });
    expect(await many({ action: "cancel", filter, reason })).toMatchObject({ matched: 4, done: 4, refused: [] });
    expect(await many({ action: "cancel", filter })).toMatchObject({ matched: 0, done: 0 });
    const again = await many({ action: "cancel", ids: held });
    expect((again.refused as Json[]).map(({ code }) => code)).toEqual(Array(6).fill("illegal-state"));
    expect((await history(held[0] as string)).at(-1)).toMatchObject({
      to: "rejected",
      by: { kind: "operator" },
      reason,
    });
    for (const id of held)
      expect(await audit(id)).toMatchObject([
        { action: expect.stringMatching(/cancel|reject/), reason, status: "done" },
      ]);
  });

  describe("more batches than one call moves", () => {
    const MOST = 1_000;
    const examples = expect.any(Array);
    const next = expect.any(String);
    let of: { client: TestClient; filter: object };
    const many = (action: string, more: object = {}) => ({ action, filter: of.filter, ...more });
    const leftOf = async (status: string) =>
      (await asked("GET", `/batches/counts?client=${of.client.id}&status=${status}`)).body as Json;
    /** Calls `then` after each move of a batch. */
    function onMoves(then: (moves: number) => void): () => void {
      const { localBus } = system.broker;
      let moves = 0;
      const count = () => then(++moves);
      localBus.on(BATCH_WRITTEN, count);
      return () => void localBus.off(BATCH_WRITTEN, count);
    }
    const api = () =>
      system.broker.getLocalService("api") as unknown as { isStopping: boolean; runningRequests: Set<unknown> };

    beforeAll(async () => {
      const client = await newClient(url, { requiresApproval: true });
      of = { client, filter: { client: client.id, status: "held" } };
      const { store } = databaseOf();
      const { id: first } = await accepted(url, client, '{"a":1}');
      const { clientId, policyVersion } = (await store.batch(first, null)) as BatchRow;
      const held = { state: "held", due: null, reason: { hold: "approval", until: null } } as const;
      const made = (n: number) => {
        const totals = { bytes: 8, records: 1, chunks: 0, contentHash: "ab".repeat(32), envelope: {} };
        return stored(
          store,
          upload(clientId, {
            ...held,
            totals,
            chunks: [],
            batch: { ...newBatch(clientId), policyVersion, requestId: `${n}` },
          }),
        );
      };
      for (let n = 1; n <= MOST; n++) await made(n);
    });

    test("the first thousand are looked at, and the answer says that there are more", async () => {
      const { status, body } = await asked("POST", "/batches/actions", many("cancel", { dryRun: true }));
      expect([status, body]).toEqual([
        200,
        { matched: MOST, isMore: true, examples, done: 0, refused: [], remaining: 0, next },
      ]);
      expect(await leftOf("held")).toEqual({ held: { value: MOST + 1, isMore: false } });
    });

    test("a node that stops answers what was done", async () => {
      const off = onMoves((moves) => {
        if (moves === 3) api().isStopping = true;
      });
      const { status, body } = await asked("POST", "/batches/actions", many("cancel")).finally(off);
      api().isStopping = false;
      const { cancelled } = (await leftOf("cancelled")) as { cancelled: { value: number } };
      expect([status, body]).toEqual([
        200,
        {
          matched: MOST,
          isMore: true,
          examples,
          done: cancelled.value,
          refused: [],
          remaining: MOST - cancelled.value,
          next,
        },
      ]);
      expect(cancelled.value).toBeGreaterThanOrEqual(3);
      expect(cancelled.value).toBeLessThan(100);
    });

    test("a client that hangs up ends it, and what was moved stays moved", async () => {
      const before = ((await leftOf("rejected")) as { rejected: { value: number } }).rejected.value;
      const hangUp = new AbortController();
      const off = onMoves((moves) => moves === 3 && hangUp.abort());
      const body = JSON.stringify(many("reject", { reason: "Sent twice." }));
      const asking = admin(url, "/batches/actions", { method: "POST", body, signal: hangUp.signal });
      await expect(asking).rejects.toThrow("aborted");
      await until(() => api().runningRequests.size === 0, "the end of the request");
      off();
      const { rejected } = (await leftOf("rejected")) as { rejected: { value: number } };
      expect(rejected.value - before).toBeGreaterThanOrEqual(3);
      expect(rejected.value - before).toBeLessThan(500);
    });
  });
}
