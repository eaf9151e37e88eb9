import { randomUUID } from "node:crypto";
import type { Database } from "../../../database/database.ts";
import type { BatchFilter, BatchPage } from "../../../services/batch/batch.filter.domain.ts";
import { countsOf, find } from "../../../services/batch/batch.find.ts";
import type { UploadCommit } from "../../../services/imports/imports.domain.ts";
import { claimed, newBatch, newClient, ready, upload } from "./drafts.ts";

const hash = (digits: string) => digits.repeat(32);

/** The promise: a filter finds exactly the batches that it describes, and its pages follow each other without gaps. */
export function batchWalkSuite(database: () => Database): void {
  describe("batches by a filter", () => {
    const store = () => database().store;
    const made = (clientId: number, over: Partial<UploadCommit> = {}, draft: Partial<UploadCommit["batch"]> = {}) =>
      ready(store(), clientId, upload(clientId, { batch: { ...newBatch(clientId), ...draft }, ...over }));
    const found = async (filter: BatchFilter, page: Partial<BatchPage> = {}) =>
      (await find(store(), filter, { limit: 50, ...page })).batches.map(({ id }) => id);
    const set = (id: number, values: string) =>
      database().sequelize.query(`UPDATE "batch" SET ${values} WHERE "id" = ${id}`);
    const counted = async (filter: BatchFilter) =>
      Object.entries(await countsOf(store(), filter)).flatMap(([state, { value }]) =>
        value > 0 ? [[state, value]] : [],
      );

    test("by client, state, dataset and format, alone and together", async () => {
      const [one, two] = [await made(1), await made(2, {}, { dataset: "orders", format: "csv" })];
      const three = await made(1, { state: "held", due: null }, { dataset: "orders" });
      await database().sequelize.query(`UPDATE "batch" SET "state" = 'completed' WHERE "id" = ${one.id}`);
      expect(await found({})).toEqual([three.id, two.id, one.id]);
      expect(await found({}, { isOldestFirst: true })).toEqual([one.id, two.id, three.id]);
      expect(await found({ clientId: 1 })).toEqual([three.id, one.id]);
      expect(await found({ states: ["held", "completed"] })).toEqual([three.id, one.id]);
      expect(await found({ states: ["held", "ready"] }, { isOldestFirst: true })).toEqual([two.id, three.id]);
      expect(await found({ clientId: 1, states: ["completed", "ready"] })).toEqual([one.id]);
      expect(await found({ dataset: "orders" })).toEqual([three.id, two.id]);
      expect(await found({ dataset: "default" })).toEqual([one.id]);
      expect(await found({ clientId: 1, dataset: "orders" })).toEqual([three.id]);
      expect(await found({ clientId: 2, dataset: "orders", states: ["held"] })).toEqual([]);
      expect(await found({ format: "csv" })).toEqual([two.id]);
      expect(await found({ format: "csv", clientId: 1 })).toEqual([]);
      expect(await counted({})).toEqual([
        ["ready", 1],
        ["completed", 1],
        ["held", 1],
      ]);
      expect(await counted({ dataset: "orders", clientId: 2 })).toEqual([["ready", 1]]);
      expect(Object.keys(await countsOf(store(), { states: ["held", "failed"] }))).toEqual(["held", "failed"]);
    });

    test("by the times of its making and of its end", async () => {
      const batches = [await made(1), await made(1), await made(1)];
      for (const [n, { id }] of batches.entries()) await set(id, `"created_at" = ${1_000_000 * (n + 1)}`);
      const [one, two, three] = batches.map(({ id }) => id) as [number, number, number];
      await set(one, `"finished_at" = 9000000, "state" = 'completed'`);
      await set(two, `"finished_at" = 2500000, "state" = 'failed'`);
      expect(await found({ createdFrom: 2_000_000 })).toEqual([three, two]);
      expect(await found({ createdFrom: 1_000_001, createdTo: 2_999_999 })).toEqual([two]);
      expect(await found({ createdTo: 1_000_000, clientId: 1 })).toEqual([one]);
      expect(await found({ createdFrom: 3_000_001 })).toEqual([]);
      expect(await found({ finishedFrom: 2_500_000 })).toEqual([two, one]);
      expect(await found({ finishedTo: 2_500_000 })).toEqual([two]);
      expect(await found({ finishedFrom: 2_500_001, finishedTo: 8_999_999 })).toEqual([]);
      expect(await counted({ createdFrom: 2_000_000 })).toEqual([
        ["ready", 1],
        ["failed", 1],
      ]);
      expect(await counted({ finishedFrom: 9_000_001 })).toEqual([]);
    });

    test("the id of a time is found among many batches", async () => {
      const one = await made(1);
      const many = 1_000;
      const columns = `"client_id", "policy_version", "state", "format", "envelope", "bytes", "records", "chunks", "phase", "next_chunk", "accepted", "rejected", "duplicate", "fence", "attempt", "attempts_total", "version"`;
      const rows = Array.from({ length: many }, (_, n) => [randomUUID(), n] as const);
      for (let from = 0; from < many; from += 250)
        await database().sequelize.query(
          `INSERT INTO "batch" ("public_id", "created_at", ${columns}) VALUES ${rows
            .slice(from, from + 250)
            .map(
              ([id, n]) =>
                `('${id}', ${10_000_000 + n * 10_000}, 7, 0, 'held', 'csv', '{}', 0, 0, 0, 'deliver', 0, 0, 0, 0, 0, 0, 0, 1)`,
            )
            .join(", ")}`,
        );
      await set(one.id, `"created_at" = 1`);
      for (const n of [0, 1, 500, 998, 999, 1_000]) {
        const { low, high } = await store().idAt(10_000_000 + n * 10_000);
        expect([low <= one.id + n, high > one.id + n, high - low <= 200]).toEqual([true, true, true]);
      }
      const createdFrom = 10_000_000 + 700 * 10_000;
      expect(await found({ createdFrom, createdTo: createdFrom + 20_000 })).toEqual(
        [703, 702, 701].map((n) => one.id + n),
      );
    });

    test("by errors, and by the code of one", async () => {
      const [clean, wrong, failed] = [await made(1), await made(1), await made(1)];
      await set(clean.id, `"state" = 'completed'`);
      await set(wrong.id, `"state" = 'completed_with_errors', "rejected" = 2`);
      await set(
        failed.id,
        `"state" = 'failed', "reason" = '{"code":"handler-failed","detail":"\\"code\\":\\"other\\""}'`,
      );
      await database().sequelize.query(
        `INSERT INTO "error_group" ("batch_id", "pass", "name", "field", "code", "n") VALUES (${wrong.id}, 0, 'a', 'amount', 'minimum', 2), (${clean.id}, 1, 'a', 'amount', 'minimum', 2)`,
      );
      expect(await found({ hasErrors: true })).toEqual([wrong.id]);
      expect(await found({ hasErrors: false })).toEqual([failed.id, clean.id]);
      expect(await found({ errorCode: "minimum" })).toEqual([wrong.id]);
      expect(await found({ errorCode: "handler-failed" })).toEqual([failed.id]);
      for (const errorCode of ["other", "min%", "handler_failed"]) expect(await found({ errorCode })).toEqual([]);
      expect(await counted({ hasErrors: true })).toEqual([["completed_with_errors", 1]]);
    });

    test("by request, checksum, key, retry, and the beginning of an id", async () => {
      const publicId = "0193b2f0-7a10-7c3e-9a53-2f6d1c9be001";
      const totals = { ...upload(1).totals, contentHash: hash("0f") };
      const key = { key: "orders-1", fingerprint: hash("01"), keepMs: 60_000 };
      const one = await made(1, { totals, key: key as never }, { publicId, requestId: "nightly-1" });
      const two = await made(2, {}, { publicId: "0193b2f0-7a10-7c3e-9a53-2f6d1c9be002", requestId: "nightly-2" });
      await set(two.id, `"retry_of" = '${publicId}'`);
      const by = (term: object, filter: BatchFilter = {}) => found({ ...filter, search: [term as never] });
      expect(await by({ by: "request", requestId: "nightly-1" })).toEqual([one.id]);
      expect(await by({ by: "request", requestId: "nightly" })).toEqual([]);
      expect(await by({ by: "checksum", hash: hash("0f") })).toEqual([one.id]);
      expect(await by({ by: "checksum", hash: hash("0f") }, { clientId: 2 })).toEqual([]);
      expect(await by({ by: "key", key: "orders-1" })).toEqual([one.id]);
      expect(await by({ by: "key", key: "orders-1" }, { clientId: 1 })).toEqual([one.id]);
      expect(await by({ by: "key", key: "orders-1" }, { clientId: 2 })).toEqual([]);
      expect(await store().keyOfBatch(one.id)).toBe("orders-1");
      expect(await store().keyOfBatch(two.id)).toBeNull();
      expect(await by({ by: "id", digits: "0193b2f0" })).toEqual([two.id, one.id]);
      expect(await by({ by: "id", digits: "0193b2f1" })).toEqual([]);
      expect(await by({ by: "id", digits: publicId.replaceAll("-", "") })).toEqual([one.id]);
      expect(await by({ by: "id", digits: "0193b2f0" }, { clientId: 1, states: ["ready"] })).toEqual([one.id]);
      expect(await found({ retryOf: publicId })).toEqual([two.id]);
      expect(await counted({ search: [{ by: "id", digits: "0193b2f0" }] })).toEqual([["ready", 2]]);
    });

    test("by the identifier of a client, or its beginning", async () => {
      const { Client } = database().models;
      const ids: number[] = [];
      for (const name of ["a-shop", "a-shop-2", "a_shop", "b-shop"])
        ids.push((await Client.create(newClient(name))).get("id") as number);
      const batches: number[] = [];
      for (const id of ids) batches.push((await made(id)).id);
      const by = (identifier: string, filter: BatchFilter = {}) =>
        found({ ...filter, search: [{ by: "client", identifier }] });
      expect(await by("a-shop")).toEqual([batches[0]]);
      expect(await by("a-sho")).toEqual([batches[1], batches[0]]);
      expect(await by("a_")).toEqual([batches[2]]);
      expect(await by("a-sho", { clientId: ids[1] as number })).toEqual([batches[1]]);
      expect(await by("nobody")).toEqual([]);
    });

    test("pages go on where the last one has stopped, and never contain a running upload", async () => {
      const all: number[] = [];
      for (let n = 0; n < 7; n++)
        all.unshift((await made(1 + (n % 2), n % 3 === 0 ? { state: "held", due: null } : {})).id);
      await store().beginUpload(newBatch(1), 30_000);
      const running = await claimed(store(), 3);
      const pages = async (filter: BatchFilter, isOldestFirst = false) => {
        const seen: number[] = [];
        let beyond: number | null = null;
        do {
          const page: BatchPage = { limit: 2, isOldestFirst, ...(beyond !== null && { beyond }) };
          const { batches, next } = await find(store(), filter, page);
          seen.push(...batches.map(({ id }) => id));
          beyond = next;
        } while (beyond !== null);
        return seen;
      };
      expect(await pages({})).toEqual([running.id, ...all]);
      expect(await pages({ states: ["held", "ready"] })).toEqual(all);
      expect(await pages({ states: ["held", "ready"] }, true)).toEqual(all.toReversed());
      expect(await pages({ states: ["processing"] })).toEqual([running.id]);
    });
  });
}
