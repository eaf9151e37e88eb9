/** The lines of alerts: one or two sentences for people in a chat. They never have a value of a record. */
import { visible } from "../../lib/log/visible.cjs";
import type { AlertSubject, Gathered } from "./alerts.domain.ts";

const LONGEST_PART = 80;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** The most clients that a line names. */
const MOST_CLIENTS = 3;
/** Up to this, a line says "in the last minute": it is sent a minute after the one before, or a little later. */
const ABOUT_A_MINUTE = 1.5 * MINUTE;

/**
 * A text of others as a chat shows it, and nothing more: no markup of Slack (`&`, `<`, `>`), no mention (`@all`, `<!here>`), no
 * link (`https://…`, and `[text](…)` of Markdown), no letter that cannot be seen. A letter without width parts what would do something.
 */
export function plain(text: string): string {
  const cut = text.length > LONGEST_PART ? `${text.slice(0, LONGEST_PART)}…` : text;
  return visible(cut)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replace(/@|:(?=\/\/)|\](?=[([])/g, "$&\u200b");
}

/** A span of time as people say it: `40 s`, `6 min`, `1 h 5 min`. */
export function spanOf(ms: number): string {
  if (ms < MINUTE) return `${Math.round(ms / SECOND)} s`;
  const minutes = Math.round(ms / MINUTE);
  if (ms < HOUR) return `${minutes} min`;
  const rest = minutes % 60;
  return `${Math.floor(minutes / 60)} h${rest > 0 ? ` ${rest} min` : ""}`;
}

/** Who a client is. Null: it is not known any more, or nobody answers now. */
export type Named = (clientId: number) => { identifier: string; name: string } | null;

function clientOf(named: Named, clientId: number): string {
  const client = named(clientId);
  if (!client) return "of a client that is not known now";
  const { identifier, name } = client;
  return `of client ${plain(identifier)}${name && name !== identifier ? ` (${plain(name)})` : ""}`;
}

const batchOf = ({ batchId, dataset }: AlertSubject, who: string): string =>
  `batch ${plain(batchId ?? "")} ${who}${dataset ? `, dataset ${plain(dataset)},` : ""}`;

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const GONE = 410;
function answerOf(status: number | null | undefined): string {
  if (!status) return "no answer";
  return status === GONE ? "the receiver is gone (410) and the webhook is off" : `last answer ${status}`;
}

const told = {
  batch_failed: {
    one: (about: AlertSubject, who: string) => `${batchOf(about, who)} failed: ${plain(about.code ?? "unknown")}.`,
    more: (n: number) => (n === 1 ? "more batch failed" : "more batches failed"),
  },
  batch_held: {
    one: (about: AlertSubject, who: string) => `${batchOf(about, who)} waits for approval.`,
    more: (n: number) => (n === 1 ? "more batch was held for approval" : "more batches were held for approval"),
  },
  delivery_failed: {
    one: ({ event, batchId, status, deliveryId, code, times = 1 }: AlertSubject, who: string) =>
      times > 1
        ? `${times} webhook deliveries ${who} were given up: ${plain(code ?? "unknown")}.`
        : `the webhook delivery ${plain(deliveryId ?? "")} ${who} was given up: ${plain(event ?? "")} of batch ${plain(batchId ?? "")}, ${
            code ? plain(code) : answerOf(status)
          }.`,
    more: (n: number) => (n === 1 ? "more webhook delivery was given up" : "more webhook deliveries were given up"),
  },
};

/** The line of what was noted. `now`: epoch ms. */
export function lineOf(kind: keyof typeof told, gathered: Gathered, named: Named, now: number): string {
  const { first, times } = gathered;
  const line = capital(told[kind].one(first, clientOf(named, first.clientId)));
  const more = times - (first.times ?? 1);
  if (more <= 0) return line;
  return `${line} … and ${more} ${told[kind].more(more)} ${whenOf(gathered.from, now)}${sharesOf(gathered, named)}.`;
}

const whenOf = (from: number, now: number): string =>
  now - from <= ABOUT_A_MINUTE ? "in the last minute" : `in the last ${spanOf(now - from)}`;

/** Which clients it is about, if there are several: those with most first. */
function sharesOf({ clients, times }: Gathered, named: Named): string {
  if (clients.length < 2) return "";
  const most = [...clients].sort(([, a], [, b]) => b - a).slice(0, MOST_CLIENTS);
  const known = most.map(([id, n]) => `${plain(named(id)?.identifier ?? "unknown")} ${n}`);
  const rest = times - most.reduce((sum, [, n]) => sum + n, 0);
  return ` (in all: ${known.join(", ")}${rest > 0 ? `, others ${rest}` : ""})`;
}

/** The batch that waits for longest. */
export interface Oldest {
  batchId: string;
  clientId: number;
  ageMs: number;
}

export function lateLine(
  { batchId, clientId, ageMs }: Oldest,
  boundMs: number,
  named: Named,
  isAgain: boolean,
): string {
  const who = `batch ${plain(batchId)} ${clientOf(named, clientId)}`;
  return `${isAgain ? "The queue is still late" : "The queue is late"}: ${who} could be claimed for ${spanOf(ageMs)}, and no worker has claimed it. The bound is ${spanOf(boundMs)}.`;
}

export const fineLine = (worstMs: number, boundMs: number): string =>
  `The queue is on time again: no batch waits longer than ${spanOf(boundMs)} for a worker. The longest wait was ${spanOf(worstMs)}.`;

export const TEST_LINE = "A test, which an operator has sent. It tells of no batch.";

/** The document that is sent, as Slack, Mattermost, Rocket.Chat and Discord take it. `system`: which DataFlow it is. */
export const documentOf = (system: string | null, line: string): string =>
  JSON.stringify({ text: `DataFlow${system === null ? "" : ` ${plain(system)}`}: ${line}` });
