/** Values of a log line that have a name: members of a line of JSON, `name=value` in a line for people. */
import type { ServiceBroker } from "moleculer";
import { visible } from "./visible.cjs";

/** Undefined: the line is without it. */
export type FieldValues = Record<string, string | number | boolean | null | undefined>;

/** Given to a logger beside the text. A class, so that no other object of a log line passes for one. */
export class Fields {
  readonly values: FieldValues;

  constructor(values: FieldValues) {
    this.values = values;
  }
}

export type Logger = ServiceBroker["logger"];

const levels = ["fatal", "error", "warn", "info", "debug", "trace"] as const;

/** A logger whose lines all have these values. It has the levels that the given one has. */
export function withFields<L extends Partial<Logger>>(logger: L, values: FieldValues): L {
  const fields = new Fields(values);
  const bound = levels.map((level) => [level, (...args: unknown[]) => logger[level]?.(...args, fields)] as const);
  const withThem: Partial<Logger> = Object.fromEntries(bound.filter(([level]) => logger[level]));
  // It has the methods that L has.
  return withThem as L;
}

/** What needs quotes: with a blank, a quote or an equals sign in it a value could pass for several. */
const AMBIGUOUS = /[\s"=]|^$/;

const shown = (value: unknown): string => {
  const text = String(value);
  return visible(AMBIGUOUS.test(text) ? JSON.stringify(text) : text);
};

/** The values for a line that people read. */
export const fieldsAsText = (values: FieldValues): string =>
  Object.entries(values)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${name}=${shown(value)}`)
    .join(" ");
