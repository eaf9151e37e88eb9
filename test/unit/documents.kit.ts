/** The code blocks of the documents, each with its place and its mark. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../root.cjs";

export interface Block {
  page: string;
  line: number;
  language: string;
  text: string;
  /** Why no test runs the block, by the comment before it. Null: there is no comment. */
  notRun: string | null;
}

const MARK = /^<!-- Not run: (.+)\. -->$/;

/** The code blocks of a page, in their order. Blocks within a list are indented. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  const lines = readFileSync(join(root, page), "utf8").split("\n");
  let open: Block | null = null;
  for (const [at, line] of lines.entries()) {
    const fence = /^\s*```(\w*)$/.exec(line);
    if (open && !fence) open.text += `${line}\n`;
    else if (open) {
      blocks.push(open);
      open = null;
    } else if (fence) {
      const mark = MARK.exec(lines[at - 1]?.trim() ?? "");
      open = { page, line: at + 1, language: fence[1] ?? "", text: "", notRun: mark?.[1] ?? null };
    }
  }
  if (open) throw new Error(`${page}:${open.line}: a code block without an end`);
  return blocks;
}

export const pages = globSync(["README.md", "CONTRIBUTING.md", "docs/**/*.md"], { cwd: root }).toSorted();
export const placeOf = ({ page, line }: Block): string => `${page}:${line}`;
