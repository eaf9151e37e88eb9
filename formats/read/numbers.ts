/** Reads numbers as people write them: with a decimal comma, with groups of digits, with a currency. */

export interface NumberFormat {
  decimalChar: string;
  groupChar: string | null;
  /** False: text before and after the digits is dropped, except a minus. */
  bareNumber: boolean;
}

export const plainNumbers: NumberFormat = { decimalChar: ".", groupChar: null, bareNumber: true };

export const isPlainNumbers = ({ decimalChar, groupChar, bareNumber }: NumberFormat): boolean =>
  decimalChar === "." && groupChar === null && bareNumber;

/** Blanks between groups of digits, including those that do not break the line. */
const BLANKS = "[ \\u00a0\\u202f]";
const escaped = (char: string): string => char.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

/** Signs that mean a minus. */
const MINUS = /[-\u2212]/;
/** Other dashes. They may be punctuation or a minus that a program replaced, so a number with one is refused. */
const DASH = /(?!-)\p{Pd}|[\u207b\u208b]/u;
/** Text that may come before and after the digits: no digit, and no bracket. `(95)` is −95 to an accountant, so it is refused. */
const AROUND = /^[^\p{N}()[\]{}<>]*$/u;

const MINUS_SIGN = 45;
const ZERO = 48;
const NINE = 57;
const isDigit = (code: number): boolean => code >= ZERO && code <= NINE;

export class NumberReader {
  readonly #format: NumberFormat;
  readonly #number: RegExp;
  readonly #grouping: RegExp | null;
  readonly #inside: RegExp;

  constructor(format: NumberFormat) {
    this.#format = format;
    const point = escaped(format.decimalChar);
    const group =
      format.groupChar === null ? null : format.groupChar.trim() === "" ? BLANKS : escaped(format.groupChar);
    const plain = "\\d+";
    // Groups of three, or of two before the last three, as in India. 0.123 is not a grouped 123.
    const grouped =
      group === null ? "" : `|[1-9]\\d{0,2}(?:${group}\\d{3})+|[1-9]\\d?(?:${group}\\d{2})+${group}\\d{3}`;
    const exponent = "(?:[eE][+-]?0*\\d{1,15})?";
    this.#number = new RegExp(
      `^\\s*([+-]?)(?:(${plain}${grouped})(?:${point}(\\d*))?|${point}(\\d+))(${exponent})\\s*$`,
    );
    this.#grouping = group === null ? null : new RegExp(group, "g");
    this.#inside = new RegExp(`^([^\\p{N}]*?)((?:${point})?\\d(?:.*\\d)?)([^\\p{N}]*)$`, "su");
  }

  /** The number in JavaScript's notation, with its digits unchanged. Null: the text is not a number. */
  read(text: string): string | null {
    const plain = this.#plain(text);
    if (plain !== null) return plain;
    return this.#bare(text) ?? (this.#format.bareNumber ? null : this.#dressed(text));
  }

  /** The fast way for digits with at most one decimal character. Null: the text needs the full check. */
  #plain(text: string): string | null {
    const { decimalChar } = this.#format;
    let point = -1;
    for (let at = text.charCodeAt(0) === MINUS_SIGN ? 1 : 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code >= ZERO && code <= NINE) continue;
      if (
        point >= 0 ||
        text[at] !== decimalChar ||
        !isDigit(text.charCodeAt(at - 1)) ||
        !isDigit(text.charCodeAt(at + 1))
      )
        return null;
      point = at;
    }
    if (point < 0) return isDigit(text.charCodeAt(text.length - 1)) ? text : null;
    return decimalChar === "." ? text : `${text.slice(0, point)}.${text.slice(point + 1)}`;
  }

  #bare(text: string): string | null {
    const match = this.#number.exec(text);
    if (match === null) return null;
    const [, sign = "", whole = "", fraction, rest, exponent = ""] = match;
    const digits = this.#grouping === null ? whole : whole.replace(this.#grouping, "");
    const decimals = fraction ?? rest;
    return `${sign}${digits || "0"}${decimals ? `.${decimals}` : ""}${exponent}`;
  }

  #dressed(text: string): string | null {
    const match = this.#inside.exec(text);
    if (match === null) return null;
    const [, before = "", digits = "", behind = ""] = match;
    if (!AROUND.test(before) || !AROUND.test(behind) || MINUS.test(behind) || behind.includes("+")) return null;
    if (DASH.test(before) || DASH.test(behind)) return null;
    // "Rs.95" is not 0.95. And ".95" is not 95 where the decimal character is a comma.
    if (!/^\d/.test(digits) ? /\p{L}$/u.test(before) : /(?:^|[^\p{L}])[.,]$/u.test(before)) return null;
    const signs = before.match(/[-+\u2212]/g) ?? [];
    if (signs.length > 1) return null;
    // Letters between digits, even an exponent, are not an amount.
    const number = /^[^\p{L}]*$/u.test(digits) ? this.#bare(digits) : null;
    if (number === null) return null;
    return signs.length === 1 && MINUS.test(signs[0] as string) ? `-${number}` : number;
  }

  /** An example for error texts: 1234.56 in this format. */
  example(isWhole: boolean): string {
    const { decimalChar, groupChar } = this.#format;
    const whole = groupChar === null ? "1234" : `1${groupChar}234`;
    return isWhole ? whole : `${whole}${decimalChar}56`;
  }
}
