/** What the suites of groups share: small batches of several clients that are claimed and committed together. */
import { QueryTypes } from "sequelize";
import type { Database } from "../../../database/database.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import type { ChunkCommit, Written } from "../../../services/batch/batch.writes.domain.ts";
import { chunk, chunkCommit, end, event, LEASE, ready } from "./drafts.ts";

export const OWNER = "node-1:x";

export function groupsIn(database: () => Database) {
  const store = () => database().store;
  const reread = (batch: { publicId: string }) => store().batch(batch.publicId, null);
  const rows = <T>(text: string) => database().sequelize.query(text, { type: QueryTypes.SELECT }) as Promise<T[]>;
  const running = async (clientId: number) =>
    (await rows<{ running: number }>(`SELECT running FROM client_queue WHERE client_id = ${clientId}`))[0]?.running;

  const totals = { bytes: 60, records: 3, chunks: 1, contentHash: "ab".repeat(32), envelope: {} };
  const small = (clientId: number, cap = 9) =>
    ready(store(), clientId, { chunks: [chunk(0)], totals, queue: { cap, weight: 1 } });
  async function group(...clientIds: number[]): Promise<BatchRow[]> {
    const batches = [];
    for (const clientId of clientIds) batches.push(await small(clientId));
    return claim(batches);
  }
  async function claim(batches: BatchRow[]): Promise<BatchRow[]> {
    const claims = await store().claimGroup(
      batches.map(({ id }) => id),
      OWNER,
      LEASE,
    );
    return claims.map(({ batch }) => batch).sort((a, b) => a.id - b.id);
  }
  const last = (batch: BatchRow, over: Partial<ChunkCommit> = {}) => {
    const ended = event("batch.completed");
    return chunkCommit(batch, [], {
      end: end({ purge: true, events: [{ ...ended, body: batch.publicId }] }),
      ...over,
    });
  };
  async function committed(commits: ChunkCommit[]): Promise<(Written | null | Error)[]> {
    const settled = await store().commitChunks(commits);
    return settled.map((one) => (one.status === "fulfilled" ? one.value : one.reason));
  }
  const records = async ({ id }: BatchRow) =>
    (await store().records(id, 0, 100, 1e6)).map(({ seq, data }) => `${seq} ${data}`);
  return { store, reread, rows, running, small, group, last, committed, records };
}
