/** Of what a backup says of its instance; what a later Berth writes otherwise has a higher one. */
export const VERSION = 1;
