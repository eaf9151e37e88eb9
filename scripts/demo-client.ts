/** What an operator and a partner do over HTTP. This file uses the public API only. */
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { root } from "../root.cjs";
import { wantedOf } from "./apply-document.ts";
import { DemoError, type ImportFile } from "./demo-options.ts";
import { type StoredRecord, storedRecord } from "./demo-stored.ts";
import type { DemoSystem } from "./demo-system.ts";
import { intoTable } from "./demo-table.ts";

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
  errors: { field: string; code: string; message: string; column?: string; value?: string }[];
  raw: string;
}

export interface Partner {
  identifier: string;
  secret: string;
  /** The dataset that the demo's client may send. */
  dataset: string;
}

/** The dataset of the example file. */
const ORDERS = "orders";
const ordersFile = "examples/datasets/orders.yaml";
/** The dataset of any other file. It accepts any record. */
const ANYTHING = "anything";
const anything = { schema: {}, maxBytes: 2 ** 40, maxRecords: 1_000_000_000, maxRecordBytes: 2 ** 24 };
/** How often to ask about a batch: often at first, later seldom enough to spare the client's requests. */
const FIRST_LOOK_MS = 20;
const SLOWEST_LOOK_MS = 500;

export class DemoClient {
  readonly #url: string;
  readonly #signal: AbortSignal;
  #partner: Partner = { identifier: "demo-shop", secret: "", dataset: "" };

  constructor(url: string, signal: AbortSignal) {
    this.#url = url;
    this.#signal = signal;
  }

  /** The operator's part: defines a dataset for this file, creates a client, and grants it the dataset. */
  async introduce({ adminToken }: DemoSystem, { isExample }: ImportFile): Promise<Partner> {
    const { identifier } = this.#partner;
    const dataset = isExample ? ORDERS : ANYTHING;
    const operate = async (method: string, path: string, document: object) => {
      const headers = { authorization: `Bearer ${adminToken}`, "content-type": "application/json" };
      const response = await this.#ask(`/admin${path}`, { method, headers, body: JSON.stringify(document) });
      return (await response.json()) as { id: string; secret: string };
    };
    await operate("PUT", `/datasets/${dataset}`, isExample ? ordersDataset() : anything);
    const made = await operate("POST", "/clients", { clientIdentifier: identifier, name: "The demo's shop" });
    await operate("PUT", `/clients/${made.id}/datasets/${dataset}`, {});
    this.#partner = { identifier, secret: made.secret, dataset };
    return this.#partner;
  }

  /** Streams the file from the disk. `sent` gets the number of bytes that were sent. */
  async upload({ path, headers }: ImportFile, sent: (bytes: number) => void): Promise<Batch> {
    const response = await this.#ask(`/datasets/${this.#partner.dataset}/imports`, {
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

  /** The first rejected rows. */
  async rejected(id: string, most: number): Promise<RejectedRow[]> {
    const rows = (await this.#firstLines(`/imports/${id}/errors`, most)).map((line) => JSON.parse(line));
    return rows.filter((row) => !("truncated" in row));
  }

  /** The first stored records. */
  async stored(id: string, most: number): Promise<StoredRecord[]> {
    return (await this.#firstLines(`/imports/${id}/records`, most)).map(storedRecord);
  }

  /** The rest of the answer is not read. */
  async #firstLines(path: string, most: number): Promise<string[]> {
    const response = await this.#ask(path, { headers: { authorization: this.#authorization } });
    const input = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
    const lines: string[] = [];
    for await (const line of createInterface({ input })) if (lines.push(line) === most) break;
    input.destroy();
    return lines;
  }

  /** Which of these paths answer without a login. */
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

function ordersDataset(): object {
  const { datasets } = wantedOf([{ path: join(root, ordersFile), name: ordersFile }]);
  const dataset = datasets.get(ORDERS) as { schema: { properties: object } };
  return { ...dataset, ...intoTable(dataset.schema) };
}

async function* counted(path: string, sent: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    yield piece;
    bytes += piece.length;
    sent(bytes);
  }
}
