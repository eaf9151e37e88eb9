/** The floor of `small`: a bare HTTP server with one durable insert of the body per request. */
import { serveParent } from "../kit/child.ts";
import { openBodies } from "./database.ts";

const { port, close } = await openBodies();
serveParent(async () => port, close);
