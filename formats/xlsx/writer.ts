/**
 * Writes a workbook with one sheet as a stream. Only the piece that is being written is in memory, never the whole
 * sheet.
 */
import { once } from "node:events";
import { crc32, createDeflateRaw } from "node:zlib";
import { type CellStyle, contentTypes, escaped, relations, styleOf, stylesXml, workbookXml } from "./markup.ts";
import { columnName } from "./references.ts";
import type { Cell } from "./sheet.ts";

const VERSION = 20;
/** ZIP flags: names are UTF-8, and the sizes of a part follow its data, because they are unknown before. */
const FLAGS = 0x0808;
const DEFLATED = 8;
/** The date of each part in the ZIP archive: 1 January 1980, as in the templates that partners download. */
const DATE = 0x21;
const SHEET = "xl/worksheets/sheet1.xml";

/** The most characters that a cell may have. Excel calls a workbook with a longer cell broken. */
export const MOST_CELL_CHARACTERS = 32_767;
/** The most rows that a sheet may have in Excel. */
export const MOST_SHEET_ROWS = 1_048_576;

const DAY_MS = 86_400_000;
/** The number that Excel gives to the day 1 January 1970. */
const UNIX_DAYS = 25_569;
/** Excel counts a 29 February 1900, which never was, as day 60. So the number of each earlier day is one less. */
const LEAP_DAY = 60;
const NEVER: Record<string, number> = { "1900-01-00": 0, "1900-02-29": LEAP_DAY };

const styles: Partial<Record<Cell["kind"], CellStyle>> = { date: "date", "date-time": "date-time", time: "time" };

/** The XML of a row. Undefined cells are empty. `marked`: the indexes of the cells to highlight. */
export function sheetRow(number: number, cells: readonly (Cell | undefined)[], marked: ReadonlySet<number>): string {
  const length = Math.max(cells.length, ...[...marked].map((place) => place + 1));
  const all = Array.from({ length }, (_, place) =>
    cellXml(`${columnName(place)}${number}`, cells[place], marked.has(place)),
  );
  return `<row r="${number}">${all.join("")}</row>`;
}

function cellXml(name: string, cell: Cell | undefined, isMarked: boolean): string {
  if (cell === undefined || (cell.kind === "text" && cell.text === "") || cell.kind === "formula")
    return isMarked ? `<c r="${name}" s="${styleOf("plain", true)}"/>` : "";
  const { kind, text } = cell;
  const style = styles[kind];
  const days = style === undefined ? null : daysOf(style, text);
  const at = `<c r="${name}" s="${styleOf(days === null ? "plain" : (style as CellStyle), isMarked)}"`;
  if (days !== null) return `${at}><v>${days}</v></c>`;
  if (kind === "number") return `${at}><v>${escaped(text)}</v></c>`;
  if (kind === "boolean") return `${at} t="b"><v>${text === "true" ? 1 : 0}</v></c>`;
  if (kind === "error") return `${at} t="e"><v>${escaped(text)}</v></c>`;
  return `${at} t="inlineStr"><is><t xml:space="preserve">${escaped(text)}</t></is></c>`;
}

/**
 * Turns a date or time of ISO 8601 into Excel's number of days. Null: Excel has no number for it, so the cell stays a
 * text.
 */
function daysOf(style: CellStyle, text: string): number | null {
  const [day = "", time = ""] = style === "time" ? ["", text] : text.split("T");
  const date = day === "" ? 0 : (NEVER[day] ?? Date.parse(`${day}T00:00:00Z`) / DAY_MS + UNIX_DAYS);
  const part = time === "" ? 0 : Date.parse(`1970-01-01T${time.replace(/Z$/, "")}Z`) / DAY_MS;
  const days = date + part - (day !== "" && !(day in NEVER) && date <= LEAP_DAY ? 1 : 0);
  return Number.isFinite(days) && days >= 0 ? days : null;
}

/** Yields the bytes of a workbook. `sheet`: the XML of its only sheet, piece by piece. */
export async function* workbookOf(sheet: AsyncIterable<string>): AsyncGenerator<Buffer> {
  const zip = new Zip();
  yield* zip.part(SHEET, sheet);
  const small: [string, string][] = [
    [
      "[Content_Types].xml",
      contentTypes([
        [SHEET, "worksheet"],
        ["xl/styles.xml", "styles"],
      ]),
    ],
    ["_rels/.rels", relations([["officeDocument", "xl/workbook.xml"]])],
    ["xl/workbook.xml", workbookXml(["rejected"])],
    [
      "xl/_rels/workbook.xml.rels",
      relations([
        ["worksheet", "worksheets/sheet1.xml"],
        ["styles", "styles.xml"],
      ]),
    ],
    ["xl/styles.xml", stylesXml],
  ];
  for (const [name, text] of small) yield* zip.part(name, [text]);
  yield zip.end();
}

class Zip {
  #at = 0;
  readonly #directory: Buffer[] = [];

  async *part(name: string, text: AsyncIterable<string> | string[]): AsyncGenerator<Buffer> {
    const start = this.#at;
    const path = Buffer.from(name);
    let [crc, size, packed] = [0, 0, 0];
    yield this.#counted(Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), factsOf(path, 0, 0, 0), path]));
    const deflate = createDeflateRaw();
    const feed = async () => {
      for await (const piece of text) {
        const bytes = Buffer.from(piece);
        crc = crc32(bytes, crc);
        size += bytes.length;
        if (deflate.destroyed) return;
        if (!deflate.write(bytes)) await Promise.race([once(deflate, "drain"), once(deflate, "close")]);
      }
      deflate.end();
    };
    const fed = feed().catch((error: Error) => void deflate.destroy(error));
    try {
      for await (const piece of deflate as AsyncIterable<Buffer>) {
        packed += piece.length;
        yield this.#counted(piece);
      }
      await fed;
    } finally {
      deflate.destroy();
    }
    yield this.#counted(Buffer.concat([Buffer.from("PK\x07\x08", "latin1"), uint32s(crc, packed, size)]));
    const entry = Buffer.alloc(14);
    entry.writeUInt32LE(start, 10);
    const facts = factsOf(path, crc, packed, size);
    this.#directory.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\x00", "latin1"), facts, entry, path]));
  }

  end(): Buffer {
    const entries = Buffer.concat(this.#directory);
    const end = Buffer.alloc(22);
    end.write("PK\x05\x06", "latin1");
    end.writeUInt16LE(this.#directory.length, 8);
    end.writeUInt16LE(this.#directory.length, 10);
    end.writeUInt32LE(entries.length, 12);
    end.writeUInt32LE(this.#at, 16);
    return Buffer.concat([entries, end]);
  }

  #counted(bytes: Buffer): Buffer {
    this.#at += bytes.length;
    return bytes;
  }
}

/** The fields that the local header of a ZIP part and its entry in the central directory have in common. */
function factsOf(path: Buffer, crc: number, packed: number, size: number): Buffer {
  const facts = Buffer.alloc(26);
  for (const [i, value] of [VERSION, FLAGS, DEFLATED, 0, DATE].entries()) facts.writeUInt16LE(value, i * 2);
  uint32s(crc, packed, size).copy(facts, 10);
  facts.writeUInt16LE(path.length, 22);
  return facts;
}

function uint32s(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, i * 4);
  return bytes;
}
