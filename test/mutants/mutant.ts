import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Lines of a file that are changed one at a time, and the tests of which one then has to fail. */
export interface Mutants {
  file: string;
  /** Paths under test/. */
  tests: string[];
  /** A line's text, or enough of it to be there once, and what stands there instead; nothing: the text is taken out. */
  lines: [text: string, instead?: string][];
}

export interface Mutant extends Omit<Mutants, "lines"> {
  text: string;
  instead: string;
}

/** One by one. Throws where a text is not in its file, or there more than once: the line has changed, and so must the list. */
export function mutantsIn(root: string, lists: Mutants[]): Mutant[] {
  return lists.flatMap(({ lines, ...rest }) => {
    const whole = readFileSync(join(root, rest.file), "utf8");
    return lines.map(([text, instead = ""]) => {
      const times = whole.split(text).length - 1;
      if (times !== 1) throw new Error(`${rest.file} has ${times} times: ${text}`);
      return { ...rest, text, instead };
    });
  });
}
