/** The accepted records of a chunk as rows of a table, checked as far as they can be before SQL. */
import { setImmediate } from "node:timers/promises";
import type { TablePlan } from "../../database/targets/target.ts";
import { type RecordAbout, rowOf } from "../../database/targets/values.ts";
import { lineAt, originAt } from "../../formats/check/error-report.ts";
import { withFaults } from "../../formats/check/fault-groups.ts";
import { holdsInexact } from "../../formats/check/number-text.ts";
import type { RejectedRecord } from "../../formats/formats.ts";
import { recordPlaces } from "../../formats/parts.ts";
import { foundIn, type SentAs } from "../../formats/read/sent.ts";
import { joined, lineBlocks, linesOf } from "../../formats/text-lines.ts";
import type { TableRow } from "../batch/batch.table.domain.ts";
import type { Run } from "./batchProcessor.run.ts";
import { type Checked, keyByPlace, textPlaces } from "./batchProcessor.unique.ts";

type Origin = Pick<Run, "batch" | "clientPublicId" | "clientIdentifier">;

/** How many rows are made in one go, which takes a few ms. Then other work gets its turn. */
const ROWS_AT_ONCE = 1_000;

/** Makes a row of each text of the chunk. Records that cannot become rows are rejected. */
export async function withRows(checked: Checked, plan: TablePlan, sent: SentAs, run: Origin): Promise<Checked> {
  const { batch } = run;
  const places = textPlaces(checked);
  const origins = recordPlaces({ ...checked.source, data: checked.data }, batch.format, batch.envelope);
  const about = aboutOf(run);
  const texts = textsOf(checked);
  const rows: TableRow[] = [];
  const rejected: RejectedRecord[] = [];
  const left = new Set<number>();
  for (const [rank, index] of places.entries()) {
    const { text, mayBeInexact } = texts.next().value as RecordText;
    if (rank % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) await setImmediate();
    const of = { ...about, record: checked.source.firstRecord + index, line: lineAt(origins, index) };
    const row = rowOf(plan, checked.values?.[rank] as Record<string, unknown>, of, text, mayBeInexact);
    if ("values" in row) rows.push(row);
    else {
      const { path, code, message } = row.fault;
      const origin = originAt(origins, index);
      const found = path ? foundIn(origin.raw, path, sent) : {};
      rejected.push({ index, ...origin, errors: [{ field: path?.join(".") ?? "", code, message, ...found }] });
      left.add(rank);
    }
  }
  const keys = keyByPlace(checked);
  const kept = places.filter((_place, rank) => !left.has(rank));
  const unfit = rejected.map(({ index, errors }) => ({ index, errors }));
  const table = { plan, rows, origins, sent, keys: keys && kept.map((place) => keys.get(place) ?? null), unfit };
  return { ...(left.size > 0 ? without(checked, left, rejected) : checked), table };
}

interface RecordText {
  text: string;
  mayBeInexact: boolean;
}

/** More long numbers in a block are looked at record by record. */
const NUMBERS_AT_ONCE = 100;

/** Whether they hold long numbers is asked of many together, which costs half; few blocks do. */
function* textsOf({ text }: Checked): Generator<RecordText, void> {
  for (const block of lineBlocks(text)) {
    const mayBeInexact = holdsInexact(block, NUMBERS_AT_ONCE);
    for (const one of block.split("\n")) yield { text: one, mayBeInexact };
  }
}

function aboutOf({ batch, ...run }: Origin): RecordAbout {
  return {
    batchId: batch.publicId,
    clientId: run.clientPublicId,
    clientIdentifier: run.clientIdentifier,
    dataset: batch.dataset,
    record: 0,
    line: null,
    receivedAt: new Date(batch.createdAt).toISOString(),
  };
}

/** Removes the texts of these ranks, because their records are rejected. The keys stay, so that the commit releases them. */
export function without(checked: Checked, ranks: ReadonlySet<number>, own: RejectedRecord[]): Checked {
  const kept = <T>(list: T[]): T[] => list.filter((_one, rank) => !ranks.has(rank));
  return {
    ...checked,
    text: joined(kept(linesOf(checked.text))),
    values: checked.values && kept(checked.values),
    rejected: [...checked.rejected, ...own].sort((a, b) => a.index - b.index),
    grouped: withFaults(checked.grouped, own),
  };
}
