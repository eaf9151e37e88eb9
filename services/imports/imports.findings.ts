/** What the beginning of a body is found to be: counts, faults in groups, the first records. */
import { FaultGroups } from "../../formats/check/fault-groups.ts";
import { recordKey, scopeDigits } from "../../formats/check/record-keys.ts";
import type { CheckedChunk, Envelope, Format, RawChunk } from "../../formats/formats.ts";
import { linesOf } from "../../formats/text-lines.ts";
import { checkedBy } from "../bodies.ts";
import type { PolicyVersion } from "../policy/policy.contract.ts";
import type { CheckedBody } from "./imports.domain.ts";
import { type Mask, readAs, Sample, shownRecords } from "./imports.look.ts";
import type { Intake } from "./imports.running.ts";

/** What is looked at of a body. */
export const MOST_BYTES = 1024 * 1024;
export const MOST_RECORDS = 5_000;
const SAMPLE = 20;

/** A body that is looked at, and by what. */
export interface Looked {
  clientId: number;
  format: Format;
  policy: PolicyVersion;
  /** The records have been delivered already: their unique keys are compared with one another only. */
  isDelivered?: boolean;
  /** What else is not shown of the records' texts. */
  mask?: Mask;
}

export class Findings {
  private readonly intake: Intake;
  private readonly looked: Looked;
  private readonly chunks: RawChunk[] = [];
  private readonly groups = new FaultGroups();
  private readonly sample = new Sample(SAMPLE);
  private readonly seen = new Set<string>();
  private readonly counts = { received: 0, accepted: 0, rejected: 0, duplicate: 0 };
  /** The records of the chunks that were taken. */
  records = 0;

  constructor(intake: Intake, looked: Looked) {
    this.intake = intake;
    this.looked = looked;
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

  /** Chunks are checked once the envelope is known to its end. `partial`: the body has more than was taken. */
  async end(envelope: Envelope, partial: boolean, signal: AbortSignal): Promise<CheckedBody> {
    const { format, mask } = this.looked;
    const { policy } = this.looked.policy;
    const body = { format, envelope };
    for (const chunk of this.chunks) await this.look(chunk, await checkedBy(policy, body, chunk, signal), body);
    const { total, groups, other } = this.groups.summary();
    return {
      counts: this.counts,
      ...readAs(body, policy),
      errors: { total, records: this.counts.rejected, groups, other },
      records: shownRecords(this.sample.records, body, policy, mask),
      partial,
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
    const { clientId, policy: of, isDelivered = false } = this.looked;
    if (of.policy.uniqueKey === null) return 0;
    const fields = [of.policy.uniqueKey].flat();
    const start = of.dataset ? scopeDigits(of.dataset.scope) : "";
    const keys = linesOf(text)
      .flatMap((line) => recordKey(line, fields) ?? [])
      .map((key) => start + key);
    const taken = new Set(keys.length > 0 && !isDelivered ? await this.intake.store.takenKeys(clientId, keys) : []);
    return keys.filter((key) => taken.has(key) || this.seen.size === this.seen.add(key).size).length;
  }
}
