/** What the head of every request must say, whatever it asks for. */
import { isIPv6 } from "node:net";
import { Problem } from "../../../lib/errors.ts";
import type { ApiRequest } from "./request.ts";

/** No call here takes more than a handful; parsing thousands for nothing costs time. */
const MOST_PARAMETERS = 100;

/** Goes before every route. Throws invalid-header, unsupported-transfer-coding. */
export function headChecked(req: ApiRequest, _res: unknown, next: () => void): void {
  checkHost(req);
  checkTransferCoding(req.headers["transfer-encoding"]);
  next();
}

/** RFC 9112, 3.2. Node would refuse a missing one too, but with an answer that is none of ours. */
function checkHost({ httpVersion, rawHeaders }: ApiRequest): void {
  const hosts = rawHeaders.filter((_, i) => rawHeaders[i - 1]?.toLowerCase() === "host" && i % 2 === 1);
  const [host] = hosts;
  if (hosts.length > 1) throw wrongHost("Host is there more than once.");
  if (host !== undefined ? !isHost(host) : httpVersion === "1.1")
    throw wrongHost(host === undefined ? "Host is missing." : "Host is no name or address with or without a port.");
}

const wrongHost = (detail: string) => new Problem("invalid-header", detail, { header: "Host" });

/** RFC 9110, 7.2: a name, an IPv4 address or an IPv6 address in brackets; it may be empty. */
function isHost(text: string): boolean {
  const [, address, name] =
    /^(?:\[([\da-f:.]+)\]|((?:[\w.~!$&'()*+,;=-]|%[\da-f]{2})*))(?::\d{0,5})?$/i.exec(text) ?? [];
  return address === undefined ? name !== undefined : isIPv6(address);
}

/** RFC 9112, 6.1. Compression is told by Content-Encoding. */
function checkTransferCoding(header: string | undefined): void {
  if (header === undefined || header.trim().toLowerCase() === "chunked") return;
  throw new Problem("unsupported-transfer-coding", `The transfer coding "${header}" is not taken: send "chunked".`);
}

/** Throws validation. */
export function queryOfTarget(target: string): URLSearchParams {
  const start = target.indexOf("?");
  const query = start === -1 ? "" : target.slice(start + 1);
  let found = 1;
  for (let at = query.indexOf("&"); at !== -1; at = query.indexOf("&", at + 1)) found++;
  if (found > MOST_PARAMETERS)
    throw new Problem("validation", `The query has more than ${MOST_PARAMETERS} parameters.`, {
      errors: [{ pointer: "", detail: `expected at most ${MOST_PARAMETERS} parameters` }],
    });
  return new URLSearchParams(query);
}
