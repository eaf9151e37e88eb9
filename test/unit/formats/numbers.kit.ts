/** Numbers as text by the thousand, the same ones each time; and what they are as whole numbers, which are never wrong. */

const digits = (random: () => number, most: number): string =>
  Array.from({ length: Math.floor(random() * most) }, () => Math.floor(random() * 10)).join("");

/** Long and short ones, many of them close to each other and to what a double holds. */
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

/** A double above 0, as a schema gives it. */
export function aDivisor(random: () => number): number {
  const number = Math.abs(Number(anyNumber(random)));
  return number > 0 && Number.isFinite(number) ? number : 0.25;
}

/** The numbers times one and the same power of ten, by which all of them (of this kit) become whole. */
export const asBigInts = (...texts: string[]): [bigint, bigint] =>
  texts.map((text) => {
    const [, sign, whole = "", fraction = "", exponent = "0"] = /^(-?)(\d+)\.?(\d*)(?:e(.+))?$/i.exec(text) ?? [];
    const size = BigInt(whole + fraction) * 10n ** BigInt(800 - fraction.length + Number(exponent));
    return sign === "-" ? -size : size;
  }) as [bigint, bigint];
