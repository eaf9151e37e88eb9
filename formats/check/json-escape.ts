/** How the bytes of a text in UTF-8 are written in a string of JSON. */

const QUOTE = 34;
const BACKSLASH = 92;

/** What a byte of a text is there: itself, or an escape. */
export const PLAIN = 0;
export const ESCAPED = 1;

export const inText = new Uint8Array(256).map((_, byte) =>
  byte < 32 || byte === QUOTE || byte === BACKSLASH ? ESCAPED : PLAIN,
);

/** The bytes that JSON writes for those that it escapes. */
const escapes = Array.from({ length: BACKSLASH + 1 }, (_, byte) =>
  Buffer.from(JSON.stringify(String.fromCharCode(byte)).slice(1, -1)),
);
export const LONGEST_ESCAPE = 6;

interface Text {
  data: Buffer;
  from: number;
  to: number;
}

/** Writes a text into `out`, from `at` on, and answers where it ends. `isDoubled`: two quotes are one quote of the text. */
export function writeEscaped(out: Buffer, at: number, { data, from, to }: Text, isDoubled: boolean): number {
  let end = at;
  for (let next = from; next < to; next++) {
    const byte = data[next] as number;
    if (inText[byte] === PLAIN) out[end++] = byte;
    else for (const escaped of escapes[byte] as Buffer) out[end++] = escaped;
    if (byte === QUOTE && isDoubled) next++;
  }
  return end;
}
