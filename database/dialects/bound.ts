/** Units of a dialect with what they run on in front: the methods of a seam. */
export const bound = <On>(units: Record<string, (on: On, ...args: never[]) => unknown>, on: On) =>
  Object.fromEntries(Object.entries(units).map(([name, unit]) => [name, unit.bind(null, on)]));
