/** What an operator and a partner do over HTTP. This file uses the public API only. */
import { createReadStream, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { root } from "../root.cjs";
import { DemoError, type ImportFile } from "./demo-options.ts";
import type { DemoSystem } from "./demo-system.ts";

export interface Batch {
  id: string;
  status: string;
  counts: { received: number; accepted: number; rejected: number; duplicate: number };
  error: { code: string; detail: string } | null;
  startedAt: string | null;
  finishedAt: string | null;
}

export interface RejectedRow {
  record: number;
  line: number | null;
  errors: { field: string; code: string; message: string }[];
  raw: string;
}

export interface Partner {
  identifier: string;
  secret: string;
}

/** The policy for unknown files: it accepts any record. */
const anyFile = { schema: {}, maxBytes: 2 ** 40, maxRecords: 1_000_000_000, maxRecordBytes: 2 ** 24 };
/** How often to ask about a batch: often at first, later seldom enough to spare the client's requests. */
const FIRST_LOOK_MS = 20;
const SLOWEST_LOOK_MS = 500;

export class DemoClient {
  readonly #url: string;
  readonly #signal: AbortSignal;
  #partner: Partner = { identifier: "demo-shop", secret: "" };

  constructor(url: string, signal: AbortSignal) {
    this.#url = url;
    this.#signal = signal;
  }

  /** The operator's part: creates a client that may send this file. */
  async introduce({ adminToken }: DemoSystem, { isExample }: ImportFile): Promise<Partner> {
    const { identifier } = this.#partner;
    const policy = isExample ? JSON.parse(readFileSync(join(root, "examples/orders.policy.json"), "utf8")) : anyFile;
    const response = await this.#ask("/admin/clients", {
      method: "POST",
      headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
      body: JSON.stringify({ clientIdentifier: identifier, name: "The demo's shop", policy }),
    });
    const { secret } = (await response.json()) as { secret: string };
    this.#partner = { identifier, secret };
    return this.#partner;
  }

  /** Streams the file from the disk. `sent` gets the number of bytes that were sent. */
  async upload({ path, headers }: ImportFile, sent: (bytes: number) => void): Promise<Batch> {
    const response = await this.#ask("/imports", {
      method: "POST",
      headers: { ...headers, authorization: this.#authorization },
      body: counted(path, sent),
      duplex: "half",
    });
    return (await response.json()) as Batch;
  }

  /** The batch once it has ended. */
  async ended(id: string, seen: (batch: Batch) => void): Promise<Batch> {
    for (let ms = FIRST_LOOK_MS; ; ms = Math.min(ms * 1.25, SLOWEST_LOOK_MS)) {
      const response = await this.#ask(`/imports/${id}`, { headers: { authorization: this.#authorization } });
      const batch = (await response.json()) as Batch;
      if (batch.finishedAt) return batch;
      seen(batch);
      await pause(ms, undefined, { signal: this.#signal });
    }
  }

  /** The first rejected rows. The rest of the answer is not read. */
  async rejected(id: string, most: number): Promise<RejectedRow[]> {
    const response = await this.#ask(`/imports/${id}/errors`, { headers: { authorization: this.#authorization } });
    const input = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
    const rows: RejectedRow[] = [];
    for await (const line of createInterface({ input })) {
      const row = JSON.parse(line);
      if ("truncated" in row || rows.push(row) === most) break;
    }
    input.destroy();
    return rows;
  }

  /** The paths that answer without a login. */
  async open(paths: string[]): Promise<string[]> {
    const answers = await Promise.all(
      paths.map((path) => fetch(this.#url + path, { method: "HEAD", signal: this.#signal })),
    );
    return paths.filter((_, index) => answers[index]?.ok);
  }

  get #authorization(): string {
    const { identifier, secret } = this.#partner;
    return `Basic ${Buffer.from(`${identifier}:${secret}`).toString("base64")}`;
  }

  async #ask(path: string, init: RequestInit): Promise<Response> {
    const response = await fetch(this.#url + path, { ...init, signal: this.#signal });
    if (response.ok) return response;
    const problem = (await response.json()) as { code?: string; detail?: string; line?: number };
    const place = problem.line === undefined ? "" : ` (line ${problem.line})`;
    throw new DemoError(`DataFlow refused it: ${response.status} ${problem.code}${place}. ${problem.detail ?? ""}`);
  }
}

async function* counted(path: string, sent: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    yield piece;
    bytes += piece.length;
    sent(bytes);
  }
}
