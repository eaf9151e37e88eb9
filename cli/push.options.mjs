// @ts-check
/** Reads the options from the command line and the environment. */
import { existsSync, statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { parseArgs } from "node:util";

export const USAGE = `Sends a file of records to DataFlow, waits until it is processed, and shows what came of it.

  npm run push -- FILE [OPTIONS]        FILE: .csv, .tsv, .txt, .ndjson, .jsonl, .json, .xlsx,
                                        each also as .gz, in any case; "-" reads stdin

  --url URL             where DataFlow is               (DATAFLOW_URL, http://127.0.0.1:3000)
  --client NAME         the client's identifier         (DATAFLOW_CLIENT)
  --secret SECRET       its secret; better as variable  (DATAFLOW_SECRET)
  --dataset NAME        what the records are; else the client's own dataset, "default"
  --format FORMAT       csv, tsv, ndjson, json or xlsx; else by the file's name
  --delimiter CHAR      of CSV; else DataFlow finds it    --charset NAME   of CSV: utf-8, windows-1252 …
  --idempotency-key KEY else made from the content, so that a repeated command imports nothing twice within 24 hours
  --again               imports it even if the same content was sent before
  --no-gzip             sends it as it is
  --check               imports nothing: shows the columns as read and what is wrong, and asks on a terminal
                        whether to import the file
  --no-wait             ends as soon as DataFlow has taken it
  --errors FILE         writes the rejected records: .csv as a table, else NDJSON
  --rejected FILE       writes them in the form of the file sent, to be corrected
  --corrects ID         the file is such a one, corrected, of the batch ID
  --retries N           tries after a lost connection, 503 or 429 (10)
  --timeout SECONDS     of silence, after which a connection counts as lost (60)
  --json                one JSON document on stdout, nothing else
  --quiet               no progress

  Exit code: 0 completed (or nothing wrong), 2 completed with errors (or checked, with errors), 1 failed or refused, 130 stopped by a signal.`;

/** The command line is wrong. */
export class UsageError extends Error {}

/** @typedef {"csv" | "tsv" | "ndjson" | "json" | "xlsx"} Format */
/**
 * @typedef {object} Options
 * @property {string} file  Its whole path, or "-" for stdin.
 * @property {string} name  The name for messages.
 * @property {string} url  Without a slash at its end.
 * @property {string} authorization
 * @property {string} client
 * @property {string | null} dataset  Null: the client's own.
 * @property {string} contentType
 * @property {boolean} isGzip  The file is compressed already.
 * @property {boolean} gzips
 * @property {string | null} key  Null: made from the content.
 * @property {boolean} again
 * @property {boolean} checks  The file is only checked.
 * @property {boolean} waits
 * @property {string | null} errors
 * @property {string | null} rejected  The file for rejected records in their own form.
 * @property {string | null} corrects  The id of the batch whose rejected records these are.
 * @property {number} retries
 * @property {number} silenceMs  After which a connection counts as lost.
 * @property {boolean} json
 * @property {boolean} quiet
 */

/** The server answers a question about a batch within a second, so shorter values make no sense. */
const SHORTEST_TIMEOUT = 2;

const text = /** @type {const} */ ({ type: "string" });
const flag = /** @type {const} */ ({ type: "boolean" });
const known = {
  url: text,
  client: text,
  secret: text,
  dataset: text,
  format: text,
  delimiter: text,
  charset: text,
  "idempotency-key": text,
  again: flag,
  check: flag,
  "no-gzip": flag,
  "no-wait": flag,
  errors: text,
  rejected: text,
  corrects: text,
  retries: text,
  timeout: text,
  json: flag,
  quiet: flag,
  help: { ...flag, short: "h" },
};

/**
 * The options, or undefined where help is asked for. Throws UsageError.
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Options | undefined}
 */
export function optionsOf(args, env) {
  const { values, positionals } = parsed(args);
  if (values.help) return undefined;
  const [named, ...more] = positionals;
  if (named === undefined) throw new UsageError('No file is named: name one, or "-" for stdin.');
  if (more.length > 0) throw new UsageError(`Name one file only, found also: ${more.join(" ")}`);
  // npm runs a script in the package's folder; INIT_CWD is the user's folder.
  const place = (env.npm_lifecycle_event === "push" && env.INIT_CWD) || ".";
  const file = named === "-" ? named : resolve(place, named);
  checkFile(file);
  if (values.again && values["idempotency-key"] !== undefined)
    throw new UsageError("--again and --idempotency-key exclude each other.");
  if (values.check && values["no-wait"]) throw new UsageError("--check and --no-wait exclude each other.");
  const client = needed("--client", values.client ?? env.DATAFLOW_CLIENT, "DATAFLOW_CLIENT");
  const secret = needed("--secret", values.secret ?? env.DATAFLOW_SECRET, "DATAFLOW_SECRET");
  return {
    file,
    name: file === "-" ? "stdin" : basename(file),
    url: urlOf(values.url ?? env.DATAFLOW_URL ?? "http://127.0.0.1:3000"),
    client,
    authorization: `Basic ${Buffer.from(`${client}:${secret}`).toString("base64")}`,
    dataset: datasetOf(values.dataset),
    contentType: contentTypeOf(formatOf(file, values.format), values),
    isGzip: /\.gz$/i.test(file),
    gzips: !values["no-gzip"],
    key: values["idempotency-key"] ?? null,
    again: values.again ?? false,
    checks: values.check ?? false,
    waits: !values["no-wait"],
    errors: values.errors === undefined ? null : resolve(place, values.errors),
    rejected: values.rejected === undefined ? null : resolve(place, values.rejected),
    corrects: values.corrects ?? null,
    retries: wholeNumber("--retries", values.retries ?? "10", 0),
    silenceMs: wholeNumber("--timeout", values.timeout ?? "60", SHORTEST_TIMEOUT) * 1000,
    json: values.json ?? false,
    quiet: values.quiet ?? false,
  };
}

/** @param {string[]} args */
function parsed(args) {
  try {
    return parseArgs({ args, options: known, allowPositionals: true });
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message);
  }
}

/** @param {string} file */
function checkFile(file) {
  if (file === "-") return;
  if (!existsSync(file)) throw new UsageError(`There is no file ${file}.`);
  if (!statSync(file).isFile()) throw new UsageError(`${file} is no file.`);
}

/**
 * @param {string} option
 * @param {string | undefined} value
 * @param {string} variable
 */
function needed(option, value, variable) {
  if (value) return value;
  throw new UsageError(`${option} is missing: pass it, or set the variable ${variable}.`);
}

/** @param {string | undefined} name */
function datasetOf(name) {
  if (name === "") throw new UsageError("--dataset: expected the name of a dataset, found nothing.");
  return name ?? null;
}

/** @param {string} value */
function urlOf(value) {
  const url = URL.canParse(value) ? new URL(value) : null;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new UsageError(`--url: expected http://… or https://…, found ${value}`);
  if (url.username || url.password)
    throw new UsageError("--url: expected a URL without credentials. Pass them as --client and --secret.");
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
}

/**
 * Media type and file endings of each format.
 * @type {Record<Format, { type: string, endings: string[] }>}
 */
const formats = {
  csv: { type: "text/csv", endings: ["csv", "txt"] },
  tsv: { type: "text/tab-separated-values", endings: ["tsv", "tab"] },
  ndjson: { type: "application/x-ndjson", endings: ["ndjson", "jsonl"] },
  json: { type: "application/json", endings: ["json"] },
  xlsx: { type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", endings: ["xlsx"] },
};
const names = /** @type {Format[]} */ (Object.keys(formats));
const listed = names.join(", ").replace(/, (?=[^,]*$)/, " or ");

/**
 * @param {string} file
 * @param {string | undefined} named
 * @returns {Format}
 */
function formatOf(file, named) {
  const ending = file.toLowerCase().replace(/\.gz$/, "").split(".").at(-1) ?? "";
  const format = names.find((name) => (named === undefined ? formats[name].endings.includes(ending) : name === named));
  if (format) return format;
  throw new UsageError(
    named === undefined ? `Which format? --format ${listed}` : `--format: expected ${listed}, found ${named}`,
  );
}

/**
 * @param {Format} format
 * @param {{ delimiter?: string, charset?: string }} values
 */
function contentTypeOf(format, { delimiter, charset }) {
  const { type } = formats[format];
  if (format !== "csv" && format !== "tsv") return type;
  const parameters = charset === undefined ? "" : `; charset=${charset}`;
  return (
    type + parameters + (delimiter === undefined ? "" : `; delimiter=${delimiter === "\t" ? "tab" : quoted(delimiter)}`)
  );
}

/** @param {string} value */
const quoted = (value) => `"${value.replaceAll(/["\\]/g, "\\$&")}"`;

/**
 * @param {string} option
 * @param {string} value
 * @param {number} least
 */
function wholeNumber(option, value, least) {
  if (/^\d{1,4}$/.test(value) && Number(value) >= least) return Number(value);
  throw new UsageError(`${option}: expected a whole number from ${least} to 9999, found ${value}`);
}
