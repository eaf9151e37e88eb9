/** Takes columns off rows of CSV. What is left is byte for byte what it was. */
import { CellReader } from "../csv/cells.ts";
import { type Dialect, dialectOf } from "../csv/dialect.ts";
import { after, CELL_START, ROW_START, type Tokens, tokensOf } from "../csv/tokens.ts";
import type { Envelope } from "../formats.ts";
import { correctedNumber, type RecordNumber, recordNumber, reservedPlaces } from "./reserved.ts";

/** The two columns of a correction's file, by their places in its header. */
export class ReservedColumns {
  readonly #reader: CellReader;
  readonly #tokens: Tokens;
  readonly #dialect: Dialect;
  readonly #number: number;
  readonly #errors: number;
  readonly #places: ReadonlySet<number>;

  constructor(envelope: Envelope) {
    const { header = [] } = envelope;
    this.#dialect = dialectOf(envelope);
    this.#reader = new CellReader(this.#dialect);
    this.#tokens = tokensOf(this.#dialect);
    const { number, errors } = reservedPlaces(header);
    this.#number = number;
    this.#errors = errors;
    this.#places = new Set([number, errors].filter((place) => place >= 0));
  }

  /** The envelope of the rows that are left. */
  envelope({ headerText, header = [], ...envelope }: Envelope): Envelope {
    const left = header.filter((_name, place) => !this.#places.has(place));
    if (headerText === undefined) return { ...envelope, header: left };
    return { ...envelope, header: left, headerText: this.row(Buffer.from(headerText)).row.toString() };
  }

  /** A row without its line end. One that would be empty has an empty cell in quotes: it stays a record. */
  row(row: Buffer): { row: Buffer; number: RecordNumber } {
    const { delimiter, quoteChar } = this.#dialect;
    const cells = this.#cells(row);
    const said = (place: number) => this.#reader.cells(cells[place]?.toString() ?? "")[0] ?? "";
    const kept = cells.filter((_cell, place) => !this.#places.has(place));
    const between = Buffer.from(delimiter);
    const left = Buffer.concat(kept.flatMap((cell, i) => (i === 0 ? [cell] : [between, cell])));
    return {
      row: left.length === 0 ? Buffer.from(quoteChar + quoteChar) : left,
      number: correctedNumber(recordNumber(said(this.#number)), said(this.#errors)),
    };
  }

  #cells(row: Buffer): Buffer[] {
    const delimiter = this.#dialect.delimiter.charCodeAt(0);
    const cells: Buffer[] = [];
    let state = ROW_START;
    let from = 0;
    for (let at = 0; at < row.length; at++) {
      const byte = row[at] as number;
      // A line end inside a row is inside quotes, or takes the place of one.
      state = after(this.#tokens, state, byte);
      if (byte !== delimiter || state !== CELL_START) continue;
      cells.push(row.subarray(from, at));
      from = at + 1;
    }
    return [...cells, row.subarray(from)];
  }
}
