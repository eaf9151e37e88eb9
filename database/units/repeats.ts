/** What is sent again: keys, contents, and what a client has sent today. */
import { answerOf, keptWhole } from "../answers.ts";
import { CAME_TO_NOTHING, decided, refusalOf, type Standing } from "../decided.ts";
import { batchRow } from "../rows.ts";
import type { Table } from "../schema/table.ts";
import { clientUsage, contentKey, idempotencyKey, recordKey } from "../schema/tables.ts";
import type { BatchStore, DayUsage, KeyHolder, UploadCommit, UploadOutcome } from "../store.ts";
import { oneBatch } from "./batches.ts";
import { insert, remove, removeFirst, select, selectFrom, update } from "./steps.ts";
import type { Units } from "./unit.ts";

const DAY_MS = 86_400_000;
const TODAY = `CAST(:now / ${DAY_MS} AS INT)`;

/** For `insert`: nobody has the key `:key` of the client. */
export const KEY_IS_FREE = `NOT EXISTS (SELECT 1 FROM idempotency_key AS k WHERE k.client_id = :clientId AND k."key" = :key)`;

const KEY = { clientId: "bigint", key: "name" } as const;
const CONTENT = { clientId: "bigint", hash: "hash" } as const;

/** What a commit of an upload asks for that wrote nothing. */
export interface Repeats {
  keyHolder: BatchStore["keyHolder"];
  /** Deletes a key that holds nothing any more. */
  clearKey(clientId: number, key: string): Promise<void>;
  /** Why a commit wrote nothing, if that is still so. */
  whyNot(commit: UploadCommit): Promise<UploadOutcome | null>;
  /** Deletes what stands in a commit's way and holds nothing any more. */
  clearStale(commit: UploadCommit): Promise<void>;
}

export function repeatsOn(on: Units): Repeats {
  const keyHolder = holders(on);
  const standing: Standing = { isOurs: uploads(on), keyHolder, sameContent: contents(on), usage: usageOf(on) };
  const clearKey = keysCleared(on);
  const clearContent = contentsCleared(on);
  return {
    keyHolder,
    clearKey,
    whyNot: (commit) => refusalOf(standing, commit),
    async clearStale({ key, dedup, batch, totals }) {
      if (key) await clearKey(batch.clientId, key.key);
      if (dedup) await clearContent(batch.clientId, totals.contentHash);
    },
  };
}

function holders(on: Units): BatchStore["keyHolder"] {
  const held = on.unit(KEY, () => [
    selectFrom(
      idempotencyKey,
      ["batchId", "fingerprint", "answer"],
      "k",
      `FROM idempotency_key AS k
  WHERE k.client_id = :clientId AND k."key" = :key AND (k.expires_at > :now OR k.answer IS NULL)`,
    ),
  ]);
  const batch = oneBatch(on, { id: "bigint" }, "batch.id = :id");
  return async (clientId, key): Promise<KeyHolder | null> => {
    const raw = await held.row({ clientId, key });
    if (!raw) return null;
    if (raw.answer === null) return { state: "running" };
    const answer = answerOf(raw.answer, await batch.row({ id: raw.batchId }), batchRow);
    return answer && { state: "done", fingerprint: raw.fingerprint as string, answer };
  };
}

function uploads(on: Units): Standing["isOurs"] {
  const ours = on.unit({ id: "bigint" }, () => [
    select<{ id: number }>(
      `SELECT b.id AS "id" FROM batch AS b WHERE b.id = :id AND b.state = 'receiving' AND b.fence = 0`,
    ),
  ]);
  return async (id) => (await ours.row({ id })) !== undefined;
}

function contents(on: Units): Standing["sameContent"] {
  const same = oneBatch(
    on,
    CONTENT,
    `batch.state NOT IN ${CAME_TO_NOTHING} AND batch.id =
  (SELECT c.batch_id FROM content_key AS c WHERE c.client_id = :clientId AND c.hash = :hash AND c.expires_at > :now)`,
  );
  return async (clientId, hash) => {
    const raw = await same.row({ clientId, hash });
    return raw ? batchRow(raw) : null;
  };
}

function usageOf(on: Units): BatchStore["usage"] {
  const used = on.unit({ clientId: "bigint" }, () => [
    select<DayUsage>(
      `SELECT COALESCE(u.bytes, 0) AS "bytes", COALESCE(u.records, 0) AS "records", ${DAY_MS} - :now % ${DAY_MS} AS "msLeft"
  FROM (SELECT ${TODAY} AS today) AS one LEFT JOIN client_usage AS u ON u.client_id = :clientId AND u.day = one.today`,
    ),
  ]);
  return async (clientId) => (await used.row({ clientId })) as DayUsage;
}

/** The batch is looked at before the key is locked, never while it is: elsewhere the batch is locked first. */
function keysCleared(on: Units): Repeats["clearKey"] {
  const gone = on.unit(KEY, () => [
    select<{ batchId: number }>(`SELECT k.batch_id AS "batchId" FROM idempotency_key AS k
  WHERE k.client_id = :clientId AND k."key" = :key AND NOT EXISTS (SELECT 1 FROM batch AS b WHERE b.id = k.batch_id)`),
  ]);
  const clear = on.unit({ ...KEY, stale: "bigint" }, () => [
    remove(idempotencyKey, {
      where: `client_id = :clientId AND "key" = :key AND answer IS NOT NULL AND (expires_at <= :now OR batch_id = :stale)`,
    }),
  ]);
  return async (clientId, key) => {
    const stale = (await gone.row({ clientId, key }))?.batchId ?? null;
    await clear.changed({ clientId, key, stale });
  };
}

function contentsCleared(on: Units): (clientId: number, hash: string) => Promise<void> {
  const gone = on.unit(CONTENT, () => [
    select<{ batchId: number }>(`SELECT b.id AS "batchId" FROM content_key AS c JOIN batch AS b ON b.id = c.batch_id
  WHERE c.client_id = :clientId AND c.hash = :hash AND b.state IN ${CAME_TO_NOTHING}`),
  ]);
  const clear = on.unit({ ...CONTENT, stale: "bigint" }, () => [
    remove(contentKey, {
      where: "client_id = :clientId AND hash = :hash AND (expires_at <= :now OR batch_id = :stale)",
    }),
  ]);
  return async (clientId, hash) => {
    const stale = (await gone.row({ clientId, hash }))?.batchId ?? null;
    await clear.changed({ clientId, hash, stale });
  };
}

function answers(on: Units, { keyHolder, clearKey }: Repeats): BatchStore["answerKey"] {
  const params = { ...KEY, fingerprint: "hash", answer: "text", keepMs: "bigint", id: "bigint" } as const;
  const ours = on.unit(params, () => [
    update(idempotencyKey, {
      set: "fingerprint = :fingerprint, answer = :answer, expires_at = :now + :keepMs, batch_id = NULL",
      where: `client_id = :clientId AND "key" = :key AND batch_id = :id AND answer IS NULL`,
    }),
  ]);
  const another = on.unit(params, () => [
    insert(idempotencyKey, {
      values: {
        client_id: ":clientId",
        key: ":key",
        fingerprint: ":fingerprint",
        answer: ":answer",
        expires_at: ":now + :keepMs",
      },
      where: KEY_IS_FREE,
    }),
  ]);
  return async (clientId, upload, id, answer) => {
    const { key } = upload;
    const values = { clientId, ...upload, answer: keptWhole(answer), id };
    const { holder } = await decided(
      async () => ((await (id === null ? another : ours).changed(values)) > 0 ? { holder: null } : null),
      () => heldBy(keyHolder, clientId, key),
      () => clearKey(clientId, key),
    );
    return holder;
  };
}

export async function heldBy(keyHolder: BatchStore["keyHolder"], clientId: number, key: string) {
  const holder = await keyHolder(clientId, key);
  return holder && { holder };
}

export function repeatUnits(
  on: Units,
  repeats: Repeats,
): Pick<BatchStore, "forgetRepeats" | "keyHolder" | "answerKey" | "usage"> {
  // In the order of age, which an index gives, so that a piece costs no more than its rows.
  const forgetting = (table: Table, key: string[], order: string, where: string) =>
    on.unit({ limit: "int" }, () => [removeFirst(table, { key, where, order, limit: ":limit" })]);
  const all = [
    forgetting(idempotencyKey, ["client_id", '"key"'], "expires_at", "expires_at <= :now AND answer IS NOT NULL"),
    forgetting(contentKey, ["client_id", "hash"], "expires_at", "expires_at <= :now"),
    forgetting(recordKey, ["client_id", "key_hash"], "ends_at", "ends_at <= :now"),
    forgetting(clientUsage, ["client_id", "day"], "day", `day < ${TODAY} - 1`),
  ];
  return {
    keyHolder: repeats.keyHolder,
    answerKey: answers(on, repeats),
    usage: usageOf(on),
    async forgetRepeats(limit) {
      let isDone = true;
      for (const forget of all) if ((await forget.changed({ limit })) >= limit) isDone = false;
      return isDone;
    },
  };
}
