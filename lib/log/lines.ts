/**
 * Collects log lines and writes them together, a moment later. One write for each line would cost as much CPU as the
 * request that the line is about. One write for a few dozen lines costs nearly nothing. A killed process loses the
 * lines that are not written yet.
 */

const SOON_MS = 50;
/** The most characters that wait to be written. */
const MOST_WAITING = 16_384;

let waiting: string[] = [];
let length = 0;
let timer: NodeJS.Timeout | undefined;
let isHooked = false;

/** Writes all waiting lines in one call. */
export function writeLines(): void {
  clearTimeout(timer);
  timer = undefined;
  if (waiting.length === 0) return;
  const text = waiting.join("\n");
  waiting = [];
  length = 0;
  console.log(text);
}

export function writeSoon(line: string): void {
  if (!isHooked) process.once("exit", writeLines);
  isHooked = true;
  waiting.push(line);
  length += line.length;
  if (length >= MOST_WAITING) writeLines();
  else timer ??= setTimeout(writeLines, SOON_MS).unref();
}
