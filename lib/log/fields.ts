/** Named values of a log line. A JSON line has them as members, a line for people as `name=value`. */
import type { ServiceBroker } from "moleculer";
import { visible } from "./visible.cjs";

/** Named values. The log line leaves out a value that is undefined. */
export type FieldValues = Record<string, string | number | boolean | null | undefined>;

/** Named values as an argument of a logger. This is a class, so that no other logged object is mistaken for them. */
export class Fields {
  readonly values: FieldValues;

  constructor(values: FieldValues) {
    this.values = values;
  }
}

export type Logger = ServiceBroker["logger"];

const levels = ["fatal", "error", "warn", "info", "debug", "trace"] as const;

/** Makes a logger that adds these values to each line. The new logger has the same levels as `logger`. */
export function withFields<L extends Partial<Logger>>(logger: L, values: FieldValues): L {
  const fields = new Fields(values);
  const bound = levels.map((level) => [level, (...args: unknown[]) => logger[level]?.(...args, fields)] as const);
  const withThem: Partial<Logger> = Object.fromEntries(bound.filter(([level]) => logger[level]));
  return withThem as L;
}

/** Values that need quotes. A blank, a quote or an equals sign could make one value look like several. */
const AMBIGUOUS = /[\s"=]|^$/;

const shown = (value: unknown): string => {
  const text = String(value);
  return visible(AMBIGUOUS.test(text) ? JSON.stringify(text) : text);
};

/** Formats the values for a log line that people read. */
export const fieldsAsText = (values: FieldValues): string =>
  Object.entries(values)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${name}=${shown(value)}`)
    .join(" ");
