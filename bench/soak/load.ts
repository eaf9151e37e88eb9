/** The mixed load of a soak. Each partner does one kind of work repeatedly, at a steady pace. */
import { setTimeout as pause } from "node:timers/promises";
import Papa from "papaparse";
import { startReceiver } from "../../test/helpers/receiver.ts";
import { endOf, newPartner, type Partner, slices, textOf, upload } from "../kit/http.ts";
import { ADMIN_TOKEN } from "../kit/node.ts";
import { csvHeader, orderCsv, orderJson, orderSchema, ordersBody } from "../kit/orders.ts";
import { atEnd } from "../kit/places.ts";
import { tableDocument } from "../kit/table.ts";
import { workbook, schema as workbookSchema } from "../xlsx.ts";
import type { Books } from "./books.ts";
import { brokenOff, refused, repeated, session, stored } from "./load.others.ts";
import { CONTROL } from "./series.ts";

export const SMALL = 100;
const CSV = 10_000;
/** One record of this many in a CSV file is wrong. */
const WRONG_EVERY = 500;
const WORKBOOK = 2_000;
const CHECKED = 1_000;
const TABLE = 200;
/** The pause between calls to the control. It is short, because each window of time needs enough of these calls. */
const CONTROL_MS = 200;
/** How long an event stream stays open. */
const STREAM_MS = 20_000;

const operator = `Bearer ${ADMIN_TOKEN}`;
/** An order whose quantity is below the schema's minimum. */
const wrongCsv = (n: number) =>
  n % WRONG_EVERY === 1 ? orderCsv(n).replace(/^((?:[^,]*,){3})\d+/, "$10") : orderCsv(n);
const bodies = {
  small: ordersBody("ndjson", SMALL),
  csv: ordersBody("csv", CSV, wrongCsv),
  checked: ordersBody("ndjson", CHECKED),
};

/**
 * Starts the whole load. `control`: the URL of the control. Answers a function that stops the load and resolves when the last
 * call has ended.
 */
export async function startLoad(urls: string[], control: string, books: Books): Promise<() => Promise<void>> {
  const stop = new AbortController();
  const running: Promise<void>[] = [];
  /** Repeats the work every `ms`. If the work takes longer than that, it starts again at once. */
  const every = (ms: number, kind: string, work: (url: string, round: number) => Promise<void>) =>
    running.push(
      paced(ms, urls, stop.signal, (url, round) => work(url, round).catch((error: Error) => books.failed(kind, error))),
    );
  const timed = async <T>(kind: string, work: Promise<T>): Promise<T> => {
    const began = performance.now();
    const answer = await work;
    books.took(kind, performance.now() - began);
    return answer;
  };

  const hooked = await receiving(urls[0] as string, books);
  const [files, sheets, tables] = await Promise.all([
    newPartner(urls[0] as string, { schema: orderSchema }),
    newPartner(urls[0] as string, { schema: workbookSchema }),
    newPartner(urls[0] as string, { schema: orderSchema, handler: "table", table: tableDocument("insert") }),
  ]);
  const sheet = workbook(WORKBOOK);
  const toEnd = async (who: Partner, wanted: string, sent: ReturnType<typeof upload>) =>
    endOf(who, (await sent).id, wanted);

  books.begin();
  every(CONTROL_MS, CONTROL, async () => {
    await timed(CONTROL, upload({ url: control, auth: "" }, "ndjson", [bodies.small]));
  });
  every(100, "small", async (url) => {
    const { id } = await timed("small", upload({ ...hooked, url }, "ndjson", [bodies.small]));
    books.posted.add(id);
  });
  every(10_000, "csv", async (url) => {
    const who = { ...files, url };
    const sent = upload(who, "csv", slices(bodies.csv));
    const { id, counts } = await timed("csv", toEnd(who, "completed_with_errors", sent));
    books.accepted.store += counts.accepted;
    const listed = (await timed("errors", textOf(who, `/imports/${id}/errors`))).trimEnd().split("\n").length;
    const rejected = CSV / WRONG_EVERY;
    if (counts.rejected !== rejected || listed !== rejected)
      books.fault(`csv: ${rejected} wrong records, ${counts.rejected} rejected, ${listed} in the error report`);
    await timed("records", stored(who, id));
    const file = corrected(await timed("rejected", textOf(who, `/imports/${id}/rejected`)));
    const again = await timed("correction", toEnd(who, "completed", upload(who, "csv", [file], {}, `?corrects=${id}`)));
    books.accepted.store += again.counts.accepted;
  });
  every(10_000, "xlsx", async (url) => {
    const who = { ...sheets, url };
    const { counts } = await timed("xlsx", toEnd(who, "completed", upload(who, "xlsx", sheet)));
    books.accepted.store += counts.accepted;
  });
  every(2_000, "check", async (url) => {
    const who = { ...files, url };
    const sent = upload(who, "ndjson", [bodies.checked], {}, "?validateOnly=true");
    await timed("check", toEnd(who, "validated", sent));
  });
  every(1_000, "table", async (url, round) => {
    const who = { ...tables, url };
    const body = ordersBody("ndjson", TABLE, (n) => orderJson(round * TABLE + n));
    const { counts } = await timed("table", toEnd(who, "completed", upload(who, "ndjson", [body])));
    books.accepted.table += counts.accepted;
  });
  every(1_000, "list", async (url) => {
    await timed("list", textOf({ url, auth: operator }, "/admin/batches?limit=50"));
  });
  every(2_000, "repeated", (url) => timed("repeated", repeated({ ...files, url }, bodies.small, books)));
  every(3_000, "broken off", (url) => brokenOff({ ...files, url }, bodies.csv));
  every(1_000, "refused", (url) => timed("refused", refused({ ...files, url })));
  every(5_000, "session", (url) => timed("session", session(url)));
  for (const path of ["/admin/events?topics=stats,batches,deliveries", "/admin/events?topics=batches", "/events"])
    every(0, "stream", (url) => streamed(url, path, path === "/events" ? hooked.auth : operator, books, stop.signal));
  return async () => {
    stop.abort();
    await Promise.all(running);
  };
}

async function paced(
  ms: number,
  urls: string[],
  signal: AbortSignal,
  work: (url: string, round: number) => Promise<void>,
) {
  for (let round = 0; !signal.aborted; round++) {
    const next = performance.now() + ms;
    await work(urls[round % urls.length] as string, round);
    await pause(Math.max(0, next - performance.now()), undefined, { signal }).catch(() => {});
  }
}

/** Creates the partner that sends small imports, with a webhook to a receiver on 127.0.0.1. */
async function receiving(url: string, books: Books): Promise<Partner> {
  const receiver = await startReceiver((_, res, { event }) => {
    res.writeHead(204).end();
    const { counts } = event.data as { counts: { accepted: number } };
    books.tell(event.subject, counts.accepted);
    books.took("webhook", Date.now() - Date.parse((event as unknown as { time: string }).time));
    receiver.got.length = 0;
    return undefined;
  });
  atEnd(() => receiver.close());
  return newPartner(url, { schema: orderSchema, maxConcurrentUploads: 100, webhook: { url: receiver.url } });
}

/** Makes the corrected file: the rejected records, with a quantity that the schema accepts. */
function corrected(text: string): Buffer {
  const { data } = Papa.parse<Record<string, string>>(text.trimEnd(), { header: true });
  for (const row of data) row.quantity = "1";
  return Buffer.from(Papa.unparse(data, { columns: ["_record", ...csvHeader.split(",")] }));
}

/** Reads an event stream for a while, as a page of the console does. Its latency is the time until the answer begins. */
async function streamed(url: string, path: string, auth: string, books: Books, stop: AbortSignal): Promise<void> {
  const began = performance.now();
  const over = AbortSignal.any([stop, AbortSignal.timeout(STREAM_MS)]);
  try {
    const { status, body } = await fetch(`${url}${path}`, { headers: { authorization: auth }, signal: over });
    if (status !== 200 || body === null) throw new Error(`GET ${path}: ${status}`);
    books.took("stream", performance.now() - began);
    for await (const _ of body);
    throw new Error(`GET ${path}: the node ended the stream`);
  } catch (error) {
    if (!over.aborted) throw error;
  }
}
