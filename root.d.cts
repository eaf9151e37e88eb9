/** The project's folder, absolute. */
export const root: string;
