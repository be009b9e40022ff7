/** What a shell reports for a command that a signal ended: this and the signal's number. */
const SIGNAL_EXIT = 128;
/** Of the guests' systems, whatever this host's are. */
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  ...{ HUP: 1, INT: 2, QUIT: 3, ILL: 4, TRAP: 5, ABRT: 6, BUS: 7, FPE: 8 },
  ...{ KILL: 9, USR1: 10, SEGV: 11, USR2: 12, PIPE: 13, ALRM: 14, TERM: 15 },
};

/** One number for how a process in a guest ended, as a shell there would give it. Pure. */
export function exitCodeOf({ code, signal }: { code?: number; signal?: string }): number {
  return code ?? SIGNAL_EXIT + (SIGNAL_NUMBERS[signal ?? ""] ?? 0);
}
