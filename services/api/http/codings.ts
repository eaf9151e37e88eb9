/** `Content-Encoding`: what the body of an upload is packed with. */
import { Problem } from "../../../lib/errors.ts";
import { type Coding, codings } from "../../imports/imports.contract.ts";

/**
 * The codings by the names that the header may use for them. Null means that nothing is compressed (RFC 9110, 8.4.1 and
 * 12.5.3).
 */
const byName = new Map<string, Coding | null>([
  ...codings.map((coding) => [coding, coding] as const),
  ["x-gzip", "gzip"],
  ["identity", null],
]);
/** All names of codings, as an answer lists them in `Accept-Encoding` (RFC 7694). */
export const codingNames = [...byName.keys()];
const accepted = { headers: { "Accept-Encoding": codingNames.join(", ") } };

/**
 * The codings that a `Content-Encoding` names, in the order in which they were applied. Throws unsupported-encoding for
 * an unknown coding, and for a coding named twice. Nobody packs twice on purpose, and each further coding multiplies
 * what a few bytes can grow to.
 */
export function codingsOf(header = ""): Coding[] {
  const names = header.split(",").map((name) => name.trim().toLowerCase());
  const found = names.filter(Boolean).map((name) => {
    const coding = byName.get(name);
    if (coding === undefined) throw refused(`The encoding "${name}" is not taken`);
    return coding;
  });
  const applied = found.filter((coding) => coding !== null);
  if (new Set(applied).size < applied.length) throw refused(`The encoding "${header}" names one twice`);
  return applied;
}

const refused = (what: string) =>
  new Problem("unsupported-encoding", `${what}: Content-Encoding may be ${codingNames.join(", ")}.`, accepted);
