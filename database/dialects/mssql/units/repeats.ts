/** What is sent again: keys, contents, and what a client has sent today. Keys of uploads have no blank at their end, which T-SQL would not see. */
import { answerOf, keptMade, keptWhole } from "../../../answers.ts";
import { CAME_TO_NOTHING, decided, refusalOf } from "../../../decided.ts";
import { LIVE } from "../../../rows.ts";
import type { DayUsage, KeyHolder, UploadAnswer, UploadCommit, UploadKey, UploadOutcome } from "../../../store.ts";
import {
  AT_NOW,
  batchColumns,
  batchRow,
  type Deciding,
  jsonOrNull,
  liveColumns,
  type Params,
  type RawBatch,
} from "../rows.ts";
import { big, hash, name, type Sql, text } from "../sql.ts";

const DAY_MS = 86_400_000;
const TODAY = `CAST(@now / ${DAY_MS} AS INT)`;

/** What must be so for a commit to write: no holder of its key, none of its content. */
export function freeConditions({ id, key, dedup, batch, totals }: UploadCommit, params: Params): string[] {
  const conditions: string[] = [];
  // A receiving row has the key already.
  if (key && id === null)
    conditions.push(keyIsFree(params.add(big(batch.clientId), "clientId"), params.add(name(key.key), "key")));
  if (dedup)
    conditions.push(`NOT EXISTS (SELECT 1 FROM content_key AS c
  WHERE c.client_id = ${params.add(big(batch.clientId), "clientId")} AND c.hash = ${params.add(hash(totals.contentHash), "contentHash")})`);
  return conditions;
}

export const keyIsFree = (client: string, key: string) =>
  `NOT EXISTS (SELECT 1 FROM idempotency_key AS k WHERE k.client_id = ${client} AND k."key" = ${key})`;

/** Today's usage with this upload, where the quota holds it. Its row's lock makes it exact. */
export function spend({ totals, quota }: UploadCommit, params: Params): Deciding[] {
  if (!quota) return [];
  const [bytes, records] = [params.add(big(totals.bytes), "bytes"), params.add(big(totals.records), "records")];
  const most = [
    ...(quota.bytes === null
      ? []
      : [{ column: "bytes", own: bytes, limit: params.add(big(quota.bytes), "mostBytes") }]),
    ...(quota.records === null
      ? []
      : [{ column: "records", own: records, limit: params.add(big(quota.records), "mostRecords") }]),
  ];
  const andWithin = (used: (column: string) => string) =>
    most.map(({ column, own, limit }) => ` AND ${used(column)} + ${own} <= ${limit}`).join("");
  return [
    {
      decides: `UPDATE client_usage SET bytes = bytes + ${bytes}, records = records + ${records}
WHERE client_id = @client AND day = ${TODAY}${andWithin((column) => column)};
SET @held = @@ROWCOUNT;
IF @held = 0
BEGIN
INSERT INTO client_usage (client_id, day, bytes, records)
SELECT @client, ${TODAY}, ${bytes}, ${records}
WHERE NOT EXISTS (SELECT 1 FROM client_usage WHERE client_id = @client AND day = ${TODAY})${andWithin(() => "0")};
SET @held = @@ROWCOUNT;
END;`,
    },
  ];
}

const untilNow = { dueAt: "due_at", version: "version", readyAt: "ready_at", finishedAt: "finished_at" };

/** The answer of `keptMade`: what only the database knows joins the text that is known before. */
function answerOfMade({ state, reason, phase, totals }: UploadCommit, params: Params): string {
  const known = keptMade({ state, reason: jsonOrNull(reason), phase, chunks: totals.chunks }).slice(0, -"}}".length);
  const numbers = Object.entries(untilNow).map(
    ([key, column]) => `',"${key}":', COALESCE(CAST(made.${column} AS NVARCHAR(20)), 'null')`,
  );
  return `CONCAT(${[params.add(text(known), "answer"), ...numbers, "'}}'"].join(", ")})`;
}

/** What makes the batch `@id` of `@client` known again. */
export function repeatSteps(commit: UploadCommit, params: Params): string[] {
  const { id, key, dedup, totals } = commit;
  const steps: string[] = [];
  if (key) {
    const fingerprint = params.add(hash(key.fingerprint), "fingerprint");
    const until = `@now + ${params.add(big(key.keepMs), "keepKey")}`;
    const answer = answerOfMade(commit, params);
    steps.push(
      id === null
        ? `INSERT INTO idempotency_key (client_id, "key", fingerprint, batch_id, answer, expires_at)
SELECT @client, ${params.add(name(key.key), "key")}, ${fingerprint}, @id, ${answer}, ${until} FROM @made AS made`
        : `UPDATE idempotency_key SET fingerprint = ${fingerprint}, answer = (SELECT ${answer} FROM @made AS made), expires_at = ${until}
WHERE batch_id = @id AND answer IS NULL`,
    );
  }
  if (dedup)
    steps.push(`INSERT INTO content_key (client_id, hash, batch_id, expires_at)
VALUES (@client, ${params.add(hash(totals.contentHash), "contentHash")}, @id, @now + ${params.add(big(dedup.keepMs), "keepContent")})`);
  return steps;
}

/** Why a commit wrote nothing, if that is still so. */
export const whyNot = (sql: Sql, commit: UploadCommit): Promise<UploadOutcome | null> =>
  refusalOf(
    {
      isOurs: (id) => isOurs(sql, id),
      keyHolder: (clientId, key) => keyHolder(sql, clientId, key),
      sameContent: (clientId, contentHash) => sameContent(sql, clientId, contentHash),
      usage: (clientId) => usage(sql, clientId),
    },
    commit,
  );

const isOurs = async (sql: Sql, id: number) =>
  (await sql.get(`SELECT id AS "id" FROM batch WHERE id = @id AND state = 'receiving' AND fence = 0;`, {
    id: big(id),
  })) !== undefined;

async function sameContent(sql: Sql, clientId: number, contentHash: string) {
  const raw = await sql.get<RawBatch>(
    `${AT_NOW}
SELECT ${liveColumns} FROM ${LIVE} WHERE batch.state NOT IN ${CAME_TO_NOTHING} AND batch.id =
  (SELECT batch_id FROM content_key WHERE client_id = @client AND hash = @hash AND expires_at > @now);`,
    { client: big(clientId), hash: hash(contentHash) },
  );
  return raw ? batchRow(raw) : null;
}

/** Deletes what stands in a commit's way and holds nothing any more. */
export async function clearStale(sql: Sql, { key, dedup, batch, totals }: UploadCommit): Promise<void> {
  if (key) await clearKey(sql, batch.clientId, key.key);
  if (dedup) await sql.all(CLEAR_CONTENT, { client: big(batch.clientId), hash: hash(totals.contentHash) });
}

/** The batch is looked at before the key is locked, never while it is: elsewhere the batch is locked first. */
const CLEAR_CONTENT = `${AT_NOW}
DECLARE @stale BIGINT;
SELECT @stale = b.id FROM content_key AS c JOIN batch AS b ON b.id = c.batch_id
WHERE c.client_id = @client AND c.hash = @hash AND b.state IN ${CAME_TO_NOTHING};
DELETE FROM content_key WHERE client_id = @client AND hash = @hash AND (expires_at <= @now OR batch_id = @stale);`;

const CLEAR_KEY = `${AT_NOW}
DECLARE @stale BIGINT;
SELECT @stale = k.batch_id FROM idempotency_key AS k
WHERE k.client_id = @client AND k."key" = @key AND NOT EXISTS (SELECT 1 FROM batch AS b WHERE b.id = k.batch_id);
DELETE FROM idempotency_key
WHERE client_id = @client AND "key" = @key AND answer IS NOT NULL AND (expires_at <= @now OR batch_id = @stale);`;

export async function clearKey(sql: Sql, clientId: number, key: string): Promise<void> {
  await sql.all(CLEAR_KEY, { client: big(clientId), key: name(key) });
}

interface RawKey {
  batchId: number | null;
  fingerprint: Buffer;
  answer: string | null;
}

export async function keyHolder(sql: Sql, clientId: number, key: string): Promise<KeyHolder | null> {
  const raw = await sql.get<RawKey>(
    `${AT_NOW}
SELECT batch_id AS "batchId", fingerprint AS "fingerprint", answer AS "answer" FROM idempotency_key
WHERE client_id = @client AND "key" = @key AND (expires_at > @now OR answer IS NULL);`,
    { client: big(clientId), key: name(key) },
  );
  if (!raw) return null;
  if (raw.answer === null) return { state: "running" };
  const batch = await sql.get<RawBatch>(`SELECT ${batchColumns()} FROM batch WHERE id = @id;`, {
    id: big(raw.batchId),
  });
  const answer = answerOf(raw.answer, batch, batchRow);
  return answer && { state: "done", fingerprint: raw.fingerprint.toString("hex"), answer };
}

export async function heldBy(sql: Sql, clientId: number, key: string): Promise<{ holder: KeyHolder } | null> {
  const holder = await keyHolder(sql, clientId, key);
  return holder && { holder };
}

const ANSWERED = `SET @held = @@ROWCOUNT;
SELECT @held AS "held" WHERE @held = 1;`;
const ANSWER_OURS = `${AT_NOW}
DECLARE @held INT;
UPDATE idempotency_key SET fingerprint = @fingerprint, answer = @answer, expires_at = @now + @keep, batch_id = NULL
WHERE client_id = @client AND "key" = @key AND batch_id = @id AND answer IS NULL;
${ANSWERED}`;
const ANSWER_NEW = `${AT_NOW}
DECLARE @held INT;
INSERT INTO idempotency_key (client_id, "key", fingerprint, answer, expires_at)
SELECT @client, @key, @fingerprint, @answer, @now + @keep WHERE ${keyIsFree("@client", "@key")};
${ANSWERED}`;

export async function answerKey(
  sql: Sql,
  clientId: number,
  { key, fingerprint, keepMs }: UploadKey & { fingerprint: string },
  id: number | null,
  answer: UploadAnswer,
): Promise<KeyHolder | null> {
  const values = {
    client: big(clientId),
    key: name(key),
    fingerprint: hash(fingerprint),
    answer: text(keptWhole(answer)),
    keep: big(keepMs),
  };
  const write = () => (id === null ? sql.get(ANSWER_NEW, values) : sql.get(ANSWER_OURS, { ...values, id: big(id) }));
  const { holder } = await decided(
    async () => ((await write()) ? { holder: null } : null),
    () => heldBy(sql, clientId, key),
    () => clearKey(sql, clientId, key),
  );
  return holder;
}

export async function usage(sql: Sql, clientId: number): Promise<DayUsage> {
  const row = await sql.get<DayUsage>(
    `${AT_NOW}
SELECT COALESCE(u.bytes, 0) AS "bytes", COALESCE(u.records, 0) AS "records", ${DAY_MS} - @now % ${DAY_MS} AS "msLeft"
FROM (SELECT ${TODAY} AS today) AS one LEFT JOIN client_usage AS u ON u.client_id = @client AND u.day = one.today;`,
    { client: big(clientId) },
  );
  return row as DayUsage;
}
