/**
 * Answers that belong to another question: a driver or a proxy that lost count on a connection gives each question the answer
 * of the one before it. A row says of itself what it is, so it is looked at before anybody trusts it.
 */
import { Model, type ModelStatic, type Sequelize } from "sequelize";
import { BrokenLink } from "./errors.ts";
import type { BatchRow, BatchStore, Written } from "./store.ts";

/** `store`, whose rows are those that were asked for. `distrust` is called where one is not: a connection has to go. */
export function verified(store: BatchStore, distrust: () => void): BatchStore {
  /** The answer, if `isOf` says that it is that of the question. Throws BrokenLink. */
  async function asked<T>(answer: Promise<T>, isOf: (answer: T) => boolean): Promise<T> {
    try {
      const given = await answer;
      if (isOf(given)) return given;
      throw new BrokenLink();
    } catch (error) {
      if (error instanceof BrokenLink) distrust();
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
    changed: (seen) =>
      asked(store.changed(seen), (rows) => {
        const ids = new Set(seen.map(({ publicId }) => publicId));
        return all(rows, ({ publicId }) => ids.has(publicId));
      }),
    attempts: (ids, last) =>
      asked(store.attempts(ids, last), (rows) => rows.every(({ batchId }) => ids.includes(batchId))),
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
    errors: (id, after, limit, maxBytes) =>
      asked(store.errors(id, after, limit, maxBytes), (rows) => rows.every(({ seq }) => seq > after)),
    records: (id, after, limit, maxBytes) =>
      asked(store.records(id, after, limit, maxBytes), (rows) => rows.every(({ seq }) => seq > after)),
  };
}

const isListed = (row: BatchRow, { clientId, state, before }: Parameters<BatchStore["list"]>[0]): boolean =>
  (clientId === undefined || row.clientId === clientId) &&
  (state === undefined || row.state === state) &&
  (before === undefined || row.id < before);

type Found = Model & { constructor: ModelStatic<Model> };

/** Column by column what a query asks for as it is, by the names that the model has for them. */
function valuesOf({ constructor: { rawAttributes } }: Found, where: object): [name: string, value: unknown][] {
  const names = new Map(Object.entries(rawAttributes).map(([name, { field = name }]) => [field, name]));
  return Object.entries(where)
    .filter(([, value]) => typeof value === "string" || typeof value === "number")
    .map(([column, value]) => [names.get(column) ?? column, value]);
}

const distrusts = new WeakMap<Sequelize, () => void>();

/** What is thrown where a model's rows are others than were asked for: from here on no connection that is open now is used. */
export function brokenLinkOf(sequelize: Sequelize): BrokenLink {
  distrusts.get(sequelize)?.();
  return new BrokenLink();
}

/** The same for what Sequelize finds: a row has the values that were asked for. */
export function verifyFound(sequelize: Sequelize, distrust: () => void): void {
  distrusts.set(sequelize, distrust);
  sequelize.addHook("afterFind", (found: unknown, { where = {} }: { where?: object }) => {
    const rows = [found].flat().filter((row): row is Found => row instanceof Model);
    const isAsked = (row: Found) =>
      valuesOf(row, where).every(([name, value]) => String(row.get(name)) === String(value));
    if (!rows.every(isAsked)) throw brokenLinkOf(sequelize);
  });
}
