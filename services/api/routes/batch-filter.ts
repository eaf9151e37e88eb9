/** Reads which batches a query asks for. Lists, counts and actions on many batches use it. */
import { formats } from "../../../formats/formats.ts";
import { actors, type Caller } from "../../actors.ts";
import { type BatchState, isDatasetName, visibleStates } from "../../batch/batch.domain.ts";
import type { BatchFilter, SearchTerm } from "../../batch/batch.filter.domain.ts";
import type { Exchange } from "../http/exchange.ts";
import { flagOf, instantMs, queryOf, wrongQuery } from "../http/input.ts";

/** The names by which partners may filter their own batches. */
export const ownFilterNames = ["q", "status", "dataset", "createdFrom", "createdTo", "hasErrors"] as const;
/** The names by which operators may filter batches. */
export const filterNames = [
  ...ownFilterNames,
  "client",
  "format",
  "finishedFrom",
  "finishedTo",
  "errorCode",
  "retryOf",
] as const;
export type FilterName = (typeof filterNames)[number];
export type FilterText = Partial<Record<FilterName, string>>;

/**
 * The query of a list of batches. Several `status` count as one with commas: OpenAPI knows both forms of a list, and
 * some clients can send only one form. Throws validation.
 */
export function batchQueryOf(exchange: Exchange, ...allowed: string[]): Record<string, string> {
  const states = exchange.query.getAll("status");
  if (states.length < 2) return queryOf(exchange, ...allowed);
  const query = new URLSearchParams(exchange.query);
  query.set("status", states.join(","));
  return queryOf({ ...exchange, query }, ...allowed);
}

const TEXT = /^[^\p{Cc}\p{Cs}]{1,255}$/u;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const SHA256 = /^[0-9a-f]{64}$/i;
const DIGEST = /^sha-256=:([A-Za-z0-9+/]{43}=):$/;
/** A text that can be a client's identifier, or the beginning of one. */
const IDENTIFIER = /^[a-z0-9._-]{1,64}$/;
const LEAST_DIGITS = 8;
const HYPHENS_AFTER = [8, 12, 16, 20];

/** Reads a list of states with commas between. Throws validation. */
export function statesIn(status: string): BatchState[] {
  const names = status.split(",");
  const wrong = names.find((name) => !(visibleStates as readonly string[]).includes(name));
  if (wrong !== undefined)
    throw wrongQuery(
      "status",
      `expected one of ${visibleStates.join(", ")}, or several with commas between; found ${JSON.stringify(wrong)}`,
    );
  return [...new Set(names as BatchState[])];
}

function timeIn(name: FilterName, value: string): number {
  const ms = instantMs(value);
  if (ms === null) throw wrongQuery(name, "expected a time with its offset, such as 2027-01-31T12:00:00Z");
  return ms;
}

/** The beginning and the end of a range of time, as members of a filter. Throws validation. */
function timesIn(what: "created" | "finished", text: FilterText): BatchFilter {
  const [fromName, toName] = [`${what}From`, `${what}To`] as const;
  const [from, to] = [text[fromName], text[toName]];
  const found: BatchFilter = {};
  if (from !== undefined) found[fromName] = timeIn(fromName, from);
  if (to !== undefined) found[toName] = timeIn(toName, to);
  if ((found[fromName] ?? 0) > (found[toName] ?? Infinity))
    throw wrongQuery(toName, `expected a time that is not before ${fromName}`);
  return found;
}

function textIn(name: string, value: string, what = ""): string {
  if (TEXT.test(value)) return value;
  throw wrongQuery(name, `expected 1 to 255 characters${what}, none of them a control character`);
}

function formatIn(value: string) {
  const format = formats.find((known) => known === value);
  if (format) return format;
  throw wrongQuery("format", `expected one of ${formats.join(", ")}; found ${JSON.stringify(value)}`);
}

function idIn(name: FilterName, value: string): string {
  if (UUID.test(value)) return value.toLowerCase();
  throw wrongQuery(name, "expected the id of a batch, a UUID");
}

/** The hexadecimal digits of an id, or of its beginning. Null if the text is neither. */
function digitsIn(text: string): string | null {
  const digits = text.toLowerCase().replaceAll("-", "");
  if (!/^[0-9a-f]{8,32}$/.test(digits)) return null;
  const written = [...digits].map((digit, n) => (HYPHENS_AFTER.includes(n) ? `-${digit}` : digit)).join("");
  const isAsWritten = [digits, written, `${written}-`].includes(text.toLowerCase());
  return isAsWritten && digits.length >= LEAST_DIGITS ? digits : null;
}

const ACCEPTED =
  "a batch's id or at least 8 characters of its beginning, request: and an X-Request-Id, key: and an Idempotency-Key, or a checksum (sha-256=:…: or 64 hexadecimal digits)";

/** The possible meanings of a search text. With `ofClients` the text may also mean clients. Throws validation. */
export function searchIn(text: string, ofClients: boolean): SearchTerm[] {
  const q = text.trim();
  const digest = DIGEST.exec(q);
  if (digest) return [{ by: "checksum", hash: Buffer.from(digest[1] ?? "", "base64").toString("hex") }];
  if (SHA256.test(q)) return [{ by: "checksum", hash: q.toLowerCase() }];
  if (q.startsWith("request:"))
    return [{ by: "request", requestId: textIn("q", q.slice("request:".length), " after request:") }];
  if (q.startsWith("key:")) return [{ by: "key", key: textIn("q", q.slice("key:".length), " after key:") }];
  const digits = digitsIn(q);
  const terms: SearchTerm[] = digits === null ? [] : [{ by: "id", digits }];
  if (ofClients && IDENTIFIER.test(q)) terms.push({ by: "client", identifier: q });
  if (terms.length > 0) return terms;
  throw wrongQuery("q", `expected ${ACCEPTED}${ofClients ? ", or the beginning of a client's identifier" : ""}`);
}

/** The members of a filter that need no look-up. Throws validation. */
function plainFilter(text: FilterText, ofClients: boolean): BatchFilter {
  const { q, status, dataset, format, hasErrors, errorCode, retryOf } = text;
  return {
    ...(status !== undefined && { states: statesIn(status) }),
    ...(dataset !== undefined && { dataset }),
    ...(format !== undefined && { format: formatIn(format) }),
    ...timesIn("created", text),
    ...timesIn("finished", text),
    ...(hasErrors !== undefined && { hasErrors: flagOf("hasErrors", hasErrors) }),
    ...(errorCode !== undefined && { errorCode: textIn("errorCode", errorCode) }),
    ...(retryOf !== undefined && { retryOf: idIn("retryOf", retryOf) }),
    ...(q !== undefined && { search: searchIn(q, ofClients) }),
  };
}

const cannotBe = ({ dataset }: FilterText) => dataset !== undefined && !isDatasetName(dataset);

/** A partner's filter, which finds only the partner's own batches. Null if no batch can match. Throws validation. */
export function ownFilter(clientId: number, text: FilterText): BatchFilter | null {
  const filter = plainFilter(text, false);
  return cannotBe(text) ? null : { ...filter, clientId };
}

/** An operator's filter. Null if no batch can match, as with an unknown client. Throws validation, unavailable. */
export async function filterOf(via: Caller, { client, ...text }: FilterText): Promise<BatchFilter | null> {
  const filter = plainFilter(text, true);
  if (cannotBe(text)) return null;
  if (client === undefined) return filter;
  const found = await actors.clientCache.get(via, UUID.test(client) ? { publicId: client } : { identifier: client });
  return found && { ...filter, clientId: found.id };
}
