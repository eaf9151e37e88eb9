import { decided } from "../../../decided.ts";
import type { UploadCommit, UploadOutcome } from "../../../store.ts";
import type { Repeats } from "../../../units/repeats.ts";
import {
  chunkSteps,
  type Deciding,
  deciding,
  dueAt,
  hasEnded,
  IDENTITY,
  IDS,
  IDS_OF_MADE,
  INTO_MADE,
  identity,
  jsonOrNull,
  outboxSteps,
  Params,
  type RawWritten,
  written,
  writtenUnit,
} from "../rows.ts";
import { big, hash, int, name, type Sql, text, uuid } from "../sql.ts";
import { ARRIVED, insertQueue } from "./fairness.ts";
import { freeConditions, repeatSteps, spend } from "./repeats.ts";
import { freeWork } from "./work.ts";

/** An upload belongs to its node as long as it is this; taking it away raises the fence. */
const OURS = "state = 'receiving' AND fence = 0";

export async function commitUpload(
  sql: Sql,
  commit: UploadCommit,
  { whyNot, clearStale }: Repeats,
): Promise<UploadOutcome> {
  const params = new Params();
  const text = commitText(commit, params);
  return decided<UploadOutcome, UploadOutcome>(
    async () => {
      const done = written(await sql.get<RawWritten>(text, params.all), commit.events);
      return done && { outcome: "stored", ...done };
    },
    () => whyNot(commit),
    () => clearStale(commit),
  );
}

/** One batch. What a quota refuses is undone as a whole: its row is locked after all that stands before it in the order. */
function commitText(commit: UploadCommit, params: Params): string {
  const { id, queue } = commit;
  const free = freeConditions(commit, params);
  const steps: (string | Deciding)[] = [
    deciding(id === null ? insertWhole(commit, free, params) : finish(id, commit, free, params)),
    IDS_OF_MADE,
    ...(id === null ? [] : [freeWork("@id")]),
    insertQueue("@client", params.add(int(queue.cap), "cap"), params.add(int(queue.weight), "weight")),
    ...(commit.state === "ready" ? [ARRIVED] : []),
    ...repeatSteps(commit, params),
    ...spend(commit, params),
    ...chunkSteps(commit.chunks, "@id", params),
    ...outboxSteps(commit.events, params),
  ];
  return writtenUnit(commit.events, { declared: IDS, steps });
}

/** What both ways into the table set, by column. */
function outcome({ state, due, reason, phase, totals, parent }: UploadCommit, params: Params): Record<string, string> {
  return {
    state: params.add(name(state), "state"),
    due_at: dueAt(due, params),
    reason: params.add(text(jsonOrNull(reason)), "reason"),
    phase: params.add(name(phase), "phase"),
    bytes: params.add(big(totals.bytes), "bytes"),
    records: params.add(big(totals.records), "records"),
    chunks: params.add(int(totals.chunks), "chunks"),
    content_hash: params.add(hash(totals.contentHash), "contentHash"),
    envelope: params.add(text(JSON.stringify(totals.envelope)), "envelope"),
    ready_at: state === "ready" ? "@now" : "NULL",
    parent_id: params.add(big(parent?.id ?? null), "parentId"),
    retry_of: params.add(uuid(parent?.publicId ?? null), "retryOf"),
    finished_at: hasEnded(state) ? "@now" : "NULL",
  };
}

function insertWhole(commit: UploadCommit, free: string[], params: Params): string {
  const columns = outcome(commit, params);
  for (const column of ["next_chunk", "accepted", "rejected", "duplicate", "fence", "attempt", "attempts_total"])
    columns[column] = "0";
  const where = free.length > 0 ? `\nWHERE ${free.join(" AND ")}` : "";
  return `INSERT INTO batch (${IDENTITY}, created_at, version, ${Object.keys(columns).join(", ")})
${INTO_MADE}
SELECT ${identity(commit.batch, params)}, @now, 1, ${Object.values(columns).join(", ")}${where}`;
}

function finish(id: number, commit: UploadCommit, free: string[], params: Params): string {
  const sets = Object.entries(outcome(commit, params)).map(([column, value]) => `${column} = ${value}`);
  const ours = [`id = ${params.add(big(id), "receiving")}`, OURS, ...free];
  return `UPDATE batch SET ${sets.join(", ")}, version = version + 1\n${INTO_MADE}\nWHERE ${ours.join(" AND ")}`;
}
