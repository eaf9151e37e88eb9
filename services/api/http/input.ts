/** Checks the JSON bodies and queries of all calls but uploads. Unknown fields and unknown names are refused. */

import { mediaType } from "../../../formats/content.ts";
import { type Fault, Problem } from "../../../lib/errors.ts";
import type { JsonSchema } from "../../../lib/json-schema.ts";
import { compiled, type ValidationError } from "../../../lib/validator.ts";
import type { Infer, Params } from "../../declare.ts";
import { jsonOf } from "../../json.ts";
import { type Exchange, wantBody } from "./exchange.ts";
import { jsonSchemaOf } from "./schema.ts";

const MOST_JSON_BYTES = 1024 * 1024;
/**
 * The most bytes of a body where no body is needed. The number is small, because the number of such requests at the
 * same time has no limit.
 */
const MOST_NOTHING_BYTES = 4 * 1024;
const JSON_BODY_MS = 30_000;

/**
 * The message for a value outside an enumeration. In fastest-validator's own message the accepted values look like the
 * value of the field.
 */
const ours = { enumValue: "expected one of {expected}" };

/**
 * Compiles the check of a schema of the product. Unknown fields and null are faults. The check answers the sanitized
 * value. `schema` is the same schema as JSON Schema.
 */
export function strictly<const P extends Params>(params: P): ((value: unknown) => Infer<P>) & { schema: JsonSchema } {
  const check = compiled(params, { useNewCustomCheckerFunction: true, messages: ours });
  const checked = (value: unknown) => {
    const clean = { ...objectOf(value) };
    const faults = nameFaults(clean, params);
    const found = check(clean) as true | ValidationError[];
    if (found !== true) faults.push(...found.map(faultOf));
    if (faults.length === 0) return clean as Infer<P>;
    throw new Problem("validation", "A field is wrong or unknown.", { errors: faults });
  };
  return Object.assign(checked, { schema: jsonSchemaOf(params) });
}

/** Takes a value as an object. Throws validation if the value is not a JSON object. */
export function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Problem("validation", "The body must be a JSON object.", {
    errors: [{ pointer: "", detail: "expected an object" }],
  });
}

/**
 * Finds the faults that fastest-validator reports badly: unknown names, and null, which it treats as an absent field.
 */
function nameFaults(value: Record<string, unknown>, params: Params): Fault[] {
  return Object.keys(value).flatMap((name) => {
    const pointer = pointerStep(name);
    if (!Object.hasOwn(params, name)) return [{ pointer, detail: "unknown field" }];
    return value[name] === null && params[name]?.optional && !params[name].nullable
      ? [{ pointer, detail: "expected a value, found null" }]
      : [];
  });
}

const pointerStep = (name: string) => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;

const faultOf = ({ field = "", message = "" }: ValidationError): Fault => ({
  pointer: field && `/${field.replaceAll(".", "/")}`,
  detail: message,
});

/**
 * The JSON value of a request's body. A missing body is `{}` if the body is optional. Throws unsupported-media-type,
 * payload-too-large, malformed-body.
 */
export async function jsonBody(
  exchange: Exchange,
  { types = ["application/json"], isOptional = false, mostBytes = MOST_JSON_BYTES } = {},
): Promise<unknown> {
  const { headers } = exchange.req;
  const bytes = await bodyBytes(exchange, mostBytes);
  if (isOptional && bytes.toString().trim() === "") return {};
  const isTold = headers["content-type"] !== undefined || bytes.length > 0;
  if (isTold && !types.includes(mediaType(headers["content-type"])))
    throw new Problem("unsupported-media-type", `Send ${types.join(" or ")}.`, {
      headers: { Accept: types.join(", ") },
    });
  return jsonOf(bytes);
}

/** Refuses input for calls that take none: the body must be missing or an empty object. */
export async function noBody(exchange: Exchange): Promise<void> {
  nothing(await jsonBody(exchange, { isOptional: true, mostBytes: MOST_NOTHING_BYTES }));
}

const nothing = strictly({});

/** Refuses a compressed body. Throws unsupported-encoding. */
export function refuseCodings({ req }: Exchange): void {
  if (req.headers["content-encoding"] && req.headers["content-encoding"] !== "identity")
    throw new Problem("unsupported-encoding", "The body must not be compressed: send it without Content-Encoding.", {
      headers: { "Accept-Encoding": "identity" },
    });
}

async function bodyBytes(exchange: Exchange, mostBytes: number): Promise<Buffer> {
  const { req } = exchange;
  refuseCodings(exchange);
  wantBody(exchange);
  return inTime(wholeBody(req, mostBytes), req.voided);
}

async function wholeBody(req: Exchange["req"], mostBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > mostBytes)
      throw new Problem("payload-too-large", `The body is larger than ${mostBytes} bytes.`, {
        limit: mostBytes,
      });
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/**
 * Waits for a small body. Throws upload-timeout if the body does not arrive in time, and the reason of `voided` if that
 * is aborted.
 */
async function inTime<T>(body: Promise<T>, voided?: AbortSignal): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const refusal = new Problem("upload-timeout", `The body did not come within ${JSON_BODY_MS / 1000} s.`);
  const timer = setTimeout(() => reject(refusal), JSON_BODY_MS);
  const refuse = () => reject(voided?.reason);
  if (voided?.aborted) refuse();
  voided?.addEventListener("abort", refuse);
  body.catch(() => {});
  return Promise.race([late, body]).finally(() => {
    clearTimeout(timer);
    voided?.removeEventListener("abort", refuse);
  });
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/** Reads a time with its offset, as epoch ms. Null if the text is no such time. */
export function instantMs(text: string): number | null {
  const ms = INSTANT.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}

/** Whether the text is a day of the calendar. `Date.parse` alone takes 30 February for 2 March. */
function isDay(text: string): boolean {
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

export const wrongQuery = (name: string, detail: string) =>
  new Problem("validation", `The query's "${name}" is wrong.`, { errors: [{ pointer: pointerStep(name), detail }] });

/** Reads a time of the query, as epoch ms. Throws validation. */
export function timeIn(name: string, value: string | undefined): number | undefined {
  const ms = value === undefined ? undefined : instantMs(value);
  if (ms === null) throw wrongQuery(name, "expected a time with its offset, such as 2027-01-31T12:00:00Z");
  return ms;
}

/** Reads the query as an object of strings. Throws validation for an unknown or repeated name. */
export function queryOf({ query }: Exchange, ...allowed: string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of query) {
    if (!allowed.includes(name)) throw wrongQuery(name, "unknown field");
    if (name in found) throw wrongQuery(name, "expected once");
    found[name] = value;
  }
  return found;
}

/** Reads `?dryRun=true`: the answer then shows the result of the change, and nothing is changed. Throws validation. */
export function isDryRunOf(exchange: Exchange): boolean {
  return flagOf("dryRun", queryOf(exchange, "dryRun").dryRun);
}

/** Reads a `true` or `false` of the query. An absent value means false. Throws validation. */
export function flagOf(name: string, value = "false"): boolean {
  if (value !== "true" && value !== "false") throw wrongQuery(name, "expected true or false");
  return value === "true";
}
