/** Rejected records as the sheet of a workbook. The cells have their types, and the wrong cells are marked. */
import { isKeptWhole } from "../../../formats/check/chunk-verdict.ts";
import { cutText } from "../../../formats/check/fault-bounds.ts";
import { moreText, numberMember, textMember } from "../../../formats/correction/reserved.ts";
import { CellReader } from "../../../formats/csv/cells.ts";
import { dialectOf } from "../../../formats/csv/dialect.ts";
import { type Envelope, type Format, knownFormats } from "../../../formats/formats.ts";
import { SHEET_END, SHEET_START } from "../../../formats/xlsx/markup.ts";
import type { Cell } from "../../../formats/xlsx/sheet.ts";
import { cellsOf } from "../../../formats/xlsx/stored.ts";
import { MOST_CELL_CHARACTERS, MOST_SHEET_ROWS, sheetRow } from "../../../formats/xlsx/writer.ts";
import type { RecordErrors } from "../../batch/batch.reads.domain.ts";
import { errorsText, type RejectedForm } from "./rejected.ts";

/**
 * The most characters of a sheet. A part of a zip (without Zip64) has at most 4 GiB, and a character has at most three
 * bytes.
 */
const MOST_CHARACTERS = 1024 ** 3;
/** How many columns the product puts in front of the record's own columns. */
const OWN = 2;
const NONE: ReadonlySet<number> = new Set();

type Cells = (Cell | undefined)[];
const text = (value: string): Cell => ({ kind: "text", text: value });

export function workbookForm(format: Format, envelope: Envelope): RejectedForm {
  const { header = [] } = envelope;
  const cells = cellsIn(format, envelope);
  let [rows, characters, left] = [1, 0, 0];
  const row = (own: Cells, marked: ReadonlySet<number> = NONE): string => {
    const xml = sheetRow(++rows, own, marked);
    characters += xml.length;
    return xml;
  };
  return {
    type: knownFormats.xlsx.mediaTypes[0],
    ending: "xlsx",
    hasCells: false,
    head: SHEET_START + sheetRow(1, [numberMember, textMember, ...header].map(text), NONE),
    row(record) {
      // The last row stays free, because `tail` may write into it that records are missing.
      if (rows >= MOST_SHEET_ROWS - 1 || characters >= MOST_CHARACTERS) {
        left++;
        return "";
      }
      const said = cutText(errorsText(record), MOST_CELL_CHARACTERS);
      return row([{ kind: "number", text: String(record.seq) }, text(said), ...cells(record)], wrongOf(record, header));
    },
    tail: (unlisted) => (unlisted + left === 0 ? "" : row([undefined, text(moreText(unlisted + left))])) + SHEET_END,
  };
}

/** The positions of the cells that the errors of a record name. */
const wrongOf = ({ errors }: RecordErrors, header: readonly string[]): ReadonlySet<number> =>
  new Set(errors.map(({ field, column = field }) => header.indexOf(column) + OWN).filter((place) => place >= OWN));

/**
 * The cells of a record. There are none if the record was not kept whole, cannot be read, or has cells that no workbook
 * could hold.
 */
function cellsIn(format: Format, envelope: Envelope): (record: RecordErrors) => Cells {
  const reader = new CellReader(dialectOf(envelope));
  const read = (raw: string): Cells => (format === "xlsx" ? storedCells(raw) : reader.cells(raw).map(text));
  return (record) => {
    if (!isKeptWhole(record)) return [];
    const cells = read(record.raw);
    return cells.some((cell) => (cell?.text.length ?? 0) > MOST_CELL_CHARACTERS) ? [] : cells;
  };
}

function storedCells(raw: string): Cells {
  try {
    return cellsOf(JSON.parse(raw));
  } catch {
    return [];
  }
}
