/** Reads a form (RFC 7578) with one file: the file's format, and its bytes while they come. */
import { Dicer } from "@fastify/busboy";
import { type Content, checkFormat, fileContentOf } from "../../formats/content.ts";
import type { Format } from "../../formats/formats.ts";
import { Problem } from "../../lib/errors.ts";
import { FORM_ALLOWANCE, type Form } from "./imports.contract.ts";

/** The parser would silently cut longer headers. They cannot be so long, because they count as bytes beside the file. */
const LIMITS = { maxHeaderSize: 2 * FORM_ALLOWANCE, maxHeaderPairs: 2 * FORM_ALLOWANCE };

type PartHeader = Record<string, string[] | undefined>;

interface FormFile {
  content: Content;
  pieces: AsyncIterable<Buffer>;
}

/**
 * Reads `body` up to the form's file, and the rest while the caller takes `pieces`. Throws, also later from `pieces`:
 * malformed-body (not a complete form), validation (a second file, another field, or no file), unsupported-media-type.
 */
export async function formFile(body: AsyncIterable<Buffer>, form: Form, allowed: readonly Format[]): Promise<FormFile> {
  const reader = new FormReader(body, form.boundary);
  const header = await reader.header();
  const content = fileContentOf(header["content-type"]?.[0], fileNameOf(header) ?? "", form.named);
  checkFormat(content.format, allowed);
  return { content, pieces: reader.pieces() };
}

class FormReader {
  private readonly source: AsyncIterator<Buffer>;
  private readonly dicer: Dicer;
  private file: PartHeader | null = null;
  private parts = 0;
  private fault: Problem | null = null;
  private hasFinished = false;
  /** Bytes of the file that were not taken yet. */
  private found: Buffer[] = [];
  /** All bytes that came, and the bytes of the file among them. */
  private came = 0;
  private ofFile = 0;
  private wake = () => {};

  constructor(body: AsyncIterable<Buffer>, boundary: string) {
    this.source = body[Symbol.asyncIterator]();
    this.dicer = new Dicer({ boundary, ...LIMITS });
    this.dicer.on("part", (part) => {
      this.parts++;
      part.on("header", (header) => this.begin(header as PartHeader));
      part.on("data", (piece) => {
        this.found.push(piece as Buffer);
        this.ofFile += piece.length;
      });
      // The form reports the same error itself.
      part.on("error", () => {});
    });
    this.dicer.on("finish", () => {
      this.hasFinished = true;
      this.wake();
    });
    this.dicer.on("error", () => this.refuse(broken("breaks off, or its boundary is another one")));
  }

  async header(): Promise<PartHeader> {
    while (this.file === null)
      if (!(await this.readOn())) throw this.parts > 0 ? broken("has a part whose header never ends") : noFile();
    return this.file;
  }

  async *pieces(): AsyncGenerator<Buffer> {
    do yield* this.found.splice(0);
    while (await this.readOn());
    yield* this.found.splice(0);
  }

  /** Reads on. False: the form has ended. */
  private async readOn(): Promise<boolean> {
    const { done, value } = await this.source.next();
    if (done) await this.end();
    else await this.write(value);
    if (this.fault) throw this.fault;
    return !done;
  }

  private async write(piece: Buffer): Promise<void> {
    if (this.came - this.ofFile > FORM_ALLOWANCE) throw broken(`has more than ${FORM_ALLOWANCE} bytes beside its file`);
    this.came += piece.length;
    await new Promise<void>((resolve) => this.dicer.write(piece, () => resolve()));
  }

  private async end(): Promise<void> {
    this.dicer.end();
    while (!this.hasFinished && !this.fault)
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
  }

  private begin(header: PartHeader): void {
    const name = nameOf(header);
    if (name === null) this.refuse(broken("has a part without a name"));
    else if (fileNameOf(header) === undefined)
      this.refuse(wrongField(name, "unknown field: a form has its file alone"));
    else if (this.file !== null) this.refuse(wrongField(name, "a second file: a form has one"));
    else if (isEncoded(header)) this.refuse(broken("has a file with an encoding of its own"));
    else this.file = header;
  }

  /** Keeps only the first fault. */
  private refuse(fault: Problem): void {
    this.fault ??= fault;
    this.wake();
  }
}

const broken = (what: string) => new Problem("malformed-body", `The form ${what}.`);

const wrongField = (name: string, detail: string) =>
  new Problem("validation", "The form must have one file and nothing else.", {
    errors: [{ pointer: `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`, detail }],
  });

const noFile = () =>
  new Problem("validation", "The form has no file.", { errors: [{ pointer: "", detail: "expected one file" }] });

/** The value of a parameter of `Content-Disposition`; browsers write quotes in it as `%22`, others with a backslash. */
const parameter = (name: string): RegExp =>
  new RegExp(`;\\s*${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]*))`, "i");
const NAME = parameter("name");
const FILE_NAME = parameter("filename\\*?");

const dispositionOf = (header: PartHeader): string =>
  Buffer.from(header["content-disposition"]?.[0] ?? "", "latin1").toString();

function nameOf(header: PartHeader): string | null {
  const disposition = dispositionOf(header);
  const [, quoted, bare] = NAME.exec(disposition) ?? [];
  return /^form-data\b/i.test(disposition) ? (quoted ?? bare ?? null) : null;
}

/** The name of the part's file. Undefined: none, or an empty one, which browsers send if no file was chosen. */
function fileNameOf(header: PartHeader): string | undefined {
  const [, quoted, bare] = FILE_NAME.exec(dispositionOf(header)) ?? [];
  return quoted || bare || undefined;
}

/** Whether the part has a transfer encoding, which is obsolete (RFC 7578, 4.7): the file would be stored undecoded. */
function isEncoded(header: PartHeader): boolean {
  const transfer = header["content-transfer-encoding"]?.[0]?.trim().toLowerCase() ?? "binary";
  return !["binary", "8bit", "7bit"].includes(transfer) || header["content-encoding"] !== undefined;
}
