/** The parameters in headers of requests. */
import { createHash } from "node:crypto";
import { knownFormats } from "../../../formats/formats.ts";
import { choice, text } from "../../../lib/json-schema.ts";
import { codingNames } from "../http/codings.ts";
import { MOST_WAIT_SECONDS } from "../http/prefer.ts";
import { patches } from "./examples.records.ts";
import { header, type Parameter } from "./parameters.kit.ts";

const sha256 = (content: string) => createHash("sha256").update(content).digest("base64");

const digest = (of: string): Parameter =>
  header(
    "Content-Digest",
    "RFC 9530, over the bytes as sent: `sha-256`, `sha-512` or both.",
    text(),
    `sha-256=:${sha256(of)}:`,
  );
export const headerParameters = {
  "Idempotency-Key": header(
    "Idempotency-Key",
    "A name for this upload, kept for 24 hours. Sending the same again answers as the first time.",
    { type: "string", pattern: '^(?:[!#-~][!-~]{0,254}|"(?:[!#-\\[\\]-~]|\\\\["\\\\]){1,255}")$' },
    "orders-2026-11-23",
  ),
  "Content-Digest": digest(knownFormats.csv.examples.orders),
  patchesDigest: digest(patches),
  "Content-Encoding": header("Content-Encoding", "How the body is compressed.", choice(codingNames), "gzip"),
  Prefer: header(
    "Prefer",
    `\`wait=N\`: the answer waits so many seconds at most (${MOST_WAIT_SECONDS}) for the end of the batch.`,
    text(),
    "wait=30",
  ),
  "If-None-Match": header(
    "If-None-Match",
    "304 where the batch is still as in the answer with this ETag.",
    text(),
    '"v1"',
  ),
  Origin: header(
    "Origin",
    "The host of the page that asks. Browsers send it, and newer ones `Sec-Fetch-Site`, which goes first.",
    text(),
    "http://127.0.0.1:3000",
  ),
  "If-Match": header("If-Match", "412 where it is no longer as in the answer with this ETag.", text(), "*"),
  "Last-Event-ID": header("Last-Event-ID", "204 where this event was the last one.", text(), "7"),
  lastEvent: header("Last-Event-ID", "Browsers send it when they come again: see above.", text(), "7"),
  "X-Request-Id": header(
    "X-Request-Id",
    "A name for this request in the logs.",
    { type: "string", minLength: 1, maxLength: 128 },
    "nightly-4711",
  ),
} satisfies Record<string, Parameter>;
