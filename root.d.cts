/** The folder of the code, absolute: the repository, or `dist` of an installed package. */
export const root: string;
/** The file that a thread runs, by its path in the repository without `.ts`. */
export const threadFile: (path: string) => string;
