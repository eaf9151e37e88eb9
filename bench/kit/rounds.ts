/**
 * Runs what is compared in turns, so that a busy neighbour hits all of it alike: a b c, a b c, … after a first round
 * that warms up and does not count.
 */
export async function inTurns<Name extends string>(
  rounds: number,
  contenders: Record<Name, (isWarmUp: boolean) => Promise<number>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contenders) as Name[];
  const figures = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round <= rounds; round++)
    for (const name of names) {
      const figure = await contenders[name](round === 0);
      if (round > 0) figures[name].push(figure);
    }
  return figures;
}
