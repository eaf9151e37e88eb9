/**
 * Erases what the batches of a dataset have of one person, batch after batch: delivered records, refused ones with their texts,
 * examples of errors, webhook deliveries, and bodies, which go whole. Where it is lies in its row, so any node goes on. A batch that has
 * not ended is passed by, and looked at when it has.
 */
import type { BatchStore } from "../../database/store.ts";
import { decode } from "../../formats/split/chunk-codec.ts";
import type { Removal } from "../batch/batch.reads.domain.ts";
import {
  type Criteria,
  type ErasedBatch,
  type ErasureAt,
  type ErasureCounts,
  type ErasureStep,
  noCounts,
} from "./retention.domain.ts";
import type { ErasureMove, ErasureRow } from "./retention.erasures.ts";
import { Person } from "./retention.match.ts";

const RECORDS_AT_ONCE = 2_000;
const MOST_BYTES = 1024 * 1024;
/** When it looks again whether the batch that it waits for has ended. */
const AGAIN_MS = 5_000;

type Reads = "records" | "errors" | "readChunk" | "erasedBatch" | "groupTexts" | "deliveryBodies" | "heldClients";
type Writes = "eraseRecords" | "eraseErrors" | "eraseExamples" | "eraseDeliveries" | "emptyBody" | "eraseChunks";
export type PersonStore = Pick<BatchStore, Reads | Writes>;

export interface PersonParts {
  store: PersonStore;
  /** False: another node has moved it meanwhile. */
  moved(row: ErasureRow, move: ErasureMove, inMs?: number): Promise<boolean>;
  /** Chunks of a piece. */
  chunksAtOnce(): number;
}

/** What a page has of the person. */
interface Found {
  seqs: number[];
  upTo: number | null;
}

/** Reads the data of a person in a batch. */
class Look {
  private readonly store: PersonStore;
  private readonly person: Person;

  constructor(store: PersonStore, criteria: Criteria) {
    this.store = store;
    this.person = new Person(criteria);
  }

  /** The end of the piece. `upTo` null: there is no further piece. */
  async records({ id }: ErasedBatch, after: number): Promise<Found> {
    const page = await this.store.records(id, after, RECORDS_AT_ONCE, MOST_BYTES);
    const seqs = page.filter(({ data }) => this.person.isRecord(data)).map(({ seq }) => seq);
    return { seqs, upTo: page.at(-1)?.seq ?? null };
  }

  /** `values`: what the errors of these records quote. `faults`: how many there are. */
  async errors({ id, format }: ErasedBatch, after: number) {
    const page = await this.store.errors(id, after, RECORDS_AT_ONCE, MOST_BYTES);
    const found = page.filter(({ raw }) => this.person.isText(raw, format));
    const values = new Set(found.flatMap(({ errors }) => errors.flatMap(({ value }) => value ?? [])));
    const faults = found.reduce((sum, { errors }) => sum + Math.max(1, errors.length), 0);
    return { seqs: found.map(({ seq }) => seq), upTo: page.at(-1)?.seq ?? null, values, faults };
  }

  /** The groups that name the person, as they are without: examples that are a value of it, or one of these values. */
  async groups({ id }: ErasedBatch, values: ReadonlySet<string>) {
    const groups = await this.store.groupTexts(id);
    return groups.flatMap(({ examples, message, ...group }) => {
      const lines = (examples ?? "").split("\n").filter((line) => line !== "");
      const kept = lines.filter((line) => {
        const value = String(JSON.parse(line));
        return !values.has(value) && !this.person.isNamedIn(value);
      });
      const shown = message === null ? null : this.person.masked(message);
      if (kept.length === lines.length && shown === message) return [];
      return [{ ...group, examples: kept.join("\n"), message: shown, n: lines.length - kept.length }];
    });
  }

  async deliveries({ id }: ErasedBatch): Promise<number[]> {
    const rows = await this.store.deliveryBodies(id);
    return rows.filter(({ body }) => this.person.isToldIn(body)).map(({ id: delivery }) => delivery);
  }

  /** Whether the body names the person. Chunks that are gone meanwhile name nobody. */
  async body(batch: ErasedBatch, from: number, most: number): Promise<{ isFound: boolean; isEnd: boolean }> {
    const to = Math.min(batch.chunks, from + most);
    for (let no = from; no < to; no++) {
      const chunk = await this.store.readChunk(batch.id, no);
      if (chunk && this.person.isChunk(await decode(chunk.codec, chunk.body), batch.format))
        return { isFound: true, isEnd: true };
    }
    return { isFound: false, isEnd: to === batch.chunks };
  }
}

/** One piece. */
export const eraseOfPerson = (parts: PersonParts, row: ErasureRow): Promise<Removal> => new Piece(parts, row).run();

class Piece {
  private readonly parts: PersonParts;
  private readonly row: ErasureRow;
  private readonly look: Look;

  constructor(parts: PersonParts, row: ErasureRow) {
    this.parts = parts;
    this.row = row;
    this.look = new Look(parts.store, row.criteria ?? {});
  }

  async run(): Promise<Removal> {
    const { dataset, clientId, afterBatch: after, lastBatch: last } = this.row;
    const batch = await this.parts.store.erasedBatch({ dataset: dataset ?? "", clientId, after, last });
    if (!batch) return this.end();
    const [held] = await this.parts.store.heldClients([batch.clientId]);
    if (held !== undefined) return this.wait(`a legal hold of the client of batch ${batch.publicId}`);
    if (batch.isResting === 0) return this.passBy(batch);
    if (this.row.waits !== null) return this.move({ waits: null });
    switch (this.row.step) {
      case "errors":
        return this.errors(batch);
      case "rest":
        return this.rest(batch);
      default:
        return this.records(batch);
    }
  }

  private at({ id }: ErasedBatch): ErasureAt {
    return { erasure: this.row.id, version: this.row.version, id };
  }

  private async records(batch: ErasedBatch): Promise<Removal> {
    const { seqs, upTo } = await this.look.records(batch, this.row.seq);
    if (upTo === null) return this.step("errors");
    const touched = seqs.length > 0 ? 1 : 0;
    return more(await this.parts.store.eraseRecords(this.at(batch), { seqs, upTo, touched }));
  }

  /** Examples go before the errors that tell of them. */
  private async errors(batch: ErasedBatch): Promise<Removal> {
    const { seqs, upTo, values } = await this.look.errors(batch, this.row.seq);
    const groups = await this.look.groups(batch, values);
    const at = this.at(batch);
    for (const [i, group] of groups.entries())
      if (!(await this.parts.store.eraseExamples({ ...at, version: at.version + i }, group))) return "busy";
    if (groups.length > 0) return "more";
    if (upTo === null) return this.step("rest");
    const page = { seqs, upTo, touched: seqs.length > 0 ? (1 as const) : (0 as const), pass: batch.pass };
    return more(await this.parts.store.eraseErrors(this.at(batch), page));
  }

  /** Deliveries, and the body. Its chunks are looked at from `seq` on. */
  private async rest(batch: ErasedBatch): Promise<Removal> {
    const { store } = this.parts;
    const told = await this.look.deliveries(batch);
    if (told.length > 0) return more(await store.eraseDeliveries(this.at(batch), told));
    if (batch.chunks > 0) {
      const from = this.row.seq;
      const { isFound, isEnd } =
        this.row.touched === 1
          ? { isFound: true, isEnd: true }
          : await this.look.body(batch, from, this.parts.chunksAtOnce());
      if (isFound) return more(await store.emptyBody(this.at(batch)));
      if (!isEnd) return this.move({ seq: from + this.parts.chunksAtOnce() });
    } else if (this.row.touched === 1) {
      const end = await store.eraseChunks(batch.id, this.parts.chunksAtOnce());
      if (end !== "done") return end;
    }
    const { touched, batches } = this.row;
    return this.move({ afterBatch: batch.id, step: "records", seq: 0, touched: 0, batches: batches + touched });
  }

  private step(step: ErasureStep): Promise<Removal> {
    return this.move({ step, seq: 0 });
  }

  /** Goes past a batch that still runs, and comes back to it. When it comes back and the batch still runs, the erasure waits. */
  private passBy(batch: ErasedBatch): Promise<Removal> {
    const start = { afterBatch: batch.id, step: "records" as const, seq: 0, touched: 0 };
    if (this.row.waits === null) return this.move({ ...start, skipped: this.row.skipped ?? batch.id });
    return this.wait(`batch ${batch.publicId} has not ended`);
  }

  /** All batches are looked at. */
  private end(): Promise<Removal> {
    const { skipped } = this.row;
    if (skipped === null) return this.move({ state: "done" });
    const first = { afterBatch: skipped - 1, step: "records" as const, seq: 0, touched: 0, skipped: null };
    return this.move({ ...first, waits: "a batch has not ended" });
  }

  private async wait(waits: string): Promise<Removal> {
    await this.parts.moved(this.row, { waits }, AGAIN_MS);
    return "busy";
  }

  private async move(values: ErasureMove): Promise<Removal> {
    const isMoved = await this.parts.moved(this.row, values);
    return isMoved && values.state === "done" ? "done" : more(isMoved);
  }
}

const more = (isWritten: boolean): Removal => (isWritten ? "more" : "busy");

/** What an erasure would delete now. Nothing is written. */
export async function wouldErase(
  store: PersonStore,
  criteria: Criteria,
  of: { dataset: string; clientId: number | null; last: number },
): Promise<ErasureCounts> {
  const counts = noCounts();
  const look = new Look(store, criteria);
  for (let after = 0; ; ) {
    const batch = await store.erasedBatch({ ...of, after });
    if (!batch) return counts;
    after = batch.id;
    const found = await inBatch(look, batch);
    if (Object.values(found).some((n) => n > 0)) counts.batches++;
    for (const [name, n] of Object.entries(found)) counts[name as keyof typeof found] += n;
  }
}

async function inBatch(look: Look, batch: ErasedBatch) {
  const found = { records: 0, errors: 0, examples: 0, bodies: 0, deliveries: 0 };
  const values = new Set<string>();
  for (let after: number | null = 0; after !== null; ) {
    const { seqs, upTo }: Found = await look.records(batch, after);
    found.records += seqs.length;
    after = upTo;
  }
  for (let after: number | null = 0; after !== null; ) {
    const page: Awaited<ReturnType<Look["errors"]>> = await look.errors(batch, after);
    found.errors += page.faults;
    for (const value of page.values) values.add(value);
    after = page.upTo;
  }
  found.examples = (await look.groups(batch, values)).reduce((sum, { n }) => sum + n, 0);
  found.deliveries = (await look.deliveries(batch)).length;
  const isTouched = Object.values(found).some((n) => n > 0);
  if (batch.chunks > 0 && (isTouched || (await look.body(batch, 0, batch.chunks)).isFound)) found.bodies = 1;
  return found;
}
