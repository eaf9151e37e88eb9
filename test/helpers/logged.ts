/** What the nodes of this process write to their log. */
import { until } from "./patience.ts";

export type LogLine = Record<string, unknown> & { level: string; msg: string };

export interface Logged {
  /** Everything, as it was written. */
  text(): string;
  /** The lines of JSON. */
  lines(): LogLine[];
  /** Waits for a line that has these members. */
  line(members: Record<string, unknown>): Promise<LogLine>;
}

/** From now on; the test's `jest.restoreAllMocks` ends it. */
export function listen(): Logged {
  const written: string[] = [];
  for (const name of ["error", "warn", "log"] as const)
    jest.spyOn(console, name).mockImplementation((...parts) => void written.push(parts.join(" ")));
  const lines = () =>
    written
      .flatMap((text) => text.split("\n"))
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as LogLine);
  const has = (line: LogLine, members: Record<string, unknown>) =>
    Object.entries(members).every(([name, value]) => line[name] === value);
  return {
    text: () => written.join("\n"),
    lines,
    line: (members) =>
      until(
        async () => lines().find((line) => has(line, members)) ?? false,
        () => `a line with ${JSON.stringify(members)} among\n${written.join("\n")}`,
      ),
  };
}
