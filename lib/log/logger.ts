import { inspect } from "node:util";
import { Loggers } from "moleculer";
import { visible } from "./visible.cjs";

interface LogOptions {
  format: "pretty" | "json";
  level: "fatal" | "error" | "warn" | "info" | "debug" | "trace";
}

type Formatter = ReturnType<Loggers.Console["getFormatter"]>;

/** Moleculer's console logger. Text of partners and servers cannot control the terminal or look like another line. */
export class SafeLogger extends Loggers.Console {
  readonly #isJson: boolean;

  constructor({ format, level }: LogOptions) {
    const isJson = format === "json";
    super({ formatter: isJson ? "json" : "short", level, objectPrinter: isJson ? plain : indented });
    this.#isJson = isJson;
  }

  override getFormatter(bindings: Parameters<Loggers.Console["getFormatter"]>[0]): Formatter {
    const format = super.getFormatter(bindings);
    // JSON escapes only some of them.
    if (this.#isJson) return (type, args) => format(type, args).map(visible);
    return (type, args) =>
      format(
        type,
        args.map((arg) => (typeof arg === "string" ? visible(arg) : arg)),
      );
  }
}

const plain = (value: unknown) => inspect(value, { depth: 2, breakLength: Number.POSITIVE_INFINITY });

/** A stack has several lines. They are indented, so none looks like a log line. */
const indented = (value: unknown) => plain(value).split("\n").map(visible).join("\n  ");

/** A text of others for one log line: no line breaks or control characters, at most `most` characters. */
export function oneLine(text: string, most: number): string {
  // Cut first: the text may have megabytes.
  const line = text.slice(0, most).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
  return text.length > most ? `${line}…` : line;
}
