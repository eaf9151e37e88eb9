import type { RE2JS } from "re2js";
import { RE2JS as Engine } from "re2js";

type Program = RE2JS["re2Input"];

/** The part of re2js that follows all ways through a pattern at once. Nobody knows before how many there will be. */
interface Machine {
  step(threads: { size: number }, ...rest: unknown[]): void;
}
type MachineClass = { fromRE2(program: Program): Machine };

/** re2js gives it no name outside: it is taken from a pattern that is too large for any other of its engines. */
function machineClass(): MachineClass {
  const pattern = Engine.compile("(?:[ab]?[cd]){300}");
  pattern.matcher("a").find();
  const [machine] = pattern.re2Input.machinePool;
  return machine.constructor;
}

let Machines: MachineClass | undefined;

/** Has `count` told of each letter how many ways are followed there; a step of a way takes some 25 ns. */
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
