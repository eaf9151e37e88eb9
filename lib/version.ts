import { createRequire } from "node:module";
import { join } from "node:path";
import { root } from "../root.cjs";

/** The version of DataFlow, as package.json has it. */
export const { version } = createRequire(join(root, "package.json"))("./package.json") as { version: string };
