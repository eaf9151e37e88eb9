/** `npm run migrate`: see migrate-run.ts. If it fails, it prints a message and exits with 1. */
import { exitOnFault, processConfig } from "../config/config.ts";
import { migrate } from "./migrate-run.ts";

process.exitCode = await migrate(exitOnFault(processConfig), console, process.argv.slice(2));
