/** The floor of small: bare node:http, one durable insert of the body per request. */
import { serveParent } from "../kit/child.ts";
import { openBodies } from "./database.ts";

const { port, close } = await openBodies();
serveParent(async () => port, close);
