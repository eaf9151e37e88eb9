/**
 * Lines that are written together, a moment later. A write costs as much as the request whose line it is may cost in all; with
 * a few dozen lines in one it costs nearly nothing. A process that is killed loses the lines of that moment.
 */

const SOON_MS = 50;
/** In characters. */
const MOST_WAITING = 16_384;

let waiting: string[] = [];
let length = 0;
let timer: NodeJS.Timeout | undefined;
let isHooked = false;

/** Writes what waits, in one call. */
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
