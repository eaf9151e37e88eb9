/** What an upload is checked against: idempotency keys, contents of earlier batches (dedup), and the client's daily quota. */

import type { Removed } from "../../services/batch/batch.reads.domain.ts";
import type { DayUsage, KeyHolder, UploadCommit, UploadOutcome } from "../../services/imports/imports.domain.ts";
import { readAnswer, wholeAnswer } from "../idempotency.ts";
import { batchRow, notHeld } from "../rows.ts";
import type { Table } from "../schema/table.ts";
import { clientUsage, contentKey, idempotencyKey, recordKey } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { type RefusalReads, UNSUCCESSFUL, uploadRefusal, writtenOrRefused } from "../upload-refusal.ts";
import { oneBatch } from "./batches.ts";
import { insert, remove, removeFirst, select, selectFrom, update } from "./steps.ts";
import type { Units } from "./unit.ts";

const DAY_MS = 86_400_000;
export const TODAY = `CAST(:now / ${DAY_MS} AS INT)`;

/**
 * The condition that a checked batch has not changed since it was read, and that retention does not yet delete its
 * body.
 */
export const CHECKED =
  "batch.id = :id AND batch.state = 'validated' AND batch.version = :version AND batch.chunks > 0 AND batch.due_at > :now";

/** The condition that no upload of the client has the idempotency key `:key`. */
export const KEY_IS_FREE = `NOT EXISTS (SELECT 1 FROM idempotency_key AS k WHERE k.client_id = :clientId AND k."key" = :key)`;

const KEY = { clientId: "bigint", key: "name" } as const;
const CONTENT = { clientId: "bigint", hash: "hash" } as const;

/** The units to use when the commit of an upload has written nothing. */
export interface UploadChecks {
  keyHolder: BatchStore["keyHolder"];
  /** Deletes an idempotency key that has expired or whose batch is deleted. */
  clearKey(clientId: number, key: string): Promise<void>;
  /** Why a commit wrote nothing. Null: no reason holds any more. */
  refusal(commit: UploadCommit): Promise<UploadOutcome | null>;
  /** Deletes expired keys that would make the commit fail. */
  clearExpired(commit: UploadCommit): Promise<void>;
}

export function uploadChecks(on: Units): UploadChecks {
  const keyHolder = holders(on);
  const reads: RefusalReads = {
    isOurs: uploads(on),
    keyHolder,
    sameContent: contents(on),
    usage: usageOf(on),
    placesOf: places(on),
  };
  const clearKey = keysCleared(on);
  const clearContent = contentsCleared(on);
  return {
    keyHolder,
    clearKey,
    refusal: (commit) => uploadRefusal(reads, commit),
    async clearExpired({ key, dedup, batch, totals }) {
      if (key) await clearKey(batch.clientId, key.key);
      if (dedup) await clearContent(batch.clientId, dedup.hash ?? totals.contentHash);
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
    const answer = readAnswer(raw.answer, await batch.row({ id: raw.batchId }), batchRow);
    return answer && { state: "done", fingerprint: raw.fingerprint as string, answer };
  };
}

function uploads(on: Units): RefusalReads["isOurs"] {
  const checkedOne = on.unit({ id: "bigint", version: "bigint" }, () => [
    select<{ id: number }>(`SELECT batch.id AS "id" FROM batch WHERE ${CHECKED}`),
  ]);
  const ours = on.unit({ id: "bigint" }, () => [
    select<{ id: number }>(
      `SELECT b.id AS "id" FROM batch AS b WHERE b.id = :id AND b.state = 'receiving' AND b.fence = 0`,
    ),
  ]);
  return async (id, checked) =>
    (await (checked ? checkedOne.row({ id, version: checked.version }) : ours.row({ id }))) !== undefined;
}

function contents(on: Units): RefusalReads["sameContent"] {
  const same = oneBatch(
    on,
    CONTENT,
    `batch.state NOT IN ${UNSUCCESSFUL} AND batch.id =
  (SELECT c.batch_id FROM content_key AS c WHERE c.client_id = :clientId AND c.hash = :hash AND c.expires_at > :now)`,
  );
  return async (clientId, hash) => {
    const raw = await same.row({ clientId, hash });
    return raw ? batchRow(raw) : null;
  };
}

function places(on: Units): RefusalReads["placesOf"] {
  const given = on.unit({ clientId: "bigint", lane: "name" }, () => [
    select<{ places: number }>(
      `SELECT l.places AS "places" FROM order_lane AS l WHERE l.client_id = :clientId AND l.lane = :lane`,
    ),
  ]);
  return async (clientId, lane) => (await given.row({ clientId, lane }))?.places ?? 0;
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

/** Reads the batch before it locks the key: all other units lock the batch first, so the other order could deadlock. */
function keysCleared(on: Units): UploadChecks["clearKey"] {
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
  WHERE c.client_id = :clientId AND c.hash = :hash AND b.state IN ${UNSUCCESSFUL}`),
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

function answers(on: Units, { keyHolder, clearKey }: UploadChecks): BatchStore["answerKey"] {
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
    const values = { clientId, ...upload, answer: wholeAnswer(answer), id };
    const { holder } = await writtenOrRefused(
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

export function keyAndQuotaUnits(
  on: Units,
  checks: UploadChecks,
): Pick<BatchStore, "forgetExpiredKeys" | "keyHolder" | "answerKey" | "usage"> {
  // `order` is the column of an index, so the database reads only the rows that a piece deletes.
  const forgetting = (table: Table, key: string[], order: string, where: string) => ({
    table: table.name as Parameters<Removed>[0],
    unit: on.unit({ limit: "int" }, () => [
      removeFirst(table, { key, where, and: notHeld(`${table.name}.client_id`), order, limit: ":limit" }),
    ]),
  });
  const all = [
    forgetting(idempotencyKey, ["client_id", '"key"'], "expires_at", "expires_at <= :now AND answer IS NOT NULL"),
    forgetting(contentKey, ["client_id", "hash"], "expires_at", "expires_at <= :now"),
    forgetting(recordKey, ["client_id", "key_hash"], "ends_at", "ends_at <= :now"),
    forgetting(clientUsage, ["client_id", "day"], "day", `day < ${TODAY} - 1`),
  ];
  return {
    keyHolder: checks.keyHolder,
    answerKey: answers(on, checks),
    usage: usageOf(on),
    async forgetExpiredKeys(limit, removed) {
      let isDone = true;
      for (const { table, unit } of all) {
        const gone = await unit.changed({ limit });
        removed?.(table, gone);
        if (gone >= limit) isDone = false;
      }
      return isDone;
    },
  };
}
