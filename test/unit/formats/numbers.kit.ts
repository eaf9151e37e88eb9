/** Thousands of numbers as text, the same in each run, and their exact values as BigInt. */

const digits = (random: () => number, most: number): string =>
  Array.from({ length: Math.floor(random() * most) }, () => Math.floor(random() * 10)).join("");

/** Long and short numbers. Many are close to each other, and close to a number that a double holds. */
export function anyNumber(random: () => number): string {
  const pick = Math.floor(random() * 6);
  const sign = random() < 0.3 ? "-" : "";
  if (pick === 0) return `${sign}${Math.floor(random() * 20)}`;
  if (pick === 1) return `${sign}${(Math.floor(random() * 10_000) / 100).toFixed(2)}`;
  if (pick === 2) return `${sign}${9007199254740980n + BigInt(Math.floor(random() * 30))}`;
  if (pick === 3) return `${sign}${random()}`;
  const whole = digits(random, 25).replace(/^0+/, "") || "0";
  const fraction = digits(random, 25);
  const exponent = pick === 4 ? "" : `${random() < 0.5 ? "e" : "E"}${Math.floor(random() * 700) - 350}`;
  return `${sign}${whole}${fraction && `.${fraction}`}${exponent}`;
}

/** A double above 0, as a schema's `multipleOf` has it. */
export function aDivisor(random: () => number): number {
  const number = Math.abs(Number(anyNumber(random)));
  return number > 0 && Number.isFinite(number) ? number : 0.25;
}

/** The numbers as BigInt: each is multiplied by the same power of ten, which makes all numbers of this kit whole. */
export const asBigInts = (...texts: string[]): [bigint, bigint] =>
  texts.map((text) => {
    const [, sign, whole = "", fraction = "", exponent = "0"] = /^(-?)(\d+)\.?(\d*)(?:e(.+))?$/i.exec(text) ?? [];
    const size = BigInt(whole + fraction) * 10n ** BigInt(800 - fraction.length + Number(exponent));
    return sign === "-" ? -size : size;
  }) as [bigint, bigint];
