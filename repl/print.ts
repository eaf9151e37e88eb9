import { format } from "node:util";
import { visible } from "../lib/log/visible.cjs";

/** What Moleculer's own commands write beside text: colours, and columns. They print what others wrote as it is. */
const LAYOUT = new RegExp(`(${String.fromCharCode(27)}\\[[\\d;]*m|\\t)`);

const safePart = (part: string) => (LAYOUT.test(part) ? part : visible(part));
const safeLine = (line: string) => line.split(LAYOUT).map(safePart).join("");

/** Nothing that this process prints by `console` from now on steers the terminal, but for its colours. */
export function printSafely(): void {
  for (const name of ["log", "info", "warn", "error"] as const) {
    const print = console[name].bind(console);
    console[name] = (...values: unknown[]) =>
      print(
        format(...values)
          .split("\n")
          .map(safeLine)
          .join("\n"),
      );
  }
}
