/**
 * The merged areas of a sheet. Only the first cell of an area is visible. Values that a program left in the others are ignored. In
 * the file the areas come after the rows, so they are read before the rows in a separate pass.
 */
import { broken } from "./archive.ts";
import { type Area, areaOf, MOST_COLUMNS } from "./references.ts";
import type { Attributes, XmlEvents } from "./xml.ts";

/** The most merged areas. They are sorted at once, which takes some 30 ms. */
const MOST_AREAS = 100_000;
/** The most columns of all areas together. Each costs a step. */
const MOST_WORK = 16_000_000;

export class MergedAreas implements XmlEvents {
  readonly #areas: Area[] = [];
  #work = 0;
  /** Their places by rising rows, once all are there; and the next of them. */
  #order: Uint32Array | null = null;
  #next = 0;
  /** For each column: the last row that an area covers in it, and the row in which it has the first cell of an area. */
  readonly #until = new Uint32Array(MOST_COLUMNS);
  readonly #first = new Uint32Array(MOST_COLUMNS);

  /** Throws malformed-body. */
  open(name: string, { ref = "" }: Attributes, depth: number): void {
    if (name !== "mergeCell" || depth !== 3) return;
    const area = areaOf(ref);
    // One cell alone covers no other.
    if (area === null) {
      if (ref.includes(":")) throw broken(`has a merged area "${ref.slice(0, 20)}", which is none`);
      return;
    }
    this.#work += area.right - area.left + 1;
    if (this.#areas.length === MOST_AREAS || this.#work > MOST_WORK) throw broken("has too many merged areas");
    this.#areas.push(area);
  }

  /** Whether the cell is hidden by a merged area. Rows must be asked in rising order. */
  covers(row: number, column: number): boolean {
    this.#order ??= orderOf(this.#areas);
    for (let area = this.#areaAt(this.#next); area !== undefined && area.top <= row; area = this.#areaAt(++this.#next))
      this.#begin(area);
    return (this.#until[column] as number) >= row && this.#first[column] !== row;
  }

  #areaAt(place: number): Area | undefined {
    return this.#areas[this.#order?.[place] ?? -1];
  }

  #begin({ top, left, bottom, right }: Area): void {
    for (let column = left; column <= right; column++)
      this.#until[column] = Math.max(this.#until[column] as number, bottom);
    this.#first[left] = top;
  }
}

/** The positions of the areas, sorted by their first rows. Plain numbers are sorted in a quarter of the time that objects take. */
function orderOf(areas: readonly Area[]): Uint32Array {
  const keys = new Float64Array(areas.length);
  for (const [i, { top }] of areas.entries()) keys[i] = top * MOST_AREAS + i;
  const order = new Uint32Array(areas.length);
  for (const [i, key] of keys.sort().entries()) order[i] = key % MOST_AREAS;
  return order;
}

/** The name of the element in UTF-8 and in UTF-16. */
const MARKS = [Buffer.from("mergeCell"), Buffer.from("mergeCell", "utf16le")];
const LONGEST_MARK = 18;

/** Whether a part may have merged areas. Few parts do, and parsing XML takes much longer than a search in its bytes. */
export async function mayHaveMerged(pieces: AsyncIterable<Buffer>): Promise<boolean> {
  let tail: Buffer = Buffer.alloc(0);
  for await (const piece of pieces) {
    const seam = Buffer.concat([tail, piece.subarray(0, LONGEST_MARK)]);
    if (MARKS.some((mark) => piece.includes(mark) || seam.includes(mark))) return true;
    tail = Buffer.from(
      piece.length < LONGEST_MARK
        ? Buffer.concat([tail, piece]).subarray(-LONGEST_MARK)
        : piece.subarray(-LONGEST_MARK),
    );
  }
  return false;
}
