/**
 * Every page of the console: a line each, in the order of the navigation. A page that is not here does not exist. Its file is loaded
 * when it is opened.
 */

/** @import { PageEntry } from "../types.d.ts" */

/** @type {PageEntry[]} */
export const pages = [
  // Operators
  {
    path: "/",
    title: "Overview",
    side: "operator",
    nav: { icon: "overview", key: "o" },
    load: () => import("./overview.js"),
  },
  {
    path: "/audit",
    title: "Audit",
    side: "operator",
    nav: { icon: "audit", key: "a" },
    load: () => import("./audit.js"),
  },
  {
    path: "/operators",
    title: "Operators",
    side: "operator",
    nav: { icon: "operators", key: "p" },
    load: () => import("./operators.js"),
  },
  // Partners
  { path: "/", title: "Home", side: "partner", nav: { icon: "home", key: "o" }, load: () => import("./home.js") },
];
