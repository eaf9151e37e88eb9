/** Reads a form (RFC 7578) with one file: the file's format, and its bytes while they come. */
import { Dicer } from "@fastify/busboy";
import { type Content, checkFormat, fileContentOf } from "../../formats/content.ts";
import type { Format } from "../../formats/formats.ts";
import { Problem } from "../../lib/errors.ts";
import { FORM_ALLOWANCE, type Form } from "./imports.contract.ts";

/** The parser would silently cut longer headers. They cannot be so long, because they count as bytes beside the file. */
const LIMITS = { maxHeaderSize: 2 * FORM_ALLOWANCE, maxHeaderPairs: 2 * FORM_ALLOWANCE };

type PartHeader = Record<string, string[] | undefined>;

/** What a form has: one file, and before it perhaps a part of this name that is text. */
interface Expected {
  text: string | null;
  takesFile: boolean;
}

export interface FormFile {
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

/** A form with a draft of a dataset in its part `dataset`, and then, if `takesFile`, one file. */
export interface DraftForm {
  draft: Buffer;
  /** Throws as `formFile`. */
  file(allowed: readonly Format[]): Promise<FormFile>;
  /** Reads to the end of a form without a file. Throws as `formFile`. */
  end(): Promise<void>;
}

export const DRAFT = "dataset";

/** Reads `body` up to the end of the draft. Throws as `formFile`. */
export async function draftForm(body: AsyncIterable<Buffer>, form: Form, takesFile: boolean): Promise<DraftForm> {
  const reader = new FormReader(body, form.boundary, { text: DRAFT, takesFile });
  const draft = await reader.text();
  return {
    draft,
    async file(allowed) {
      const header = await reader.header();
      const content = fileContentOf(header["content-type"]?.[0], fileNameOf(header) ?? "", form.named);
      checkFormat(content.format, allowed);
      return { content, pieces: reader.pieces() };
    },
    end: () => reader.toEnd(),
  };
}

class FormReader {
  private readonly source: AsyncIterator<Buffer>;
  private readonly dicer: Dicer;
  private file: PartHeader | null = null;
  private parts = 0;
  private headers = 0;
  private fault: Problem | null = null;
  private hasFinished = false;
  /** Bytes of the file that were not taken yet. */
  private found: Buffer[] = [];
  /** All bytes that came, and the bytes of the file among them. */
  private came = 0;
  private ofFile = 0;
  private wake = () => {};

  /** The text of the present part, if that is a text field. Null: no text part has begun. */
  private textFound: Buffer[] | null = null;
  private isTextWhole = false;
  private readonly expected: Expected;

  constructor(body: AsyncIterable<Buffer>, boundary: string, expected: Expected = { text: null, takesFile: true }) {
    this.expected = expected;
    this.source = body[Symbol.asyncIterator]();
    this.dicer = new Dicer({ boundary, ...LIMITS });
    this.dicer.on("part", (part) => {
      this.parts++;
      let isText = false;
      part.on("header", (header) => {
        this.headers++;
        isText = this.begin(header as PartHeader) === "text";
      });
      part.on("data", (piece) => {
        if (isText) return void this.textFound?.push(piece as Buffer);
        this.found.push(piece as Buffer);
        this.ofFile += piece.length;
      });
      part.on("end", () => {
        this.isTextWhole ||= isText;
      });
      // The form reports the same error itself.
      part.on("error", () => {});
    });
    this.dicer.on("finish", () => {
      this.hasFinished = true;
      this.wake();
    });
    this.dicer.on("error", () => this.refuse(broken("is cut off, or its boundary is not the one in its Content-Type")));
  }

  async header(): Promise<PartHeader> {
    while (this.file === null) if (!(await this.readOn()) && this.file === null) throw this.noFile();
    return this.file;
  }

  /** The part that is text, which comes first. */
  async text(): Promise<Buffer> {
    const name = this.expected.text ?? "";
    while (!this.isTextWhole) {
      if (this.file !== null) throw this.wrong(name, "expected before the file");
      if (!(await this.readOn()) && !this.isTextWhole) throw this.wrong(name, "expected a part of this name");
    }
    return Buffer.concat(this.textFound ?? []);
  }

  async toEnd(): Promise<void> {
    while (await this.readOn());
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
    // Also if the boundary stands within the file: the rest of the file would be lost.
    if (this.parts > this.headers) this.refuse(broken("has a part whose header never ends"));
  }

  private begin(header: PartHeader): "text" | "file" {
    const name = nameOf(header);
    if (name === null) this.refuse(broken("has a part without a name"));
    else if (name === this.expected.text) {
      if (this.textFound !== null) this.refuse(this.wrong(name, "expected once"));
      else if (this.file !== null) this.refuse(this.wrong(name, "expected before the file"));
      else if (isEncoded(header))
        this.refuse(broken("has an encoded part: send it without Content-Encoding and Content-Transfer-Encoding"));
      this.textFound ??= [];
      return "text";
    } else if (!this.expected.takesFile) this.refuse(this.wrong(name, `unknown field: expected "${DRAFT}" alone`));
    else if (fileNameOf(header) === undefined)
      this.refuse(
        this.wrong(name, `unknown field: a form has its ${this.expected.text ? "draft and its " : ""}file alone`),
      );
    else if (this.file !== null) this.refuse(this.wrong(name, "a second file: a form has one"));
    else if (isEncoded(header))
      this.refuse(broken("has an encoded file: send it without Content-Encoding and Content-Transfer-Encoding"));
    else this.file = header;
    return "file";
  }

  private wrong(name: string, detail: string): Problem {
    const { text, takesFile } = this.expected;
    const parts = [...(text === null ? [] : [`the part "${text}"`]), ...(takesFile ? ["one file"] : [])];
    return wrongForm(parts, `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`, detail);
  }

  private noFile(): Problem {
    if (this.expected.text !== null) return this.wrong("", "expected one file, or a batch in the query");
    return new Problem("validation", "The form has no file.", {
      errors: [{ pointer: "", detail: "expected one file" }],
    });
  }

  /** Keeps only the first fault. */
  private refuse(fault: Problem): void {
    this.fault ??= fault;
    this.wake();
  }
}

const broken = (what: string) => new Problem("malformed-body", `The form ${what}.`);

const wrongForm = (parts: string[], pointer: string, detail: string) =>
  new Problem("validation", `The form must have ${parts.join(" and ")} and nothing else.`, {
    errors: [{ pointer, detail }],
  });

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
