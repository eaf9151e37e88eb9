/** The options of `npm run demo -- …`. */
import { statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { readableKinds } from "../formats/content.ts";
import { root } from "../root.cjs";

/** A mistake of the user. The demo shows its message only. */
export class DemoError extends Error {}

export interface ImportFile {
  path: string;
  /** The name for messages. */
  name: string;
  bytes: number;
  headers: Record<string, string>;
  /** Whether this is the file that comes with the demo, whose dataset is known. */
  isExample: boolean;
}

export interface DemoOptions {
  file: ImportFile;
  exits: boolean;
}

export const USAGE = `npm run demo [-- [--exit] [FILE]]
  FILE     imports that .csv, .tsv, .txt, .ndjson, .jsonl, .json or .xlsx (also .gz of these) instead of examples/orders.csv
  --exit   ends after the import; otherwise it serves until Ctrl-C`;

const example = join(root, "examples/orders.csv");
const mediaTypes = new Map<string, string>(
  readableKinds.flatMap(({ endings, mediaTypes: [type = ""] }) => endings.map((ending) => [ending, type] as const)),
);
const endings = [...mediaTypes.keys()].map((ending) => `.${ending}`).join(", ");

/** The options. Null if only the usage was asked for. Throws DemoError. */
export function demoOptions(args: string[]): DemoOptions | null {
  const { values, positionals } = parsed(args);
  if (values.help) return null;
  if (positionals.length > 1) throw new DemoError(`One file at a time, please: ${positionals.join(", ")}.\n${USAGE}`);
  return { exits: values.exit ?? false, file: importFile(positionals[0]) };
}

function parsed(args: string[]) {
  try {
    const options = { exit: { type: "boolean" }, help: { type: "boolean", short: "h" } } as const;
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new DemoError(`${(error as Error).message.split(". ")[0]}.\n${USAGE}`);
  }
}

/** The file to import. npm runs scripts in the package's folder, so relative paths start at INIT_CWD, the user's folder. */
function importFile(given: string | undefined): ImportFile {
  const path = given === undefined ? example : resolve(process.env.INIT_CWD ?? ".", given);
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new DemoError(`There is no file ${path}.`);
  if (!found.isFile()) throw new DemoError(`${path} is no file.`);
  return {
    path,
    name: path === example ? relative(root, example) : (given ?? path),
    bytes: found.size,
    headers: headersOf(path),
    isExample: path === example,
  };
}

function headersOf(path: string): Record<string, string> {
  const [, extension = "", gz] = /\.([^./\\]+?)(\.gz)?$/i.exec(path) ?? [];
  const type = mediaTypes.get(extension.toLowerCase());
  if (!type) throw new DemoError(`${path} should end in one of ${endings}, or in one of these and .gz.`);
  return { "content-type": type, ...(gz && { "content-encoding": "gzip" }) };
}
