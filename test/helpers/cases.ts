/** The real-life files of test/cases, with the right answer to each. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const casesFolder = join(__dirname, "../cases");

/** What a caller needs of `cases.json`, as its own type of a case. */
export const knownCases = <Case>(): { datasets: Record<string, { description: string }>; cases: Case[] } =>
  JSON.parse(readFileSync(join(casesFolder, "cases.json"), "utf8"));
