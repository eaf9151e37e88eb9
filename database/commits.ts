/** The rows that the commit of a chunk sends to the server as JSON: the same for PostgreSQL and SQL Server. */
import { storedFaults } from "../formats/check/fault-bounds.ts";
import type { ChunkCommit } from "../services/batch/batch.writes.domain.ts";
import type { OutboxDraft } from "../services/outbox/outbox.domain.ts";
import { groupRows } from "./error-groups.ts";
import { errorRows, hasEnded, jsonOrNull } from "./rows.ts";

/** The counts and the outcome of a commit, as one row. Texts, keys, errors and events are sent separately. */
export const commitRow = (commit: ChunkCommit, n: number) => {
  const { end, counts, next } = commit;
  return {
    n,
    id: commit.id,
    fence: commit.fence,
    chunk: commit.chunk,
    next_chunk: next.chunk,
    phase: next.phase,
    ...counts,
    faults: storedFaults(commit),
    unlisted: commit.unlisted.length,
    lease: commit.leaseMs,
    key_kept: commit.unique?.keepMs ?? null,
    ends: end !== null,
    state: end?.state ?? null,
    reason: end && jsonOrNull(end.reason),
    due_at: end?.due && "at" in end.due ? end.due.at : null,
    due_in: end?.due && "inMs" in end.due ? end.due.inMs : null,
    has_ended: end !== null && hasEnded(end.state),
    purge: end?.purge === true,
  };
};

/** The rows of `record_error`. `of`: the position of the row's commit in `commits`. */
export const faultRows = (commits: ChunkCommit[]) =>
  commits.flatMap((commit, of) =>
    commit.errors.flatMap((rejected) => errorRows(commit, rejected)).map((row) => ({ of, ...row })),
  );

export const eventsOf = ({ end }: ChunkCommit): OutboxDraft[] => end?.events ?? [];

/** Whether the commit writes records with unique keys. Only the statement can tell how many of them it has stored. */
export const isCounted = ({ unique, text }: ChunkCommit): boolean =>
  unique !== undefined && unique.freed === null && text.length > 0;

/** Which optional parts the commits have. Each combination is a separate statement. */
export const needsOf = (commits: ChunkCommit[]) => ({
  ends: commits.some(({ end }) => end),
  goesOn: commits.some(({ end }) => !end),
  keys: commits.some(isCounted),
  plain: commits.some((commit) => commit.text.length > 0 && !isCounted(commit)),
  faults: commits.some(({ errors }) => errors.length > 0),
  grouped: commits.some((commit) => groupRows(commit).length > 0),
  events: commits.some((commit) => eventsOf(commit).length > 0),
  deliveries: commits.some((commit) => eventsOf(commit).some(({ delivery }) => delivery)),
  purges: commits.some(({ end }) => end?.purge),
  /** Rows of the company's own table. */
  rows: commits.some(({ counts }) => counts.rows),
});

export type Needs = ReturnType<typeof needsOf>;
