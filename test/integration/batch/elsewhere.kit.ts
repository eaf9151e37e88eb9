/** What the tests of tables in other databases share: orders, and a worker that stops between the two commits. */
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import type { Written } from "../../../services/batch/batch.writes.domain.ts";
import { admin, get, lines, type TestClient } from "../../helpers/http.ts";
import type { System } from "../../helpers/system.ts";
import { storeOf } from "./kit.ts";

export const schema = {
  type: "object",
  properties: { no: { type: "integer" }, customer: { type: "integer" }, city: { type: "string", maxLength: 20 } },
  required: ["no"],
};
export const table = { database: "crm", name: "orders", mode: "insert" };
export const policy = { schema, handler: "table", table, chunkRecords: 3 };

/** Four records in two chunks. The table refuses the second record. */
export const four = [{ no: 1, city: "a-city" }, { no: 2, customer: 9 }, { no: 3 }, { no: 4 }];
export const whole = { accepted: 3, rejected: 1, duplicate: 0, created: 3, updated: 0, deleted: 0 };
/** The counts after the first chunk. */
export const half = { ...whole, accepted: 2, created: 2 };

export const body = (...records: object[]) => records.map((one) => JSON.stringify(one)).join("\n");

export async function codesOf({ url }: System, client: TestClient, id: string) {
  const found = lines<{ record: number; errors: { code: string; field: string }[] }>(
    get(url, client, `/imports/${id}/errors`),
  );
  return (await found).map(({ record, errors: [first] }) => [record, first?.code, first?.field]);
}

export const cancel = ({ url }: System, id: string) => admin(url, `/batches/${id}/cancel`, { method: "POST" });

/** Stops a worker between its two commits. `go` lets it go on with DataFlow's own commit, whose answer is `late`. */
export function hangBetween(system: System) {
  const go = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<BatchRow>();
  const late = Promise.withResolvers<Written | null>();
  const store = storeOf(system);
  const { commitChunk } = store;
  jest.spyOn(store, "commitChunk").mockImplementationOnce(async (commit) => {
    reached.resolve((await store.list({ limit: 1 }))[0] as BatchRow);
    await go.promise;
    const written = commitChunk(commit);
    written.then(late.resolve, late.reject);
    return written;
  });
  return { reached: reached.promise, go: () => go.resolve(), late: late.promise };
}
