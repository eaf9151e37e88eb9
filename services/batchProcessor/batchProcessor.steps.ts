/**
 * What is done with each chunk of a batch: read, reserve, deliver, commit, and whether the batch makes room for another
 * one. A step does its part for one run and may end it by an outcome. Every write carries the fence, so a run that was
 * overtaken writes nothing, whatever it still believes.
 */
import { setImmediate } from "node:timers/promises";
import type { ServiceBroker } from "moleculer";
import type { StoredChunk } from "../../database/store.ts";
import { storedFaults } from "../../database/store.ts";
import { actors } from "../actors.ts";
import type { BatchRow, Outcome } from "../batch/batch.contract.ts";
import type { Checked } from "./batchProcessor.checked.ts";
import { check, commitOf, endCommit, isAtEnd, recordsOf, withRefusals } from "./batchProcessor.chunk.ts";
import { builtInHandler, deliver as deliverTo } from "./batchProcessor.handlers.ts";
import type { RemoteNodes } from "./batchProcessor.nodes.ts";
import { abortedOutcome, handBack, type Run } from "./batchProcessor.run.ts";
import { withoutTaken } from "./batchProcessor.unique.ts";
import type { Validators } from "./batchProcessor.validators.ts";
import type { WorkPort } from "./batchProcessor.work.ts";

/** What the steps need. */
export interface Tools {
  broker: ServiceBroker;
  /** Set only once the node has started. */
  work(): WorkPort;
  nodes: RemoteNodes;
  validators: Validators;
  /** After this time a batch is handed back if another client waits. */
  sliceMs: number;
  /** A planned stop: the chunk at hand is finished, then the batch is handed back. */
  isStopping(): boolean;
  /** A commit has moved the lease. */
  renewed(batchId: number): void;
}

type Step = (tools: Tools, run: Run) => Promise<void>;

const done: Outcome = { outcome: "done" };
const overtaken: Outcome = { outcome: "lost", detail: "it was cancelled, or its work goes on elsewhere" };

/** Works chunk after chunk until the run has an outcome. Throws for a defect, or if the database is away. */
export async function workThrough(tools: Tools, run: Run): Promise<void> {
  try {
    for (;;)
      for (const step of chunkSteps) {
        await step(tools, run);
        if (run.outcome) return;
      }
  } finally {
    await sentIsKnown(tools, run);
  }
}

/** Starts reading and checking the next chunk of `batch`. A failure is thrown where the chunk is awaited. */
export function readAhead(tools: Tools, run: Run, batch: BatchRow, known: StoredChunk | null = null): void {
  run.ahead = checkedChunk(tools, run, batch, known);
  run.ahead.catch(() => {});
}

async function checkedChunk({ work, validators }: Tools, run: Run, batch: BatchRow, known: StoredChunk | null) {
  const { id, nextChunk, chunks } = batch;
  const read = (no: number) => work().readChunk(id, no);
  const asked = known ?? (run.behind?.no === nextChunk ? run.behind.chunk : read(nextChunk));
  run.behind = nextChunk + 1 < chunks ? { no: nextChunk + 1, chunk: read(nextChunk + 1) } : null;
  run.behind?.chunk.catch(() => {});
  const chunk = await asked;
  if (!chunk) throw new Error(`Chunk ${batch.nextChunk} of batch ${batch.publicId} is missing.`);
  return check(chunk, batch, run.policy, validators.of(batch, run.policy), run.stop.signal);
}

const read: Step = async (_tools, run) => {
  run.chunk = isAtEnd(run.batch, run.policy) ? null : await run.ahead;
};

/** With a custom handler, a record's key must be reserved before the record is delivered. */
const reserve: Step = async ({ work }, run) => {
  const keys = run.chunk?.keyed?.keys.filter((key) => key !== null) ?? [];
  if (keys.length > 0 && run.policy.handler !== builtInHandler) {
    const { id, fence, nextChunk } = run.batch;
    const taken = await work().reserveKeys(id, fence, nextChunk, keys);
    if (!taken) run.outcome = overtaken;
    else run.chunk = withoutTaken(run.chunk as Checked, taken);
  }
};

const deliver: Step = async (tools, run) => {
  const { batch, policy, chunk, stop } = run;
  const isForHandler = policy.handler !== builtInHandler && batch.phase === "deliver";
  const records = isForHandler && chunk ? recordsOf(chunk) : [];
  if (records.length === 0) return;
  const { publicId: batchId, nextChunk, fence } = batch;
  const given = { batchId, clientId: run.clientPublicId, chunk: nextChunk, fence, records };
  const way = { ...tools, lost: stop.signal };
  const delivered = await unlessAborted(deliverTo(way, policy.handler, policy.handlerTimeoutMs, given), stop.signal);
  if (delivered?.outcome === "done") run.chunk = withRefusals(chunk as Checked, batch, delivered.rejected);
  else run.outcome = delivered ?? abortedOutcome(run);
};

/**
 * The next chunk is checked meanwhile, once this one is on its way. Where commits keep their order, the next one is sent
 * before it is known how this one went: if it failed, so does the other, for the batch does not stand there.
 */
const commit: Step = async (tools, run) => {
  const { batch, policy, chunk } = run;
  const commit = chunk ? commitOf(chunk, batch, policy) : endCommit(batch, policy);
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
  const sent = run.group?.commit(batch, commit) ?? actors.batch.commitChunk(tools.broker, { batch, commit });
  sent.catch(() => {});
  if (!commit.end && next.nextChunk < next.chunks) {
    await setImmediate();
    readAhead(tools, run, next);
  }
  await sentIsKnown(tools, run);
  run.sent = { after: sent, before: run.batch };
  if (!run.outcome && !commit.end && isAhead(tools, run)) {
    run.batch = next;
    return;
  }
  await sentIsKnown(tools, run);
  if (commit.end && !run.outcome) run.outcome = done;
};

/** Of ordinary records a chunk is no longer: 1 MiB and the record that reaches it. */
const AHEAD_BYTES = 2 * 1024 * 1024;

/**
 * A handler is given nothing of a batch that may be lost, and only the commit of unique keys tells what it has counted. A long
 * chunk waits, for each commit under way holds its texts twice: here and in SQLite's thread.
 */
const isAhead = ({ work }: Tools, { group, policy, chunk }: Run): boolean =>
  work().keepsOrder &&
  group === null &&
  policy.handler === builtInHandler &&
  policy.uniqueKey === null &&
  (chunk as Checked).data.length <= AHEAD_BYTES;

/** Waits for the commit that was sent last, unless it is known already how it went. */
async function sentIsKnown({ renewed }: Tools, run: Run): Promise<void> {
  const { sent } = run;
  if (!sent) return;
  run.sent = null;
  // Stays so if the commit fails: what becomes of the batch then is decided by its row.
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

const chunkSteps: readonly Step[] = [read, reserve, deliver, commit, makeRoom];

/** A handler may go on for long after the batch was taken away; its answer is not waited for then. Null: aborted. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  if (signal.aborted) return Promise.resolve(null);
  return new Promise((resolve, reject) => {
    const abort = () => resolve(null);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
