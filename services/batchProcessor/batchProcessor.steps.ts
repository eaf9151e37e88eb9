/**
 * The steps for each chunk of a batch: read, reserve, deliver, commit, and yield to another batch. A step does its part for one run, and
 * may end the run by an outcome. Every write carries the fence, so a run that has lost its batch writes nothing.
 */
import { setImmediate } from "node:timers/promises";
import type { TableDocument } from "../../database/targets/target.ts";
import { storedFaults } from "../../formats/check/fault-bounds.ts";
import { actors } from "../actors.ts";
import type { BatchRow, StoredChunk } from "../batch/batch.domain.ts";
import type { Outcome } from "../batch/batch.outcome.domain.ts";
import { check, commitOf, recordsOf, withRefusals } from "./batchProcessor.chunk.ts";
import { withMarks } from "./batchProcessor.corrections.ts";
import { endCommit, isAtEnd, isReviewed } from "./batchProcessor.ends.ts";
import { builtInHandler, deliver as deliverTo } from "./batchProcessor.handlers.ts";
import { validatorOf, withRowsOf } from "./batchProcessor.intoRows.ts";
import { reserve } from "./batchProcessor.reserve.ts";
import { abortedOutcome, handBack, type Run } from "./batchProcessor.run.ts";
import { tableOf } from "./batchProcessor.tables.ts";
import type { Step, Tools } from "./batchProcessor.tools.ts";
import { headersOf, inChunk, inDelivery, traced } from "./batchProcessor.traces.ts";
import { commitRows } from "./batchProcessor.tries.ts";
import type { Checked } from "./batchProcessor.unique.ts";

const done: Outcome = { outcome: "done" };
export const overtaken: Outcome = { outcome: "lost", detail: "it was cancelled, or its work goes on elsewhere" };

/** Works chunk after chunk until the run has an outcome. Throws for a defect, or if the database is away. */
export async function workThrough(tools: Tools, run: Run): Promise<void> {
  try {
    while (!run.outcome) await inChunk(run, () => workChunk(tools, run));
  } finally {
    await sentIsKnown(tools, run);
  }
}

async function workChunk(tools: Tools, run: Run): Promise<void> {
  for (const step of chunkSteps) {
    await step(tools, run);
    if (run.outcome) return;
  }
}

/** Starts reading and checking the next chunk of `batch`. A failure is thrown where the chunk is awaited. */
export function readAhead(tools: Tools, run: Run, batch: BatchRow, known: StoredChunk | null = null): void {
  run.ahead = checkedChunk(tools, run, batch, known);
  run.ahead.catch(() => {});
}

async function checkedChunk(tools: Tools, run: Run, batch: BatchRow, known: StoredChunk | null) {
  const { broker, work } = tools;
  const { id, nextChunk, chunks } = batch;
  const read = (no: number) => work().readChunk(id, no);
  const asked = known ?? (run.behind?.no === nextChunk ? run.behind.chunk : read(nextChunk));
  run.behind = nextChunk + 1 < chunks ? { no: nextChunk + 1, chunk: read(nextChunk + 1) } : null;
  run.behind?.chunk.catch(() => {});
  const chunk = await asked;
  if (!chunk) throw new Error(`Chunk ${batch.nextChunk} of batch ${batch.publicId} is missing.`);
  const checked = await check(chunk, batch, run, await validatorOf(tools, batch, run.policy), run.stop.signal);
  const table = tableOf(run.policy);
  if (batch.envelope.corrects) return withMarks({ broker, store: work() }, batch, checked);
  // With unique keys, the rows are known only after the keys are reserved. Records that another database already has need no rows.
  return table?.database === null && !checked.keyed ? withRowsOf(tools, run, batch, checked, table) : checked;
}

const read: Step = async (_tools, run) => {
  run.chunkBeganAt = performance.now();
  run.chunk = isAtEnd(run.batch, run.policy) ? null : await run.ahead;
  if (isReviewed(run.batch, run.policy)) run.outcome = { outcome: "reviewed" };
};

const deliver: Step = async (tools, run) => {
  const { batch, policy, chunk, stop } = run;
  const table = tableOf(policy);
  if (table) return inDelivery("batch.table", table.name, () => toTable(tools, run, table));
  const isForHandler = policy.handler !== builtInHandler && batch.phase === "deliver";
  const records = isForHandler && chunk ? recordsOf(chunk) : [];
  if (records.length === 0) return;
  const { publicId: batchId, dataset, nextChunk, fence } = batch;
  const given = { batchId, clientId: run.clientPublicId, dataset, chunk: nextChunk, fence, records };
  const way = { ...tools, sensitive: policy.sensitive, lost: stop.signal };
  const delivering = inDelivery("batch.handler", policy.handler, () =>
    deliverTo(way, policy.handler, policy.handlerTimeoutMs, given),
  );
  const delivered = await unlessAborted(delivering, stop.signal);
  if (delivered?.outcome === "done") run.chunk = withRefusals(chunk as Checked, batch, delivered.rejected);
  else run.outcome = delivered ?? abortedOutcome(run);
};

/**
 * Makes rows of the records, unless the table already has them. If the table is in another database, the batch is claimed there before
 * the first rows.
 */
async function toTable(tools: Tools, run: Run, table: TableDocument): Promise<void> {
  const { batch, chunk } = run;
  if (!chunk) return;
  if (table.database !== null && batch.phase === "deliver" && !run.hasEntered) {
    const entered = await actors.batch.enterTable(tools.broker, { batch });
    run.hasEntered = true;
    if (!entered) run.outcome = overtaken;
    else if (entered.verdict) run.chunk = { ...chunk, verdict: entered.verdict };
    if (!entered || entered.verdict) return;
  }
  if (!chunk.table) run.chunk = await withRowsOf(tools, run, batch, chunk, table);
}

/**
 * Sends the commit, and checks the next chunk meanwhile. If the store keeps the order of commits, the next commit is sent before
 * the result of this one is known. If this one fails, the store refuses the next one too, because the batch is not at that chunk.
 */
const commit: Step = async (tools, run) => {
  const { batch, policy, chunk } = run;
  const made = chunk ? commitOf(chunk, batch, policy) : endCommit(batch, policy);
  const trace = headersOf(run);
  const commit = trace && made.end ? { ...made, trace } : made;
  const next = {
    ...batch,
    phase: commit.next.phase,
    nextChunk: commit.next.chunk,
    faults: batch.faults + storedFaults(commit),
    unlisted: batch.unlisted + commit.unlisted.length,
    accepted: batch.accepted + commit.counts.accepted,
    rejected: batch.rejected + commit.counts.rejected,
    version: batch.version + 1,
  };
  const sent = commit.table
    ? commitRows(tools, run, batch, commit)
    : (run.group?.commit(batch, commit) ?? actors.batch.commitChunk(tools.broker, { batch, commit }));
  sent.catch(() => {});
  if (!commit.end && next.nextChunk < next.chunks) {
    await setImmediate();
    readAhead(tools, run, next);
  }
  await sentIsKnown(tools, run);
  run.sent = { after: sent, before: run.batch };
  const timed = () => chunk && tools.figures.committed(batch.phase, performance.now() - run.chunkBeganAt);
  if (!run.outcome && !commit.end && isAhead(tools, run)) {
    timed();
    run.batch = next;
    return;
  }
  await sentIsKnown(tools, run);
  if (!run.outcome) timed();
  if (commit.end && !run.outcome) run.outcome = done;
};

/** Chunks of ordinary records are shorter than this: a chunk has 1 MiB, and the record that exceeds it. */
const AHEAD_BYTES = 2 * 1024 * 1024;

/**
 * Whether the next commit may be sent before the result of this one is known. Not with a custom handler, which gets nothing of a
 * batch that may be lost. Not with unique keys, because only the commit tells the counts. Not with a long chunk, because each
 * commit under way holds its texts twice: here and in SQLite's thread.
 */
const isAhead = ({ work }: Tools, { group, batch, policy, chunk }: Run): boolean =>
  work().keepsOrder &&
  group === null &&
  policy.handler === builtInHandler &&
  policy.uniqueKey === null &&
  !batch.envelope.corrects &&
  (chunk as Checked).data.length <= AHEAD_BYTES;

/** Waits for the result of the commit that was sent last, unless it is known. */
async function sentIsKnown({ renewed }: Tools, run: Run): Promise<void> {
  const { sent } = run;
  if (!sent) return;
  run.sent = null;
  // This mark stays if the commit fails. Then the batch's row decides what happens.
  run.batch = sent.before;
  const after = await sent.after;
  if (after) {
    run.batch = after;
    renewed(after.id);
  } else run.outcome = overtaken;
}

const makeRoom: Step = async ({ work, sliceMs, isStopping }, run) => {
  if (isStopping()) run.outcome = handBack;
  else if (performance.now() - run.beganAt >= sliceMs) {
    const isOvertaken = await work().isOvertaken(run.batch.clientId);
    if (isOvertaken) run.outcome = handBack;
  }
};

const chunkSteps: readonly Step[] = [
  traced("batch.read", read),
  reserve,
  deliver,
  traced("batch.commit", commit),
  makeRoom,
];

/** Waits for a handler until the batch is taken away, because the handler may take long. Null: the run was aborted. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  if (signal.aborted) return Promise.resolve(null);
  return new Promise((resolve, reject) => {
    const abort = () => resolve(null);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
