/** The products, customers and notes of the example's shop. A weight says how often something occurs. */

export interface Country {
  code: string;
  currency: string;
  /** The value of a euro in the country's currency. */
  rate: number;
  decimals: 0 | 2;
  weight: number;
  mailDomains: string[];
  givenNames: string[];
  familyNames: string[];
  companies: string[];
}

export interface Article {
  sku: string;
  euros: number;
  weight: number;
}

const euro = { currency: "EUR", rate: 1, decimals: 2 } as const;

export const countries: Country[] = [
  {
    ...euro,
    code: "DE",
    weight: 30,
    mailDomains: ["web.de", "gmx.de", "posteo.de", "example.de"],
    givenNames: ["Jürgen", "Sabine", "Björn", "Käthe", "Lukas", "Özlem", "Anna-Lena", "Karl-Heinz"],
    familyNames: ["Müller", "Schröder", "Weiß", "Groß", "Yılmaz", "Schmidt", "von der Heide", "Kühn"],
    companies: ["Bäckerei Groß & Söhne GmbH, Köln", 'Gasthaus "Zum Löwen", Ulm', "Stadtbücherei Görlitz"],
  },
  {
    ...euro,
    code: "FR",
    weight: 14,
    mailDomains: ["orange.fr", "laposte.net", "example.fr"],
    givenNames: ["Zoé", "François", "Hélène", "Noël", "Maïwenn", "Théo"],
    familyNames: ["Lefèvre", "Béranger", "D'Aubigné", "Garçon", "Moreau", "Châtel"],
    companies: ["Crêperie L'Étoile, Quimper", "Librairie Delaunay & Fils, SARL"],
  },
  {
    ...euro,
    code: "PT",
    weight: 8,
    mailDomains: ["sapo.pt", "example.pt"],
    givenNames: ["João", "Conceição", "Inês", "Tomás"],
    familyNames: ["Gonçalves", "Simões", "Araújo", "Guimarães"],
    companies: ["Padaria São João, Lda."],
  },
  {
    code: "GB",
    currency: "GBP",
    rate: 0.85,
    decimals: 2,
    weight: 13,
    mailDomains: ["btinternet.com", "example.co.uk"],
    givenNames: ["Siân", "Oliver", "Niamh", "Priya", "Zoë"],
    familyNames: ["O'Brien", "Smith-Jones", "Patel", "Nuñez", "Llewellyn"],
    companies: ["Fish & Chips, Whitby", "The Old Mill Tea Room, Bath"],
  },
  {
    code: "US",
    currency: "USD",
    rate: 1.1,
    decimals: 2,
    weight: 12,
    mailDomains: ["example.com", "example.org"],
    givenNames: ["José", "Emily", "Renée", "Tyrone", "Mei"],
    familyNames: ["Hernández", "Johnson, Jr.", "O'Connor", "Nguyễn", "Smith"],
    companies: ['Joe "Mac" McAllister Hardware, Inc.', "Harbor Coffee Roasters, LLC"],
  },
  {
    code: "PL",
    currency: "PLN",
    rate: 4.3,
    decimals: 2,
    weight: 8,
    mailDomains: ["wp.pl", "example.pl"],
    givenNames: ["Łukasz", "Małgorzata", "Święta", "Paweł"],
    familyNames: ["Wójcik", "Kamińska", "Dąbrowski", "Żak"],
    companies: ["Księgarnia Pod Żółwiem, Łódź"],
  },
  {
    code: "SE",
    currency: "SEK",
    rate: 11.3,
    decimals: 2,
    weight: 7,
    mailDomains: ["telia.se", "example.se"],
    givenNames: ["Åsa", "Göran", "Märta", "Örjan"],
    familyNames: ["Sjöström", "Ångström", "Löfgren", "Håkansson"],
    companies: ["Fiskebäckskils Krog, AB"],
  },
  {
    code: "JP",
    currency: "JPY",
    rate: 165,
    decimals: 0,
    weight: 8,
    mailDomains: ["example.jp", "example.ne.jp"],
    givenNames: ["花子", "太郎", "さくら", "健"],
    familyNames: ["佐藤", "鈴木", "高橋", "渡辺"],
    companies: ["株式会社 山田書店"],
  },
];

export const articles: Article[] = [
  { sku: "MUG-0350-BLU", euros: 12.9, weight: 20 },
  { sku: "MUG-0350-RED", euros: 12.9, weight: 14 },
  { sku: "TEA-EARL-100", euros: 7.45, weight: 18 },
  { sku: "TEA-SENCHA-100", euros: 9.8, weight: 12 },
  { sku: "POT-CAST-0800", euros: 64, weight: 5 },
  { sku: "SET-GIFT-XL", euros: 119.95, weight: 3 },
  { sku: "SPOON-OAK", euros: 3.5, weight: 16 },
  { sku: "LAMP-PAPER-45", euros: 38.2, weight: 6 },
  { sku: "CARD-A6-10", euros: 5, weight: 10 },
];

export interface Note {
  text: string;
  weight: number;
  /** The countries whose customers write this note. Left out: all. */
  countries?: string[];
}

/** Most orders have no note. */
export const notes: Note[] = [
  { text: "", weight: 700 },
  { text: "Gift wrap, please", weight: 40 },
  { text: "Repeat of last week's order; the lid was cracked", weight: 15 },
  { text: "-10 % promised by phone", weight: 10 },
  { text: "=SUM(A1:A3) is what your own form suggests here", weight: 5 },
  { text: 'Ring twice at "Schmidt"', weight: 60, countries: ["DE"] },
  { text: "Für meine Mutter: „Alles Gute zum 80.!“", weight: 40, countries: ["DE"] },
  { text: "Rechnung an:\nBuchhaltung\nPostfach 12 34, 50667 Köln", weight: 40, countries: ["DE"] },
  { text: 'Please leave it\nbehind the "blue" door,\nthe dog is friendly', weight: 80, countries: ["GB", "US"] },
  { text: "Livraison le samedi, s'il vous plaît 🙏", weight: 80, countries: ["FR"] },
  { text: "Entregar à tarde, se possível", weight: 60, countries: ["PT"] },
  { text: "Proszę dzwonić: 2. piętro", weight: 60, countries: ["PL"] },
  { text: "Lämna gärna paketet hos grannen", weight: 60, countries: ["SE"] },
  { text: "午後に届けてください", weight: 80, countries: ["JP"] },
];
