/** The longest name that is compared, because the work grows with the product of the lengths. */
const LONGEST = 40;
/** How many names are compared at most. */
const MOST_NAMES = 300;

/** The position of the name that is most similar to `name`. One letter in three may differ. Null: no name is similar. */
export function near(name: string, names: readonly string[]): number | null {
  let best: number | null = null;
  let least = Math.max(1, Math.floor(name.length / 3)) + 1;
  if (name.length > LONGEST) return null;
  for (const [i, other] of names.slice(0, MOST_NAMES).entries()) {
    if (Math.abs(other.length - name.length) >= least || other.length <= 2) continue;
    const distance = distanceOf(name, other);
    if (distance < least) {
      least = distance;
      best = i;
    }
  }
  return best;
}

/** The edit distance: how many letters must be inserted, deleted, changed, or swapped with their neighbour. */
function distanceOf(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1];
      let least = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + (isSame ? 0 : 1),
      );
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        least = Math.min(least, (beforeLast[j - 2] as number) + 1);
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return last[other.length] as number;
}
