/**
 * Requests that wait for a batch: with `Prefer: wait=N` for its end, and with `If-None-Match` too for its next change.
 */
import { type BatchRow, isFinal } from "../../batch/batch.domain.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { isKnownTag, waitOf } from "../http/prefer.ts";
import { batchView } from "./views.ts";

/**
 * The tag of a batch. The version rises with every change that users can see, except a change of the batch in front. So
 * the tag has the version and the batch in front.
 */
const tagOf = ({ version, reason }: BatchRow) =>
  reason && "hold" in reason && reason.hold === "order" ? `"v${version}.${reason.batchId}"` : `"v${version}"`;

/**
 * Answers the batch once `isThere` holds. Answers the batch as it is if the time is over, the client hangs up or is
 * disabled, or the node stops.
 */
function waited(exchange: Exchange, batch: BatchRow, seconds: number, isThere: (batch: BatchRow) => boolean) {
  const { res } = exchange;
  const { revoked } = exchange.req;
  if (isThere(batch) || res.destroyed || revoked?.aborted) return batch;
  return new Promise<BatchRow>((resolve) => {
    let latest = batch;
    const over = () => {
      clearTimeout(timer);
      res.off("close", over);
      revoked?.removeEventListener("abort", over);
      leave();
      resolve(latest);
    };
    const changed = (now: BatchRow) => {
      latest = now;
      if (isThere(now)) over();
    };
    const timer = setTimeout(over, seconds * 1000);
    res.once("close", over);
    revoked?.addEventListener("abort", over);
    const leave = exchange.req.$service.watches.join(batch, { changed, ended: over });
  });
}

const hasEnded = ({ state }: BatchRow) => isFinal(state);

const applied = (seconds: number | null): Record<string, string> =>
  seconds === null ? {} : { "Preference-Applied": `wait=${seconds}` };

const comeAgain = (batch: BatchRow): Record<string, string> => (hasEnded(batch) ? {} : { "Retry-After": "1" });

/**
 * Answers a GET of a batch: at once; with `Prefer: wait` when the batch ends; with `If-None-Match` too, at the first
 * change. Throws invalid-header, what `read` throws, and the refusal of a client that is disabled meanwhile.
 */
export async function batchWanted(
  exchange: Exchange,
  read: () => Promise<BatchRow>,
  show: (batch: BatchRow) => unknown,
): Promise<Reply> {
  const { headers } = exchange.req;
  const seconds = waitOf(headers.prefer);
  const known = headers["if-none-match"];
  const isKnown = (batch: BatchRow) => known !== undefined && isKnownTag(known, tagOf(batch));
  const isNews = (batch: BatchRow) => hasEnded(batch) || (known !== undefined && !isKnown(batch));
  const found = await read();
  const batch = seconds === null ? found : await waited(exchange, found, seconds, isNews);
  exchange.req.revoked?.throwIfAborted();
  const fields = { ETag: tagOf(batch), "Cache-Control": "no-cache", ...comeAgain(batch), ...applied(seconds) };
  return isKnown(batch) ? { status: 304, headers: fields } : json(200, await show(batch), fields);
}

/**
 * Answers an upload whose batch is stored, now or by an earlier upload. The status is 200 if the client waits and the
 * batch ends in time, else `status`. A client that is disabled while it waits gets the same answer, because its data is
 * stored.
 */
export async function batchPosted(
  exchange: Exchange,
  batch: BatchRow,
  seconds: number | null,
  { status = 202, headers = {} }: Partial<Reply> = {},
): Promise<Reply> {
  exchange.req.batchId = batch.publicId;
  const latest = seconds === null ? batch : await waited(exchange, batch, seconds, hasEnded);
  return json(seconds !== null && hasEnded(latest) ? 200 : status, batchView(latest), {
    Location: `/imports/${batch.publicId}`,
    ...comeAgain(latest),
    ...applied(seconds),
    ...headers,
  });
}
