/** Work on a list, several at the same time and in order, until a time is over. */

interface Pace {
  atOnce: number;
  /** Asked before each item: whether nothing more may begin. */
  isOver: () => boolean;
}

/** Works on `items` in order, and answers how many it has begun, all of which have ended: those are the first ones of the list. */
export async function inLanes<Item>(
  items: readonly Item[],
  { atOnce, isOver }: Pace,
  work: (item: Item) => Promise<void>,
): Promise<number> {
  let begun = 0;
  const lane = async () => {
    while (begun < items.length && !isOver()) await work(items[begun++] as Item);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return begun;
}

/** Places by key, such as the uploads of a client. Who finds none waits, in order. */
export class Places {
  private readonly taken = new Map<number, { count: number; waiting: (() => void)[] }>();

  /** Runs `work` on one of the key's `most` places. */
  async run<T>(key: number, most: number, work: () => Promise<T>): Promise<T> {
    const places = this.taken.get(key) ?? { count: 0, waiting: [] };
    this.taken.set(key, places);
    if (places.count < most) places.count++;
    // Who leaves hands its place on.
    else await new Promise<void>((resolve) => places.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = places.waiting.shift();
      if (next) next();
      else places.count--;
    }
  }
}
