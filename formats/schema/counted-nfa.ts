import type { RE2JS } from "re2js";
import { RE2JS as Engine } from "re2js";

type Program = RE2JS["re2Input"];

/** The engine of re2js that follows all paths through a pattern at once. Their number is not known before. */
interface Machine {
  step(threads: { size: number }, ...rest: unknown[]): void;
}
type MachineClass = { fromRE2(program: Program): Machine };

/** re2js does not export this engine, so we take it from a pattern that is too large for its other engines. */
function machineClass(): MachineClass {
  const pattern = Engine.compile("(?:[ab]?[cd]){300}");
  pattern.matcher("a").find();
  const [machine] = pattern.re2Input.machinePool;
  return machine.constructor;
}

let Machines: MachineClass | undefined;

/** Calls `count` for each letter with the number of paths that are followed there. One step of a path takes about 25 ns. */
export function countSteps(program: Program, count: (steps: number) => void): void {
  const pool = program.machinePool;
  program.get = () => pool.pop() ?? counted(program, count);
}

function counted(program: Program, count: (steps: number) => void): Machine {
  Machines ??= machineClass();
  const machine = Machines.fromRE2(program);
  const step = machine.step.bind(machine);
  machine.step = (threads, ...rest) => {
    count(threads.size);
    step(threads, ...rest);
  };
  return machine;
}
