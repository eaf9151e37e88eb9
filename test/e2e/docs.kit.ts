/** What the tests of documents share: their code blocks, and bash that runs these as a reader would paste them. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { root } from "../../root.cjs";

export const pageOf = (path: string): string => readFileSync(join(root, path), "utf8");

/** The code blocks in these languages (such as `yaml|csv`), in their order. */
export const blocksOf = (page: string, languages: string): [language: string, text: string][] =>
  [...page.matchAll(new RegExp(`^\`\`\`(${languages})\\n(.*?)^\`\`\`$`, "gms"))].map(
    ([, language = "", block = ""]) => [language, block],
  );

export interface Place {
  cwd: string;
  env?: Record<string, string>;
}

export interface Ran {
  stdout: string;
  stderr: string;
  status: number | null;
}

/** Runs these lines in bash. */
export async function ran(lines: string, { cwd, env = {} }: Place): Promise<Ran> {
  const { PATH = "", NODE_COMPILE_CACHE = "" } = process.env;
  const child = spawn("bash", ["-"], { cwd, env: { PATH, NODE_COMPILE_CACHE, ...env } });
  child.stdin.end(lines);
  const [stdout, stderr, status] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once("close", resolve)),
  ]);
  return { stdout, stderr, status };
}

/** The output of bash for these blocks, pasted one after another. Bash must not report an error. */
export async function pasted(blocks: string[], place: Place): Promise<string> {
  const { stdout, ...rest } = await ran(blocks.join("\n"), place);
  expect(rest).toEqual({ stderr: "", status: 0 });
  return stdout;
}
