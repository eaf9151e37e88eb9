/** Runs every unit on a stand-in for the server, which notes what it is sent. */

import type { Sql, Staged, Values } from "../../../database/dialects/mssql/sql.ts";
import { withFew } from "../../../database/dialects/mssql/staging.ts";
import { mssqlDeliveries, mssqlLocks, mssqlStore } from "../../../database/dialects/mssql/store.ts";
import type { AuditDraft } from "../../../services/audit/audit.domain.ts";
import type { StoredChunk } from "../../../services/batch/batch.domain.ts";
import type { ChunkCommit, Move } from "../../../services/batch/batch.writes.domain.ts";
import type { UploadCommit } from "../../../services/imports/imports.domain.ts";

export interface Sent {
  text: string;
  /** The parameters by name, each with its type in T-SQL. */
  types: Record<string, string>;
  values: unknown[];
  /** The names of temporary tables with their columns, and their rows. */
  staged: Record<string, string[]>;
  rows: unknown[][];
  /** The batch that is sent instead if there are few rows. */
  few: { text: string; names: string[] } | null;
}

/** A part of each text and number that a unit gets. A statement that contained such a value would show it. */
export const MARK = "mark";
export const NUMBER = 777_000_000;
export const isMarked = (value: unknown) => String(value).includes(MARK) || String(value).includes("777");

let next = NUMBER;
export const n = () => ++next;
export const marked = (what: string) => `${MARK}-${what}-${n()}`;
export const markedId = () => `01930000-0000-7000-8000-${`${n()}`.padStart(12, "0")}`;
export const hex = () => `${n()}`.padStart(64, "77");

function typeOf({ type }: Values[string]): string {
  const { type: of, length } = type as unknown as { type: { declaration: string }; length?: number };
  if (length === undefined) return of.declaration.toUpperCase();
  return `${of.declaration.toUpperCase()}(${length > 8000 ? "MAX" : length})`;
}

/** Answers one given result for each statement, and nothing after the last. */
class Recorder {
  readonly sent: Sent[] = [];
  readonly #answers: unknown[][];

  constructor(answers: unknown[][]) {
    this.#answers = [...answers];
  }

  async staged(tables: Staged[], text: string, values: Values = {}): Promise<unknown[]> {
    const few = tables.length > 0 ? withFew(tables, text, values) : null;
    this.sent.push({
      text,
      few: few && { text: few.text, names: Object.keys(few.values) },
      types: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, typeOf(value)])),
      values: Object.values(values).map(({ value }) => value),
      staged: Object.fromEntries(tables.map(({ name, columns }) => [name, Object.keys(columns)])),
      rows: tables.flatMap(({ rows }) => rows),
    });
    return this.#answers.shift() ?? [];
  }

  all = (text: string, values?: Values) => this.staged([], text, values);
  get = async (text: string, values?: Values) => (await this.all(text, values))[0];
}

type Stores = ReturnType<typeof storesOn>;
const storesOn = (sql: Sql) => ({
  sql,
  store: mssqlStore(sql),
  locks: mssqlLocks(sql),
  deliveries: mssqlDeliveries(sql),
});

export interface Case {
  name: string;
  run(stores: Stores): Promise<unknown>;
  answers: unknown[][];
}

let recorder: Recorder;
/** The stores are made once, because writing all statements takes longer than all cases. */
let stores: Stores | undefined;
const recorded: Pick<Recorder, "staged" | "all" | "get"> = {
  staged: (...given) => recorder.staged(...given),
  all: (...given) => recorder.all(...given),
  get: (...given) => recorder.get(...given),
};

/** Runs one case at a time, because all cases share one recorder. */
export async function sentBy({ run, answers }: Case): Promise<Sent[]> {
  recorder = new Recorder(answers);
  const { sent } = recorder;
  stores ??= storesOn(recorded as unknown as Sql);
  await run(stores);
  return sent;
}

/** All that these cases send, in one list. */
export async function sentByAll(cases: Case[]): Promise<Sent[]> {
  const all: Sent[] = [];
  for (const one of cases) all.push(...(await sentBy(one)));
  return all;
}

export const newBatch = () => ({
  publicId: marked("batch").slice(0, 36),
  clientId: n(),
  policyVersion: n(),
  dataset: marked("dataset"),
  format: marked("ndjson") as "ndjson",
  requestId: marked("request"),
  trace: marked("trace"),
});

export const chunk = (over: Partial<StoredChunk> = {}): StoredChunk => ({
  no: n(),
  firstRecord: n(),
  firstLine: n(),
  records: n(),
  codec: marked("codec") as "none",
  oversized: [n()],
  body: Buffer.from(marked("body")),
  ...over,
});

export const event = (topic = marked("topic")) => ({ topic, body: marked("event") });
export const told = (topic?: string) => ({ ...event(topic), delivery: { publicId: marked("delivery").slice(0, 36) } });
export const reason = () => ({ code: marked("code"), detail: marked("detail") });

export const upload = (over: Partial<UploadCommit> = {}): UploadCommit => ({
  id: null,
  batch: newBatch(),
  chunks: [chunk()],
  totals: { bytes: n(), records: n(), chunks: n(), contentHash: hex(), envelope: { header: [marked("header")] } },
  phase: "deliver",
  state: "ready",
  due: { inMs: n() },
  reason: null,
  queue: { cap: n(), weight: n() },
  events: [],
  key: null,
  dedup: null,
  quota: null,
  ...over,
});

export const chunkCommit = (over: Partial<ChunkCommit> = {}): ChunkCommit => ({
  id: n(),
  fence: n(),
  chunk: n(),
  leaseMs: n(),
  firstRecord: n(),
  records: 2,
  text: Buffer.from([marked("a"), marked("b")].join("\n")),
  errors: [],
  unlisted: [],
  counts: { accepted: n(), rejected: n(), duplicate: n() },
  next: { phase: "deliver", chunk: n() },
  end: null,
  ...over,
});

export const fault = (index: number) => ({
  index,
  line: n(),
  raw: marked("raw"),
  errors: [1, 2].map(() => ({ field: marked("field"), code: marked("code"), message: marked("message") })),
});
export const keys = (...texts: string[]) => texts.join("\n");
export const end = (over: Partial<NonNullable<ChunkCommit["end"]>> = {}): ChunkCommit["end"] => ({
  state: "completed",
  reason: reason(),
  due: { at: n() },
  purge: false,
  events: [event()],
  ...over,
});

export const move = (over: Partial<Move>): Move => ({
  id: n(),
  from: "processing",
  to: "ready",
  due: { inMs: n() },
  reason: null,
  attempt: "keep",
  events: [],
  ...over,
});

export const key = () => ({ key: marked("key"), keepMs: n(), fingerprint: hex() });
export const quota = () => ({ bytes: n(), records: n() });

/** An audit entry whose parameters have marks of their own, like those of other units. */
export const entry = (): AuditDraft => ({
  publicId: markedId(),
  who: marked("who"),
  role: marked("role") as "admin",
  address: marked("address"),
  requestId: marked("request"),
  action: marked("action") as "batch.undo",
  subjectType: marked("type") as "batch",
  subjectId: marked("subject"),
  subjectName: marked("name"),
  change: marked("change"),
  reason: marked("reason"),
  status: marked("status"),
});

/** An empty list of cases, and the function that adds a case. */
export function caseList() {
  const cases: Case[] = [];
  const add = (name: string, run: Case["run"], answers: unknown[][] = []) => cases.push({ name, run, answers });
  return { cases, add };
}
