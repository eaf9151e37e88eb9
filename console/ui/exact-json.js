/**
 * Parses JSON without losing digits of numbers. JSON.parse alone turns 9007199254740993 into 9007199254740992, and nobody would
 * notice.
 */

/** @typedef {{ rawJSON: string }} RawNumber a number that JavaScript cannot hold, kept as its text */

/** Chromium and Firefox have these functions. Other browsers lose such digits. */
const own = /** @type {{ rawJSON?: (text: string) => RawNumber, isRawJSON?: (value: unknown) => boolean }} */ (
  /** @type {unknown} */ (JSON)
);

/** @param {unknown} value @returns {value is RawNumber} */
export const isRawNumber = (value) => own.isRawJSON?.(value) ?? false;

/** The digits of a number, without its sign, its point, and zeros at both ends. @param {string} text */
const digitsOf = (text) => text.replace(/e.*$/i, "").replaceAll(/[-.]/g, "").replace(/^0+/, "").replace(/0+$/, "");

/** @param {string} source @param {number} value */
const isExact = (source, value) => Number.isFinite(value) && digitsOf(source) === digitsOf(String(value));

/**
 * Works as JSON.parse, but a number that would lose digits becomes a `RawNumber`. JSON.stringify writes that with its original
 * text.
 * @param {string} text
 * @returns {any} Throws SyntaxError.
 */
export function parseExact(text) {
  const { rawJSON } = own;
  if (!rawJSON || !/[\d.]{16}|\de[+-]?\d/i.test(text)) return JSON.parse(text);
  const revive = (
    /** @type {string} */ _name,
    /** @type {unknown} */ value,
    /** @type {{ source?: string }} */ context,
  ) =>
    typeof value === "number" && context?.source !== undefined && !isExact(context.source, value)
      ? rawJSON(context.source)
      : value;
  return JSON.parse(text, /** @type {any} */ (revive));
}
