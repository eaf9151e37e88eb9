/** How a batch's records came, apart from sent.ts: SQLite's thread reads sent values, and must not load the schema's packages. */
import type { Sensitive } from "../check/sensitive.ts";
import { knownFormats, type RecordValidator } from "../formats.ts";
import { plansOf } from "./plans.ts";
import type { Read } from "./read.ts";
import type { SentAs } from "./sent.ts";

export function sentAs(
  { format, envelope }: Pick<SentAs, "format" | "envelope">,
  { read, sensitive }: { read: Read | null; sensitive: Sensitive },
  validator: RecordValidator,
): SentAs {
  if (!knownFormats[format].hasCells) return { format, envelope, cells: null, sensitive };
  const { columns, places } = plansOf(envelope, read, validator);
  return { format, envelope, cells: { names: columns.map(({ name }) => name), places }, sensitive };
}
