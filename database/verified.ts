/**
 * Checks that an answer belongs to its query. A driver or a proxy that gets out of step on a connection gives each query the
 * answer of the query before it. Rows carry their own ids, so each row is compared with the query before it is used.
 */
import { Model, type ModelStatic, type Sequelize } from "sequelize";
import type { BatchRow } from "../services/batch/batch.domain.ts";
import type { BatchWalk, IdsBetween } from "../services/batch/batch.filter.domain.ts";
import type { Written } from "../services/batch/batch.writes.domain.ts";
import { MismatchedAnswer } from "./errors.ts";
import type { BatchStore } from "./store.ts";

/** The `store` with checked answers. Calls `distrust` after a wrong answer: the open connections must not be used again. */
export function verified(store: BatchStore, distrust: () => void): BatchStore {
  /** Answers `answer` if `isOf` says that it belongs to the query. Throws MismatchedAnswer otherwise. */
  async function asked<T>(answer: Promise<T>, isOf: (answer: T) => boolean): Promise<T> {
    try {
      const given = await answer;
      if (isOf(given)) return given;
      throw new MismatchedAnswer();
    } catch (error) {
      if (error instanceof MismatchedAnswer) distrust();
      throw error;
    }
  }
  const all = (rows: BatchRow[], isOf: (row: BatchRow) => boolean) => rows.every(isOf);
  const isWrittenOf = (id: number) => (written: Written | null) => written === null || written.batch.id === id;

  return {
    ...store,
    due: (state, limit) => asked(store.due(state, limit), (rows) => all(rows, (row) => row.state === state)),
    voided: (limit) =>
      asked(store.voided(limit), (rows) => all(rows, ({ state, fence }) => state === "receiving" && fence > 0)),
    batch: (publicId, clientId) =>
      asked(
        store.batch(publicId, clientId),
        (row) => row === null || (row.publicId === publicId && (clientId === null || row.clientId === clientId)),
      ),
    list: (query) => asked(store.list(query), (rows) => all(rows, (row) => isListed(row, query))),
    walkBatches: (walk, between, page) =>
      asked(store.walkBatches(walk, between, page), ({ batches }) =>
        all(batches, (row) => isWalked(row, walk.filter, between)),
      ),
    changed: (seen) =>
      asked(store.changed(seen), (rows) => {
        const ids = new Set(seen.map(({ publicId }) => publicId));
        return all(rows, ({ publicId }) => ids.has(publicId));
      }),
    attempts: (ids, last) =>
      asked(store.attempts(ids, last), (rows) => rows.every(({ batchId }) => ids.includes(batchId))),
    listAudit: (query) =>
      asked(store.listAudit(query), (rows) => rows.every(({ id }) => query.before === undefined || id < query.before)),
    claim: (id, owner, leaseMs) =>
      asked(
        store.claim(id, owner, leaseMs),
        (claimed) => claimed === null || (claimed.batch.id === id && claimed.batch.owner === owner),
      ),
    claimGroup: (ids, owner, leaseMs) =>
      asked(store.claimGroup(ids, owner, leaseMs), (claimed) =>
        claimed.every(({ batch }) => ids.includes(batch.id) && batch.owner === owner),
      ),
    readChunk: (id, no) => asked(store.readChunk(id, no), (chunk) => chunk === null || chunk.no === no),
    commitChunk: (commit) => asked(store.commitChunk(commit), isWrittenOf(commit.id)),
    commitChunks: (commits) =>
      asked(store.commitChunks(commits), (settled) =>
        settled.every((one, i) => one.status === "rejected" || isWrittenOf(commits[i]?.id ?? 0)(one.value)),
      ),
    move: (move) => asked(store.move(move), isWrittenOf(move.id)),
    laneState: (lane) =>
      asked(store.laneState(lane), (state) => state?.clientId === lane.clientId && state.lane === lane.lane),
    fronts: (ids) => asked(store.fronts(ids), (rows) => rows.every(({ id }) => ids.includes(id))),
    skipBatch: (skip) => asked(store.skipBatch(skip), isWrittenOf(skip.id)),
    errors: (id, after, limit, maxBytes) =>
      asked(store.errors(id, after, limit, maxBytes), (rows) => rows.every(({ seq }) => seq > after)),
    refused: (id, numbers) => asked(store.refused(id, numbers), areAmong(numbers)),
    errorsOf: (id, numbers) => asked(store.errorsOf(id, numbers), areAmong(numbers)),
    records: (id, after, limit, maxBytes) =>
      asked(store.records(id, after, limit, maxBytes), (rows) => rows.every(({ seq }) => seq > after)),
  };
}

const areAmong = (numbers: readonly number[]) => {
  const known = new Set(numbers);
  return (rows: readonly { seq: number }[]) => rows.every(({ seq }) => known.has(seq));
};

const isListed = (row: BatchRow, { clientId, dataset, state, before }: Parameters<BatchStore["list"]>[0]): boolean =>
  (clientId === undefined || row.clientId === clientId) &&
  (dataset === undefined || row.dataset === dataset) &&
  (state === undefined || row.state === state) &&
  (before === undefined || row.id < before);

const isWalked = (row: BatchRow, { clientId, states }: BatchWalk["filter"], { after, before }: IdsBetween): boolean =>
  (clientId === undefined || row.clientId === clientId) &&
  states.includes(row.state) &&
  row.id > after &&
  row.id < before;

type Found = Model & { constructor: ModelStatic<Model> };

/** The plain conditions of a query (`column = value`), with the names that the model has for the columns. */
function valuesOf({ constructor: { rawAttributes } }: Found, where: object): [name: string, value: unknown][] {
  const names = new Map(Object.entries(rawAttributes).map(([name, { field = name }]) => [field, name]));
  return Object.entries(where)
    .filter(([, value]) => typeof value === "string" || typeof value === "number")
    .map(([column, value]) => [names.get(column) ?? column, value]);
}

const distrusts = new WeakMap<Sequelize, () => void>();

/** The error for model rows that belong to another query. Also marks the connections that are open now as unusable. */
export function mismatchIn(sequelize: Sequelize): MismatchedAnswer {
  distrusts.get(sequelize)?.();
  return new MismatchedAnswer();
}

/** Checks what Sequelize's find methods return: each row must have the values of the query. */
export function verifyFound(sequelize: Sequelize, distrust: () => void): void {
  distrusts.set(sequelize, distrust);
  sequelize.addHook("afterFind", (found: unknown, { where = {} }: { where?: object }) => {
    const rows = [found].flat().filter((row): row is Found => row instanceof Model);
    const isAsked = (row: Found) =>
      valuesOf(row, where).every(([name, value]) => String(row.get(name)) === String(value));
    if (!rows.every(isAsked)) throw mismatchIn(sequelize);
  });
}
