/** `node bench/soak/again.ts FILE`: judges a recording of an earlier soak (`SOAK_FILE`) by the present bounds. */
import { print } from "../kit/report.ts";
import { judged } from "./judge.ts";
import { Recording } from "./series.ts";

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error("Expected the file of a recording (SOAK_FILE)");
  process.exit(2);
}
const lines = judged(Recording.load(file));
print({ title: file, lines });
if (lines.some(({ goal }) => goal?.isMet === false)) process.exitCode = 1;
