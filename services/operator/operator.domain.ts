/** An operator: who it is, and what its role allows. */

/** The roles, from the one that allows least to the one that allows most. */
export const operatorRoles = ["viewer", "operator", "admin"] as const;
export type OperatorRole = (typeof operatorRoles)[number];

/** Whether `role` allows what `least` is needed for. */
export const allows = (role: OperatorRole, least: OperatorRole): boolean =>
  operatorRoles.indexOf(role) >= operatorRoles.indexOf(least);

/** The name of the operator of ADMIN_TOKEN. No other has it. */
export const FIRST_OPERATOR = "admin";

/** An operator without its token. Times are epoch ms. */
export interface Operator {
  name: string;
  role: OperatorRole;
  /** When the token expires. Null: never. */
  expiresAt: number | null;
  version: number;
  createdAt: number;
}

/** What a token says: which operator it is of, and the hash to compare. */
export interface TokenParts {
  tag: string;
  tokenHash: string;
}

export interface KnownOperator extends Operator {
  tag: string;
  /** SHA-256 of the token, in hexadecimal digits. */
  tokenHash: string;
  deletedAt: number | null;
}
