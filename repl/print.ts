import { format } from "node:util";
import { visible } from "../lib/log/visible.cjs";

/** Colours and cursor columns, which Moleculer's own commands write. Those commands do not escape the texts of others. */
const LAYOUT = new RegExp(`(${String.fromCharCode(27)}\\[[\\d;]*m|\\t)`);

const safePart = (part: string) => (LAYOUT.test(part) ? part : visible(part));
const safeLine = (line: string) => line.split(LAYOUT).map(safePart).join("");

/** Escapes control characters in everything that `console` prints from now on, except colours. */
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
