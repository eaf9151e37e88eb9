/** What an operator's role allows: the least role for each route of operators. */
import { Problem } from "../../../lib/errors.ts";
import { allows, type OperatorRole } from "../../operator/operator.domain.ts";

/** Reads are for every operator, and so are these, which change nothing. */
const looks = ["POST /datasets/check", "POST /datasets/:name/try"];
/** What these groups of routes change is for admins. Other changes, such as the moves of batches, are for operators too. */
const forAdmins = ["/clients", "/datasets", "/operators", "/erasures"];

const isUnder = (path: string) => (group: string) => path === group || path.startsWith(`${group}/`);

/** `route`: as `POST /batches/:id/approve`, without `/admin`. */
export function leastRoleFor(route: string): OperatorRole {
  const [method = "", path = ""] = route.split(" ");
  if (method === "GET" || looks.includes(route)) return "viewer";
  return forAdmins.some(isUnder(path)) ? "admin" : "operator";
}

/** Throws forbidden. */
export function refuseBeyondRole(role: OperatorRole, route: string): void {
  const least = leastRoleFor(route);
  if (allows(role, least)) return;
  throw new Problem("forbidden", `This is for the role ${least}; yours is ${role}.`);
}
