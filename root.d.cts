/** The folder of the code, absolute: the repository, or `dist` of an installed package. */
export const root: string;
/** Of the code's files: `.ts` in the repository, `.js` in an installed package. */
export const extension: string;
