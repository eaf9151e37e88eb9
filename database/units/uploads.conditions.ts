/** The conditions under which an upload may be committed (key, content, quota), and the steps that store its key and content. */
import type { UploadCommit } from "../../services/imports/imports.domain.ts";
import { newBatchAnswer } from "../idempotency.ts";
import { jsonOrNull } from "../rows.ts";
import { batch, clientUsage, contentKey, idempotencyKey } from "../schema/tables.ts";
import type { DueShape, EventShape } from "./outcome.ts";
import { gather, insert, lock, rowSet, type Step, update, upsert } from "./steps.ts";
import { CHECKED, KEY_IS_FREE, TODAY } from "./uploads.checks.ts";

/** The parts of a commit on which the SQL text depends. */
export interface Shape {
  isNew: boolean;
  hasKey: boolean;
  hasDedup: boolean;
  /** The amounts that the quota limits. Null: there is no quota. */
  quota: ("bytes" | "records")[] | null;
  isReady: boolean;
  /**
   * The batch's place in its lane. `next`: the commit is refused unless the lane has given exactly `:places` places.
   * `last`: any next place will do. Null: the batch keeps no order.
   */
  place: "next" | "last" | null;
  hasEnded: boolean;
  isIntoTable: boolean;
  /** The commit is of a batch that was only checked before (`validateOnly`). */
  isChecked: boolean;
  /** The upload is only checked: its content is compared with earlier ones, but its content key is not stored. */
  isCheck: boolean;
  due: DueShape;
  chunks: number;
  events: EventShape[];
  hasAudit: boolean;
}

/** The condition that an upload still belongs to its node. Taking it away raises the fence. */
export const OURS = "batch.id = :id AND batch.state = 'receiving' AND batch.fence = 0";

export const oursOf = ({ isChecked }: Shape): string => (isChecked ? CHECKED : OURS);

/** A redundant condition. It makes SQL Server find the row by its key, whatever its statistics say. */
export const ofClient = (table: string) => `${table}.client_id = :clientId`;

/** The conditions under which a commit may write. A receiving row already holds its key. */
export const conditionsOf = ({ isNew, hasKey, hasDedup, quota }: Shape): string[] => [
  ...(hasKey && isNew ? [KEY_IS_FREE] : []),
  ...(hasDedup
    ? ["NOT EXISTS (SELECT 1 FROM content_key AS c WHERE c.client_id = :clientId AND c.hash = :knownBy)"]
    : []),
  ...(quota ?? []).map((what) => `${spent[what]} <= ${most[what]}`),
];
const spent = { bytes: ":spentBytes", records: ":spentRecords" };
const most = { bytes: ":mostBytes", records: ":mostRecords" };

/** The step that answers a row if the commit may write. Locks the batch before the usage, as all units do. */
export function allowed(shape: Shape): Step {
  const hasPlace = shape.place ? ["EXISTS (SELECT 1 FROM entry)"] : [];
  if (!shape.isNew)
    return lock(batch, {
      where: [oursOf(shape), ...conditionsOf(shape), ...hasPlace].join(" AND "),
      into: rowSet("allowed", batch, ["clientId"]),
    });
  const conditions = [...conditionsOf(shape), ...hasPlace];
  const where = conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : "";
  return gather(clientUsage, {
    select: `SELECT :clientId AS client_id${where}`,
    into: rowSet("allowed", clientUsage, ["clientId"]),
  });
}

/** The step that adds the upload to today's usage, if the quota allows it. The lock of the row makes the check exact. */
export const quotaStep = (bounded: ("bytes" | "records")[]): Step =>
  upsert(clientUsage, {
    key: ["client_id", "day"],
    values: { client_id: "allowed.client_id", day: TODAY, bytes: ":spentBytes", records: ":spentRecords" },
    from: "allowed",
    update: ["bytes", "records"],
    adds: true,
    where: [
      ofClient("client_usage"),
      ...bounded.map((what) => `client_usage.${what} + ${spent[what]} <= ${most[what]}`),
    ].join(" AND "),
    into: rowSet("spent", clientUsage, ["clientId"]),
  });

/** The start of the JSON of `newBatchAnswer`. `ANSWER` appends the values that only the database knows. */
export const answerPrefix = (
  { state, reason, phase }: Pick<UploadCommit, "state" | "reason" | "phase">,
  chunks: number,
) => newBatchAnswer({ state, reason: jsonOrNull(reason), phase, chunks }).slice(0, -"}}".length);
const untilNow = { dueAt: "due_at", version: "version", readyAt: "ready_at", finishedAt: "finished_at" };
const ANSWER = `CONCAT(:answer, ${Object.entries(untilNow)
  .map(
    ([name, column]) =>
      `',"${name}":', CASE WHEN made.${column} IS NULL THEN 'null' ELSE CONCAT(made.${column}, '') END`,
  )
  .join(", ")}, '}}')`;

/** The steps that store the batch's idempotency key and content key. */
export function keySteps({ isNew, hasKey, hasDedup, isCheck }: Shape): Step[] {
  const until = ":now + :keepKeyMs";
  const names = { client_id: "made.client_id", batch_id: "made.id" };
  const key = isNew
    ? insert(idempotencyKey, {
        values: { ...names, key: ":key", fingerprint: ":fingerprint", answer: ANSWER, expires_at: until },
        from: "made",
      })
    : update(idempotencyKey, {
        set: `fingerprint = :fingerprint, answer = ${ANSWER}, expires_at = ${until}`,
        from: "made",
        where: "idempotency_key.batch_id = :id AND idempotency_key.answer IS NULL",
      });
  const content = insert(contentKey, {
    values: { ...names, hash: ":knownBy", expires_at: ":now + :keepContentMs" },
    from: "made",
  });
  return [...(hasKey ? [key] : []), ...(hasDedup && !isCheck ? [content] : [])];
}
