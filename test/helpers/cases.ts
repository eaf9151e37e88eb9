/** The realistic files of test/cases, with the right result of each. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const casesFolder = join(__dirname, "../cases");

/** Reads `cases.json`. `Case`: the members of a case that the caller needs. */
export const knownCases = <Case>(): { datasets: Record<string, { description: string }>; cases: Case[] } =>
  JSON.parse(readFileSync(join(casesFolder, "cases.json"), "utf8"));
