/** Walks through JSON texts that are known to be valid, without making values of them. */
const QUOTE = 34;
const BACKSLASH = 92;
/** `[` and `{`, and `]` and `}`, differ in this bit alone. */
const CURLY = 32;
const OPENS = 123;
const CLOSES = 125;

/** The place behind the string that begins at `at`. */
export function stringEnd(json: string, at: number): number {
  for (let end = json.indexOf('"', at + 1); ; end = json.indexOf('"', end + 1)) {
    let escapes = end;
    while (json.charCodeAt(escapes - 1) === BACKSLASH) escapes--;
    if ((end - escapes) % 2 === 0) return end + 1;
  }
}

/** Whether arrays and objects are nested deeper than `limit` levels. */
export function isNestedDeeper(json: string, limit: number): boolean {
  // Each level takes two letters.
  if (json.length <= 2 * limit || !(holdsMore(json, "{", limit / 2) || holdsMore(json, "[", limit / 2))) return false;
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(json, at) - 1;
    else if ((code | CURLY) === OPENS && ++depth > limit) return true;
    else if ((code | CURLY) === CLOSES) depth--;
  }
  return false;
}

/** Asked first, since most long texts hold few lists: V8 finds a letter some ten times as fast as we can look at each. */
function holdsMore(json: string, letter: string, most: number): boolean {
  let found = 0;
  for (let at = json.indexOf(letter); at >= 0; at = json.indexOf(letter, at + 1)) if (++found > most) return true;
  return false;
}
