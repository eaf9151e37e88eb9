/**
 * Every page of the console, each an entry. A page that is not here does not exist. Its file is loaded when it is opened.
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
    path: "/batches",
    title: "Batches",
    side: "operator",
    nav: { icon: "batches", key: "b" },
    style: "pages/batch.css",
    load: () => import("./batches.js"),
  },
  {
    path: "/batches/:id",
    title: "Batch",
    side: "operator",
    under: "/batches",
    style: "pages/batch.css",
    load: () => import("./batch.js"),
  },
  {
    path: "/datasets",
    title: "Datasets",
    side: "operator",
    nav: { icon: "datasets", key: "d" },
    load: () => import("./datasets.js"),
  },
  {
    path: "/datasets/:name",
    title: "Dataset",
    side: "operator",
    under: "/datasets",
    style: "editor/editor.css",
    load: () => import("./dataset.js"),
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
  {
    path: "/nodes",
    title: "Nodes",
    side: "operator",
    nav: { icon: "nodes", key: "n" },
    load: () => import("./nodes.js"),
  },
  {
    path: "/deliveries",
    title: "Deliveries",
    side: "operator",
    nav: { icon: "deliveries", key: "w" },
    load: () => import("./deliveries.js"),
  },
  {
    path: "/deliveries/:id",
    title: "Delivery",
    side: "operator",
    under: "/deliveries",
    load: () => import("./delivery.js"),
  },
  {
    path: "/errors",
    title: "Codes of errors",
    side: "operator",
    style: "pages/errors.css",
    load: () => import("./errors.js"),
  },
  {
    path: "/system",
    title: "System",
    side: "operator",
    nav: { icon: "system", key: "s" },
    load: () => import("./system.js"),
  },
  {
    path: "/clients",
    title: "Clients",
    side: "operator",
    nav: { icon: "clients", key: "c" },
    load: () => import("./clients.js"),
  },
  {
    path: "/clients/:id",
    title: "Client",
    side: "operator",
    under: "/clients",
    style: "editor/editor.css",
    load: () => import("./client.js"),
  },
  // Partners
  {
    path: "/",
    title: "Home",
    side: "partner",
    nav: { icon: "home", key: "o" },
    style: "partner/partner.css",
    load: () => import("./home.js"),
  },
  {
    path: "/errors",
    title: "Codes of errors",
    side: "partner",
    style: "pages/errors.css",
    load: () => import("./errors.js"),
  },
  {
    path: "/import",
    title: "Import",
    side: "partner",
    nav: { icon: "upload", key: "i" },
    style: ["pages/batch.css", "partner/partner.css"],
    load: () => import("./import.js"),
  },
  {
    path: "/batches",
    title: "Batches",
    side: "partner",
    nav: { icon: "batches", key: "b" },
    style: "partner/partner.css",
    load: () => import("./my-batches.js"),
  },
  {
    path: "/batches/:id",
    title: "Batch",
    side: "partner",
    under: "/batches",
    style: ["pages/batch.css", "partner/partner.css"],
    load: () => import("./my-batch.js"),
  },
  {
    path: "/batches/:id/mend",
    title: "Mend",
    side: "partner",
    under: "/batches",
    style: "partner/partner.css",
    load: () => import("./mend.js"),
  },
  {
    path: "/datasets",
    title: "Datasets",
    side: "partner",
    nav: { icon: "datasets", key: "t" },
    style: "partner/partner.css",
    load: () => import("./my-datasets.js"),
  },
  {
    path: "/deliveries",
    title: "Deliveries",
    side: "partner",
    nav: { icon: "deliveries", key: "d" },
    load: () => import("./my-deliveries.js"),
  },
  {
    path: "/deliveries/:id",
    title: "Delivery",
    side: "partner",
    under: "/deliveries",
    load: () => import("./my-delivery.js"),
  },
  {
    path: "/developers",
    title: "Developers",
    side: "partner",
    nav: { icon: "code", key: "v" },
    style: "partner/partner.css",
    load: () => import("./developers.js"),
  },
  { path: "/account", title: "Account", side: "partner", load: () => import("./account.js") },
];

/** The order of the navigation. */
const order = {
  operator: ["/", "/batches", "/clients", "/datasets", "/deliveries", "/nodes", "/audit", "/operators", "/system"],
  partner: ["/", "/import", "/batches", "/datasets", "/deliveries", "/developers"],
};

/**
 * The pages in the navigation of a side.
 * @param {"operator" | "partner"} side
 */
export const navOf = (side) =>
  pages
    .filter((page) => page.side === side && page.nav)
    .toSorted((a, b) => order[side].indexOf(a.path) - order[side].indexOf(b.path));
