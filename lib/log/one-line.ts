/** A text of others for one log line: no line breaks or control characters, at most `most` characters. */
export function oneLine(text: string, most: number): string {
  // Cut first: the text may have megabytes.
  const line = text.slice(0, most).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
  return text.length > most ? `${line}…` : line;
}
