/** What is sent again: keys, contents, and what a client has sent today. Keys of uploads have no blank at their end, which T-SQL would not see. */
import { keptMade } from "../../../answers.ts";
import type { UploadCommit } from "../../../store.ts";
import { type Deciding, jsonOrNull, type Params } from "../rows.ts";
import { big, hash, name, text } from "../sql.ts";

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
