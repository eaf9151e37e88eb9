/** Captures the log of the nodes in this process. */
import { until } from "./patience.ts";

export type LogLine = Record<string, unknown> & { level: string; msg: string };

export interface Logged {
  /** The whole log as it was written. */
  text(): string;
  /** The log lines, parsed from JSON. */
  lines(): LogLine[];
  /** Waits for a log line that has these members. */
  line(members: Record<string, unknown>): Promise<LogLine>;
}

/** Starts to capture. The test's `jest.restoreAllMocks` ends it. */
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
