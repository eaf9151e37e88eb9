import { Problem } from "../../lib/errors.ts";
import type { Charset, Format, SplitLimits, Splitter } from "../formats.ts";
import { CsvSplitter } from "./csv.ts";
import { JsonSplitter } from "./json.ts";
import { NdjsonSplitter } from "./ndjson.ts";

/** `charset` and `delimiter` are of CSV; without `delimiter` it is sniffed in the header. */
export interface SplitOptions {
  charset?: Charset;
  delimiter?: string;
}

export function createSplitter(format: Format, limits: SplitLimits, options: SplitOptions = {}): Splitter {
  switch (format) {
    case "ndjson":
      return new NdjsonSplitter(limits);
    case "csv":
      return new CsvSplitter(limits, options.charset, checkedDelimiter(options.delimiter));
    case "json":
      return new JsonSplitter(limits);
    default:
      throw new Error(`no such format: ${format satisfies never}`);
  }
}

/** The scanner works on bytes: a delimiter is one ASCII character that has no other meaning. */
function checkedDelimiter(delimiter: string | undefined): string | undefined {
  if (delimiter === undefined || /^[\t\x20!\x23-\x7e]$/.test(delimiter)) return delimiter;
  throw new Problem("unsupported-media-type", "delimiter must be one printable ASCII character or tab, and no quote.");
}
