import { inspect } from "node:util";
import { Loggers } from "moleculer";
import { Fields, type FieldValues, fieldsAsText } from "./fields.ts";
import { writeLines, writeSoon } from "./lines.ts";
import { visible } from "./visible.cjs";

interface LogOptions {
  format: "pretty" | "json";
  level: "fatal" | "error" | "warn" | "info" | "debug" | "trace";
}

type Bindings = Parameters<Loggers.Console["getFormatter"]>[0];
const levels: readonly string[] = Loggers.Base.LEVELS;

type Formatter = ReturnType<Loggers.Console["getFormatter"]>;

/** The module of the access log. */
export const ACCESS = "access";
/** The modules that write a line for each request or batch. */
const talkative = [ACCESS, "batch", "webhook"];
/** The module of Moleculer's spans (TRACING_URL). Its lines below `info` show what requests and calls carry. */
const TRACER = "tracer";

/**
 * Moleculer's console logger. Text of partners and servers cannot control the terminal or look like another line. It also takes
 * named values (`Fields`).
 */
export class SafeLogger extends Loggers.Console {
  readonly #isJson: boolean;
  readonly #least: number;

  constructor({ format, level }: LogOptions) {
    const isJson = format === "json";
    super({ formatter: "short", level, ...(isJson && { colors: false }), objectPrinter: isJson ? plain : indented });
    this.#isJson = isJson;
    this.#least = levels.indexOf(level);
  }

  /**
   * Collects the many lines of the access log and of batches, and writes them together. A warning is written after the lines
   * before it.
   */
  override getLogHandler(bindings: Bindings): ReturnType<Loggers.Console["getLogHandler"]> {
    const handler = super.getLogHandler(bindings);
    if (handler && bindings?.mod === TRACER) {
      return (level, args) => levels.indexOf(level) <= levels.indexOf("info") && handler(level, args);
    }
    if (!handler || !talkative.includes(bindings?.mod ?? "")) return handler;
    const format = this.getFormatter(bindings);
    return (level, args) => {
      if (levels.indexOf(level) > this.#least) return;
      if (level === "info") return writeSoon(format(level, args).join(" "));
      writeLines();
      handler(level, args);
    };
  }

  override stop(): void {
    writeLines();
    super.stop();
  }

  override getFormatter(bindings: Bindings): Formatter {
    if (this.#isJson) return (level, args) => [jsonLine(level, args, bindings)];
    const format = super.getFormatter(bindings);
    return (level, args) => format(level, forPeople(args));
  }
}

const isFields = (arg: unknown): arg is Fields => arg instanceof Fields;

/** The values of a line. A child logger adds its own to those that the line has. */
const valuesIn = (args: unknown[]): FieldValues =>
  Object.assign({}, ...args.filter(isFields).map(({ values }) => values));

/** Moleculer's own form of a line, with the named values. JSON itself escapes only some of what cannot be seen. */
function jsonLine(level: string, args: unknown[], bindings: object): string {
  const texts = args.filter((arg) => !isFields(arg));
  const msg = texts.map((arg) => (typeof arg === "object" && arg !== null ? plain(arg) : arg)).join(" ");
  return visible(JSON.stringify({ ts: Date.now(), level, msg, ...valuesIn(args), ...bindings }));
}

/** The values come right after the text: an error may follow, which has several lines. */
function forPeople(args: unknown[]): unknown[] {
  const [first, ...rest] = args
    .filter((arg) => !isFields(arg))
    .map((arg) => (typeof arg === "string" ? visible(arg) : arg));
  const fields = fieldsAsText(valuesIn(args));
  return [first, ...(fields ? [fields] : []), ...rest];
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
