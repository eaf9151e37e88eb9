/** Groups faults by field and code, so that a partner reads ten lines and not a million. */
import { cutText, MAX_CODE, MAX_TEXT, type RecordFault } from "./fault-bounds.ts";

/** Faults of one field with one code. The texts are those of the first of them. */
export interface FaultGroup {
  /** The path of the field, each index of an array as `[]`. */
  field: string;
  code: string;
  count: number;
  /** The number of the first record with this fault, and the line where that record begins. */
  firstRecord: number;
  firstLine: number | null;
  message: string;
  /** Up to five different examples of what was found. */
  values: string[];
}

/** A rejected record: its number in the body, where it begins, what is wrong with it. */
export interface FaultyRecord {
  record: number;
  line: number | null;
  errors: readonly RecordFault[];
}

/** The groups of a batch, and of a chunk, that are kept; names of fields may come from the partner, so there may be any number of them. */
export const MAX_GROUPS = 500;
/** The groups that a summary shows. */
export const SHOWN_GROUPS = 200;
const MAX_VALUES = 5;
/** Characters of an example. */
const MAX_VALUE = 100;

/** `lines[3].tags[0]` becomes `lines[].tags[]`. */
export const withoutIndexes = (field: string): string =>
  field.includes("[") ? field.replace(/\[\d+\]/g, "[]") : field;

const keyOf = ({ field, code }: Pick<FaultGroup, "field" | "code">): string => `${code}\0${field}`;

/** What is sent on: plain values. */
export interface GroupedFaults {
  /** In the order of their first fault. */
  groups: FaultGroup[];
  /** Faults without a group of their own. */
  other: number;
}

/** Adds up faults. What has no room as a group of its own is counted as `other`. */
export class FaultGroups {
  readonly #groups = new Map<string, FaultGroup>();
  readonly #most: number;
  #other = 0;

  /** `most`: how many groups are kept. */
  constructor(most = MAX_GROUPS) {
    this.#most = most;
  }

  get groups(): FaultGroup[] {
    return [...this.#groups.values()];
  }

  get other(): number {
    return this.#other;
  }

  /** All faults. */
  get total(): number {
    return this.groups.reduce((sum, { count }) => sum + count, this.#other);
  }

  get plain(): GroupedFaults {
    return { groups: this.groups, other: this.#other };
  }

  /** Adds the faults of a record. A record without any (a handler need not say why) counts as one fault of the whole record. */
  add({ record, line, errors }: FaultyRecord): void {
    for (const fault of errors.length > 0 ? errors : [NO_FAULT]) this.#addOne(fault, record, line);
  }

  /** Adds the groups of another one. */
  merge({ groups, other }: GroupedFaults): this {
    for (const group of groups) {
      const key = keyOf(group);
      const known = this.#groups.get(key);
      if (known) this.#groups.set(key, merged(known, group));
      else this.#begin(key, { ...group, values: [...group.values] });
    }
    this.#other += other;
    return this;
  }

  /** The largest first, at most 200; the rest is `other`. Groups of the same size stand by their first record. */
  summary(): { total: number; groups: FaultGroup[]; other: { count: number } } {
    const shown = this.groups.sort((a, b) => b.count - a.count || a.firstRecord - b.firstRecord).slice(0, SHOWN_GROUPS);
    const { total } = this;
    return { total, groups: shown, other: { count: shown.reduce((left, { count }) => left - count, total) } };
  }

  /** A million faults are added so: what is known already costs no new object. */
  #addOne(fault: RecordFault, record: number, line: number | null): void {
    const field = cutText(withoutIndexes(fault.field), MAX_TEXT);
    const code = cutText(fault.code, MAX_CODE);
    const key = keyOf({ field, code });
    const values = fault.value === undefined ? [] : [cutText(fault.value, MAX_VALUE)];
    const known = this.#groups.get(key);
    if (known && known.firstRecord <= record) {
      known.count++;
      for (const one of values)
        if (known.values.length < MAX_VALUES && !known.values.includes(one)) known.values.push(one);
      return;
    }
    const message = cutText(fault.message, MAX_TEXT);
    const group = { field, code, count: 1, firstRecord: record, firstLine: line, message, values };
    if (known) this.#groups.set(key, merged(known, group));
    else this.#begin(key, group);
  }

  #begin(key: string, group: FaultGroup): void {
    if (this.#groups.size < this.#most) this.#groups.set(key, group);
    else this.#other += group.count;
  }
}

export const noFaults: GroupedFaults = { groups: [], other: 0 };

/** A rejected record by its place in its chunk. */
interface PlacedFaults extends Pick<FaultyRecord, "line" | "errors"> {
  index: number;
}

/** With the faults of further records of the same chunk. */
export function withFaults(grouped: GroupedFaults, rejected: readonly PlacedFaults[]): GroupedFaults {
  if (rejected.length === 0) return grouped;
  const all = new FaultGroups().merge(grouped);
  for (const { index, line, errors } of rejected) all.add({ record: index, line, errors });
  return all.plain;
}

/** The fault of a record that was rejected without a reason. */
export const NO_FAULT: RecordFault = { field: "", code: "rejected", message: "The record was rejected." };

/** Merges two groups. The texts are those of the earlier record. */
function merged(a: FaultGroup, b: FaultGroup): FaultGroup {
  const [first, then] = b.firstRecord < a.firstRecord ? [b, a] : [a, b];
  const values = [...new Set([...first.values, ...then.values])].slice(0, MAX_VALUES);
  return { ...first, count: a.count + b.count, values };
}
