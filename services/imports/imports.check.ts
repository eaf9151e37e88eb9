/** Checks the beginning of a body at once. Nothing is stored. */

import type { Context } from "moleculer";
import { FaultGroups } from "../../formats/check/fault-groups.ts";
import { usualGrowthOf } from "../../formats/check/record-growth.ts";
import { recordKey, scopeDigits } from "../../formats/check/record-keys.ts";
import type { Content } from "../../formats/content.ts";
import type { CheckedChunk, RawChunk, Splitter } from "../../formats/formats.ts";
import { createSplitter } from "../../formats/parts.ts";
import { linesOf } from "../../formats/text-lines.ts";
import { Problem } from "../../lib/errors.ts";
import type { ParamsOf } from "../messages.ts";
import { readingOf } from "./imports.columns.ts";
import type { CheckedBody } from "./imports.domain.ts";
import { checkedBy, readAs, Sample, shownRecords } from "./imports.look.ts";
import { openBody } from "./imports.receive.ts";
import type { Intake } from "./imports.running.ts";

type Check = ParamsOf<"imports.check">;
type Asked = Check & Content;
type Opened = Awaited<ReturnType<typeof openBody>>;

/** What is looked at of a body. */
const MOST_BYTES = 1024 * 1024;
const MOST_RECORDS = 5_000;
/** A record that the limit of bytes cuts is not looked at, nor are others of its chunk. */
const CHUNK_BYTES = 16 * 1024;
const CHUNK_RECORDS = 100;
const SAMPLE = 20;

/** See the contract. It counts as an upload while it runs. */
export async function check(intake: Intake, ctx: Context<Check>): Promise<CheckedBody> {
  const { clientId, policy } = ctx.params;
  const leave = intake.uploads.enter(clientId, policy.policy.maxConcurrentUploads);
  const stop = new AbortController();
  const ended = intake.uploads.stoppable(stop);
  try {
    const opened = await openBody(intake, ctx, stop.signal, null);
    return await checked(intake, { ...ctx.params, ...opened.content }, opened);
  } finally {
    ended();
    leave();
  }
}

async function checked(intake: Intake, asked: Asked, { pieces, signal }: Opened): Promise<CheckedBody> {
  const { policy } = asked.policy;
  const splitter = splitterFor(asked);
  const findings = new Findings(intake, asked);
  try {
    const isCut = await fed(splitter, pieces, policy.maxBytes, findings, signal);
    if (splitter.whole) {
      const inTurn = <T>(work: () => T) => intake.uploads.turns.run(asked.clientId, work);
      for await (const chunk of splitter.whole.chunks(inTurn)) {
        findings.take([chunk]);
        if (findings.isFull) break;
      }
    } else if (!isCut) findings.take(splitter.end());
    return await findings.end(splitter, isCut, signal);
  } finally {
    await splitter.whole?.close();
  }
}

function splitterFor({ format, charset, delimiter, hasHeader, policy: { policy } }: Asked): Splitter {
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
  return createSplitter(format, limits, readingOf(format, policy, { encoding: charset, delimiter, hasHeader }));
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

/** What was found so far. */
class Findings {
  private readonly intake: Intake;
  private readonly asked: Asked;
  private readonly chunks: RawChunk[] = [];
  private readonly groups = new FaultGroups();
  private readonly sample = new Sample(SAMPLE);
  private readonly seen = new Set<string>();
  private readonly counts = { received: 0, accepted: 0, rejected: 0, duplicate: 0 };
  private records = 0;

  constructor(intake: Intake, asked: Asked) {
    this.intake = intake;
    this.asked = asked;
  }

  get isFull(): boolean {
    return this.records >= MOST_RECORDS;
  }

  take(chunks: RawChunk[]): void {
    for (const chunk of chunks) {
      if (this.isFull) return;
      this.chunks.push(chunk);
      this.records += chunk.records;
    }
  }

  /** Chunks are checked once the envelope is known to its end. */
  async end(splitter: Splitter, isCut: boolean, signal: AbortSignal): Promise<CheckedBody> {
    const { policy } = this.asked.policy;
    const body = { format: this.asked.format, envelope: splitter.envelope };
    for (const chunk of this.chunks) await this.look(chunk, await checkedBy(policy, body, chunk, signal), body);
    const { total, groups, other } = this.groups.summary();
    return {
      counts: this.counts,
      ...readAs(body, policy),
      errors: { total, records: this.counts.rejected, groups, other },
      records: shownRecords(this.sample.records, body, policy),
      partial: isCut || splitter.records > this.records,
    };
  }

  private async look(chunk: RawChunk, checked: CheckedChunk, body: Parameters<Sample["add"]>[2]): Promise<void> {
    const { rejected, unlisted } = checked;
    for (const { index, line, errors } of rejected)
      this.groups.add({ record: chunk.firstRecord + index, line, errors });
    this.sample.add(chunk, checked, body);
    const duplicate = await this.duplicatesOf(checked);
    const refused = rejected.length + unlisted.length;
    this.counts.received += chunk.records;
    this.counts.rejected += refused;
    this.counts.duplicate += duplicate;
    this.counts.accepted += chunk.records - refused - duplicate;
  }

  /** How many of its records have a unique key that another one had before. */
  private async duplicatesOf({ text }: CheckedChunk): Promise<number> {
    const { clientId, policy: of } = this.asked;
    if (of.policy.uniqueKey === null) return 0;
    const fields = [of.policy.uniqueKey].flat();
    const start = of.dataset ? scopeDigits(of.dataset.scope) : "";
    const keys = linesOf(text)
      .flatMap((line) => recordKey(line, fields) ?? [])
      .map((key) => start + key);
    const taken = new Set(keys.length > 0 ? await this.intake.store.takenKeys(clientId, keys) : []);
    return keys.filter((key) => taken.has(key) || this.seen.size === this.seen.add(key).size).length;
  }
}
