/** `npm run apply -- FILE…`: see apply-run.ts. It exits with 1 on any fault. */
import { apply } from "./apply-run.ts";

process.exitCode = await apply(process.argv.slice(2), process.env, console);
