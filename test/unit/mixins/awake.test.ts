import { setImmediate as turn } from "node:timers/promises";
import { Awake } from "../../../mixins/awake.ts";

/** More turns than it stays awake for. */
const LONG = 200;

describe("the loop that is kept turning for an answer", () => {
  let isExpecting = false;
  let looks = 0;
  let awake: Awake;
  const turns = async (count: number) => {
    for (let i = 0; i < count; i++) await turn();
  };
  /** How often it looked for an answer that never came. */
  async function looksInVain(): Promise<number> {
    looks = 0;
    isExpecting = true;
    awake.begin();
    await turns(LONG);
    isExpecting = false;
    return looks;
  }

  beforeEach(() => {
    awake = new Awake(() => {
      looks++;
      return isExpecting;
    });
    looks = 0;
  });

  test("turns until the answer is there, and no longer", async () => {
    isExpecting = true;
    awake.begin();
    await turns(5);
    isExpecting = false;
    await turns(LONG);
    expect(looks).toBeGreaterThan(3);
    expect(looks).toBeLessThan(8);
  });

  test("goes to sleep when none comes", async () => {
    const most = await looksInVain();
    expect(most).toBeLessThan(LONG / 2);
    looks = 0;
    await turns(LONG);
    expect(looks).toBe(0);
  });

  test("is tried ever more seldom while none comes in time, and always once one does", async () => {
    const tries = async (times: number) => {
      let tried = 0;
      for (let i = 0; i < times; i++) if ((await looksInVain()) > 0) tried++;
      return tried;
    };
    expect(await tries(30)).toBe(4);
    // The first of these waits for its try; from then on each is one.
    isExpecting = false;
    for (looks = 0; looks === 0; await turns(2)) awake.begin();
    looks = 0;
    awake.begin();
    await turns(2);
    expect(looks).toBe(1);
  });

  test("an answer and the next question between two turns are no reason to sleep", async () => {
    isExpecting = true;
    for (let i = 0; i < LONG; i++) {
      awake.begin();
      await turn();
    }
    expect(looks).toBeGreaterThan(LONG - 3);
  });
});
