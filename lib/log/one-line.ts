/** What others told us, in a line of a log: without line breaks and what steers a terminal, and not longer than `most`. */
export function oneLine(text: string, most: number): string {
  // Cut first: what was sent may be megabytes.
  const line = text.slice(0, most).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
  return text.length > most ? `${line}…` : line;
}
