/** A nameless temporary file that holds a body until it is complete: the directory of a workbook is at its end. */
import { randomUUID } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Problem } from "../../lib/errors.ts";

export class Spool {
  bytes = 0;
  readonly #folder: string;
  #path = "";
  #file: FileHandle | null = null;

  constructor(folder = tmpdir()) {
    this.#folder = folder;
  }

  /** Appends bytes. Throws unavailable if they cannot be written, for example because the disk is full. */
  async write(bytes: Buffer): Promise<void> {
    try {
      this.#file ??= await this.#opened();
      for (let at = 0; at < bytes.length; )
        at += (await this.#file.write(bytes, at, bytes.length - at, this.bytes + at)).bytesWritten;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? "error";
      throw new Problem(
        "unavailable",
        `The node cannot keep the workbook while it is read (${code}). Send it again later.`,
      );
    }
    this.bytes += bytes.length;
  }

  /** The file. Null: nothing was written. */
  get file(): FileHandle | null {
    return this.#file;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    if (this.#file !== null) await rm(this.#path, { force: true });
    this.#file = null;
  }

  /** Deletes the name at once, so that a node that dies leaves no file. Windows may keep the name until the file is closed. */
  async #opened(): Promise<FileHandle> {
    this.#path = join(this.#folder, `dataflow-${randomUUID()}.xlsx`);
    const file = await open(this.#path, "wx+", 0o600);
    await rm(this.#path, { force: true }).catch(() => {});
    return file;
  }
}
