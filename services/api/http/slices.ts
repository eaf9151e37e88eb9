const MOST = 64 * 1024;

/** A long text in parts, so that none keeps the event loop for long. No character of two code units is cut. */
export function* slices(text: string, most = MOST): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const isCut = /[\uD800-\uDBFF]/.test(text[at + most - 1] ?? "");
    const end = at + most - (isCut ? 1 : 0);
    yield text.slice(at, end);
    at = end;
  }
}
