/** Opens a workbook: finds its parts, chooses the sheet, and reads its rows. */
import type { FileHandle } from "node:fs/promises";
import { posix } from "node:path";
import { Problem } from "../../lib/errors.ts";
import { notThat } from "../recognise/recognised.ts";
import { Archive, broken } from "./archive.ts";
import { MergedAreas, mayHaveMerged } from "./merged.ts";
import { Styles } from "./number-formats.ts";
import { SheetReader, type SheetRow } from "./sheet.ts";
import { SharedTexts } from "./texts.ts";
import { type Attributes, type InTurn, prefixed, readXml, XmlReader } from "./xml.ts";

/** The most sheets that an error lists. */
const MOST_TOLD = 100;
const LONGEST_TOLD = 100;
/** Bounds of sheets, because each costs memory. Names in Excel have at most 31 characters. */
const MOST_SHEETS = 10_000;

export interface SheetChoice {
  sheetName: string | null;
  sheetNumber: number;
}

export interface WorkbookLimits {
  /** The most bytes of all unpacked parts. */
  maxBytes: number;
  /** The most bytes of a row. The rest of a longer row is left out. */
  maxRowBytes: number;
}

interface Relation {
  type: string;
  target: string;
  isExternal: boolean;
}

interface Sheet {
  name: string;
  relation: string;
}

const atOnce: InTurn = async (work) => work();

export class Workbook {
  readonly #archive: Archive;
  readonly #inTurn: InTurn;
  readonly #limits: WorkbookLimits;

  private constructor(archive: Archive, limits: WorkbookLimits, inTurn: InTurn) {
    this.#archive = archive;
    this.#limits = limits;
    this.#inTurn = inTurn;
  }

  /** `file` stays open. Throws malformed-body, payload-too-large. */
  static async open(file: FileHandle, bytes: number, limits: WorkbookLimits, inTurn = atOnce): Promise<Workbook> {
    const archive = await Archive.open(file, bytes, limits.maxBytes);
    if (archive.has("xl/workbook.bin")) throw notThat("xls");
    return new Workbook(archive, limits, inTurn);
  }

  /** The rows of the sheet that have cells, a few at a time. Throws malformed-body, with `sheets` if there is no such sheet. */
  async *rows(choice: SheetChoice): AsyncGenerator<SheetRow[]> {
    const main = await this.#mainPart();
    const { sheets, is1904 } = await this.#contents(main);
    const relations = await this.#relations(main);
    const chosen = chosenOf(sheets, choice);
    const relation = relations.get(chosen.relation);
    if (relation === undefined || !relation.type.endsWith("/worksheet"))
      throw noSheet(sheets, `"${chosen.name.slice(0, LONGEST_TOLD)}" is no worksheet`);
    const name = internal(relation);
    // Before the shared strings take memory: what was unpacked for this look is free again by then.
    const merged = await this.#mergedIn(name);
    const shared = new SharedTexts();
    const styles = new Styles();
    const texts = partOf(relations, "/sharedStrings");
    // Some programs name this part, and leave it out if no cell needs it.
    if (texts !== null && this.#archive.has(texts)) await this.#read(texts, shared);
    await this.#read(partOf(relations, "/styles"), styles);
    const sheet = new SheetReader({ shared, styles, is1904, merged }, this.#limits.maxRowBytes);
    const xml = new XmlReader(name, sheet);
    for await (const piece of this.#archive.pieces(name)) {
      await this.#inTurn(() => xml.write(piece));
      yield sheet.take();
    }
    await this.#inTurn(() => xml.end());
    yield sheet.take();
  }

  async #mergedIn(part: string): Promise<MergedAreas | null> {
    if (!(await mayHaveMerged(this.#archive.pieces(part)))) return null;
    const merged = new MergedAreas();
    await this.#read(part, merged);
    return merged;
  }

  async #mainPart(): Promise<string> {
    const root = "_rels/.rels";
    if (!this.#archive.has(root)) throw notThat("zip");
    const relations = await this.#relationsIn(root, "");
    const name = partOf(relations, "/officeDocument");
    if (name === null || !this.#archive.has(name)) throw notThat("zip");
    if (name.endsWith(".bin")) throw notThat("xls");
    return name;
  }

  async #contents(main: string) {
    const sheets: Sheet[] = [];
    let is1904 = false;
    const open = (name: string, attributes: Attributes, depth: number) => {
      if (depth === 1 && name !== "workbook") throw notThat("zip");
      if (name === "workbookPr") is1904 = ["1", "true", "on"].includes(attributes.date1904 ?? "");
      if (name !== "sheet" || depth !== 3) return;
      if (sheets.length === MOST_SHEETS) throw broken(`has more than ${MOST_SHEETS} sheets`);
      sheets.push({ name: attributes.name ?? "", relation: prefixed(attributes, "id") ?? "" });
    };
    await this.#read(main, { open });
    return { sheets, is1904 };
  }

  #relations(part: string): Promise<Map<string, Relation>> {
    const { dir, base } = posix.parse(part);
    return this.#relationsIn(posix.join(dir, "_rels", `${base}.rels`), dir);
  }

  async #relationsIn(part: string, folder: string): Promise<Map<string, Relation>> {
    const found = new Map<string, Relation>();
    const open = (name: string, { Id = "", Type = "", Target = "", TargetMode }: Attributes) => {
      if (name !== "Relationship") return;
      found.set(Id, { type: Type, target: this.#partAt(Target, folder), isExternal: TargetMode === "External" });
    };
    await this.#read(part, { open });
    return found;
  }

  /** Some programs write paths from the root without its slash, backslashes, or names that are escaped on one side only. */
  #partAt(target: string, folder: string): string {
    const path = target.replaceAll("\\", "/");
    const names = path.startsWith("/") ? [path.slice(1)] : [posix.join(folder, path), path];
    const all = [...names, ...names.map(unescapedUri)];
    return all.find((name) => this.#archive.has(name)) ?? (names[0] as string);
  }

  async #read(part: string | null, events: ConstructorParameters<typeof XmlReader>[1]): Promise<void> {
    if (part !== null) await readXml(part, this.#archive.pieces(part), events, this.#inTurn);
  }
}

function unescapedUri(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** The part of a kind. In both standards of the format its type ends in the same word. */
function partOf(relations: ReadonlyMap<string, Relation>, type: string): string | null {
  const found = [...relations.values()].find((relation) => relation.type.endsWith(type));
  return found === undefined ? null : internal(found);
}

/** The target of a part inside the workbook. Throws malformed-body for an external one: nothing outside is ever fetched. */
function internal({ target, isExternal }: Relation): string {
  if (isExternal) throw broken("refers to a part outside of it, which is not taken");
  return target;
}

function chosenOf(sheets: readonly Sheet[], { sheetName, sheetNumber }: SheetChoice): Sheet {
  if (sheetName === null) {
    const found = sheets[sheetNumber - 1];
    if (found === undefined) throw noSheet(sheets, `It has no sheet number ${sheetNumber}`);
    return found;
  }
  // As in Excel, names of sheets are equal if they differ only in case.
  const folded = (name: string) => name.normalize("NFC").toLowerCase();
  const found =
    sheets.find(({ name }) => name === sheetName) ?? sheets.find(({ name }) => folded(name) === folded(sheetName));
  if (found === undefined) throw noSheet(sheets, `It has no sheet "${sheetName.slice(0, LONGEST_TOLD)}"`);
  return found;
}

function noSheet(sheets: readonly Sheet[], what: string): Problem {
  const names = sheets.slice(0, MOST_TOLD).map(({ name }) => name.slice(0, LONGEST_TOLD));
  const listed = names
    .slice(0, 5)
    .map((name) => `"${name}"`)
    .join(", ");
  return new Problem("malformed-body", `The workbook cannot be read. ${what}; its sheets are ${listed || "none"}.`, {
    sheets: names,
  });
}
