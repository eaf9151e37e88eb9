/** Work on the items of a list: several items at the same time, in order, until a limit of time. */

interface Pace {
  atOnce: number;
  /** Whether no further item may begin. Called before each item. */
  isOver: () => boolean;
}

/**
 * Works on `items` in order. Answers how many items it has begun, all of which have ended. Those are the first items of
 * the list.
 */
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

/**
 * Limits how much work of one key runs at the same time, such as the uploads of a client. Work without a place waits,
 * in order.
 */
export class Places {
  private readonly taken = new Map<number, { count: number; waiting: (() => void)[] }>();

  /** Runs `work` on one of the key's `most` places. */
  async run<T>(key: number, most: number, work: () => Promise<T>): Promise<T> {
    const places = this.taken.get(key) ?? { count: 0, waiting: [] };
    this.taken.set(key, places);
    if (places.count < most) places.count++;
    // Work that ends hands its place to the work that waits longest.
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
