/** Times of the day as people write them. No schemas: what begins soon loads this. */
export const TIME_OF_DAY = /^([01]\d|2[0-3]):[0-5]\d$/;
export const TIME_RULE = "A time is written as 02:30.";
