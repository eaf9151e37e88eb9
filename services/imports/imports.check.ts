/** Checks the beginning of a body at once. Nothing is stored. */

import type { Context } from "moleculer";
import { usualGrowthOf } from "../../formats/check/record-growth.ts";
import type { Content } from "../../formats/content.ts";
import type { Splitter } from "../../formats/formats.ts";
import { createSplitter, type SplitOptions } from "../../formats/parts.ts";
import { Problem } from "../../lib/errors.ts";
import type { ParamsOf } from "../messages.ts";
import { readingOf } from "./imports.columns.ts";
import type { CheckedBody } from "./imports.domain.ts";
import { Findings, type Looked, MOST_BYTES } from "./imports.findings.ts";
import { openBody } from "./imports.receive.ts";
import type { Intake } from "./imports.running.ts";

type Check = ParamsOf<"imports.check">;

/** A record that the limit of bytes cuts is not looked at, nor are others of its chunk. */
const CHUNK_BYTES = 16 * 1024;
const CHUNK_RECORDS = 100;

/** The bytes of a body, and what ends the reading of it. */
export interface Opened {
  pieces: AsyncIterable<Buffer>;
  signal: AbortSignal;
}

/** See the contract. It counts as an upload while it runs. */
export async function check(intake: Intake, ctx: Context<Check>): Promise<CheckedBody> {
  const { clientId, policy } = ctx.params;
  return whileRunning(intake, clientId, policy.policy.maxConcurrentUploads, async (stopped) => {
    const { content, ...opened } = await openBody(intake, ctx, stopped, null);
    return checkedBody(intake, { ...ctx.params, ...content }, opened);
  });
}

/** Does it in one of the places of the client's uploads. The signal ends it when the node stops. Throws too-many-uploads. */
export async function whileRunning<T>(
  { uploads }: Intake,
  clientId: number,
  places: number,
  work: (stopped: AbortSignal) => Promise<T>,
): Promise<T> {
  const leave = uploads.enter(clientId, places);
  const stop = new AbortController();
  const ended = uploads.stoppable(stop);
  try {
    return await work(stop.signal);
  } finally {
    ended();
    leave();
  }
}

/** Throws what an upload of such a body throws. */
export function checkedBody(intake: Intake, asked: Looked & Content, opened: Opened): Promise<CheckedBody> {
  const { charset: encoding, delimiter, hasHeader } = asked;
  return checkedWith(intake, asked, splitterFor(asked, { encoding, delimiter, hasHeader }), opened);
}

/** The same of a body that is cut by a splitter of `splitterFor`. */
export async function checkedWith(
  intake: Intake,
  asked: Looked,
  splitter: Splitter,
  { pieces, signal }: Opened,
): Promise<CheckedBody> {
  const findings = new Findings(intake, asked);
  try {
    const isCut = await fed(splitter, pieces, asked.policy.policy.maxBytes, findings, signal);
    if (splitter.whole) {
      const inTurn = <T>(work: () => T) => intake.uploads.turns.run(asked.clientId, work);
      for await (const chunk of splitter.whole.chunks(inTurn)) {
        findings.take([chunk]);
        if (findings.isFull) break;
      }
    } else if (!isCut) findings.take(splitter.end());
    return await findings.end(splitter.envelope, isCut || splitter.records > findings.records, signal);
  } finally {
    await splitter.whole?.close();
  }
}

/** Cuts the body into small chunks, so that few records are lost at the place where the reading ends. */
export function splitterFor({ format, policy: { policy } }: Looked, options: SplitOptions): Splitter {
  const { maxRecords, maxRecordBytes, maxBytes, schema } = policy;
  const growth = { recordGrowth: usualGrowthOf(schema) };
  const limits = {
    chunkRecords: CHUNK_RECORDS,
    chunkBytes: CHUNK_BYTES,
    maxRecords,
    maxRecordBytes,
    maxBytes,
    ...growth,
  };
  return createSplitter(format, limits, readingOf(format, policy, options));
}

/** Reads the body to its end, for the client waits to have sent it. Answers whether its end was not looked at. Throws payload-too-large. */
async function fed(
  splitter: Splitter,
  pieces: AsyncIterable<Buffer>,
  most: number,
  findings: Findings,
  signal: AbortSignal,
) {
  let bytes = 0;
  for await (const piece of pieces) {
    signal.throwIfAborted();
    const room = splitter.whole ? most : MOST_BYTES;
    const part = findings.isFull ? piece.subarray(0, 0) : piece.subarray(0, Math.max(0, room - bytes));
    bytes += piece.length;
    if (bytes > most) throw new Problem("payload-too-large", `The body is larger than ${most} bytes.`, { limit: most });
    if (splitter.whole) await splitter.whole.write(piece);
    else if (part.length > 0) findings.take(splitter.push(part));
  }
  return !splitter.whole && (bytes > MOST_BYTES || findings.isFull);
}
