import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Lines of a file that are changed one at a time. One of the tests has to fail for each change. */
export interface Mutants {
  file: string;
  /** The tests, as paths under test/. */
  tests: string[];
  /** A text that occurs once in the file, and its replacement. Without a replacement the text is removed. */
  lines: [text: string, instead?: string][];
}

export interface Mutant extends Omit<Mutants, "lines"> {
  text: string;
  instead: string;
}

/**
 * Makes all mutants. Throws if a text is missing from its file or occurs more than once: the line has changed, so the list must
 * change too.
 */
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
