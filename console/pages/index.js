/**
 * The table of all pages. A page that is missing here does not exist. Its file is loaded when the page is opened. Pages with
 * `nav` are in the navigation, in this order.
 */

/** @import { PageEntry } from "../types.d.ts" */

/** @type {Omit<PageEntry, "side">[]} */
const operatorPages = [
  { path: "/", title: "Overview", nav: { icon: "overview", key: "o" }, load: () => import("./overview.js") },
  {
    path: "/batches",
    title: "Batches",
    nav: { icon: "batches", key: "b" },
    style: "pages/batch.css",
    load: () => import("./batches.js"),
  },
  {
    path: "/batches/:id",
    title: "Batch",
    under: "/batches",
    style: "pages/batch.css",
    load: () => import("./batch.js"),
  },
  { path: "/clients", title: "Clients", nav: { icon: "clients", key: "c" }, load: () => import("./clients.js") },
  {
    path: "/clients/:id",
    title: "Client",
    under: "/clients",
    style: "editor/editor.css",
    load: () => import("./client.js"),
  },
  { path: "/datasets", title: "Datasets", nav: { icon: "datasets", key: "d" }, load: () => import("./datasets.js") },
  {
    path: "/datasets/:name",
    title: "Dataset",
    under: "/datasets",
    style: "editor/editor.css",
    load: () => import("./dataset.js"),
  },
  {
    path: "/deliveries",
    title: "Deliveries",
    nav: { icon: "deliveries", key: "w" },
    load: () => import("./deliveries.js"),
  },
  { path: "/deliveries/:id", title: "Delivery", under: "/deliveries", load: () => import("./delivery.js") },
  { path: "/nodes", title: "Nodes", nav: { icon: "nodes", key: "n" }, load: () => import("./nodes.js") },
  { path: "/audit", title: "Audit", nav: { icon: "audit", key: "a" }, load: () => import("./audit.js") },
  {
    path: "/operators",
    title: "Operators",
    nav: { icon: "operators", key: "p" },
    load: () => import("./operators.js"),
  },
  { path: "/system", title: "System", nav: { icon: "system", key: "s" }, load: () => import("./system.js") },
  { path: "/errors", title: "Codes of errors", style: "pages/errors.css", load: () => import("./errors.js") },
];

/** @type {Omit<PageEntry, "side">[]} */
const partnerPages = [
  {
    path: "/",
    title: "Home",
    nav: { icon: "home", key: "o" },
    style: "partner/partner.css",
    load: () => import("./home.js"),
  },
  {
    path: "/import",
    title: "Import",
    nav: { icon: "upload", key: "i" },
    style: ["pages/batch.css", "partner/partner.css"],
    load: () => import("./import.js"),
  },
  {
    path: "/batches",
    title: "Batches",
    nav: { icon: "batches", key: "b" },
    style: "partner/partner.css",
    load: () => import("./my-batches.js"),
  },
  {
    path: "/batches/:id",
    title: "Batch",
    under: "/batches",
    style: ["pages/batch.css", "partner/partner.css"],
    load: () => import("./my-batch.js"),
  },
  {
    path: "/batches/:id/mend",
    title: "Mend",
    under: "/batches",
    style: "partner/partner.css",
    load: () => import("./mend.js"),
  },
  {
    path: "/datasets",
    title: "Datasets",
    nav: { icon: "datasets", key: "t" },
    style: "partner/partner.css",
    load: () => import("./my-datasets.js"),
  },
  {
    path: "/deliveries",
    title: "Deliveries",
    nav: { icon: "deliveries", key: "d" },
    load: () => import("./my-deliveries.js"),
  },
  { path: "/deliveries/:id", title: "Delivery", under: "/deliveries", load: () => import("./my-delivery.js") },
  {
    path: "/developers",
    title: "Developers",
    nav: { icon: "code", key: "v" },
    style: "partner/partner.css",
    load: () => import("./developers.js"),
  },
  { path: "/errors", title: "Codes of errors", style: "pages/errors.css", load: () => import("./errors.js") },
  { path: "/account", title: "Account", load: () => import("./account.js") },
];

/** @type {PageEntry[]} */
export const pages = [
  ...operatorPages.map((page) => ({ ...page, side: /** @type {const} */ ("operator") })),
  ...partnerPages.map((page) => ({ ...page, side: /** @type {const} */ ("partner") })),
];

/**
 * The pages in the navigation of a side.
 * @param {"operator" | "partner"} side
 */
export const navOf = (side) => pages.filter((page) => page.side === side && page.nav);
