const GUESS = Symbol('after a wrong guess');

/** Marks what kept a wrong guess from being recorded, and throws it on: it is answered as the fault that it is, and counted as the guess. */
export function afterGuess(error: unknown): never {
  if (typeof error === 'object' && error !== null) Object.defineProperty(error, GUESS, { value: true });
  throw error;
}

/** Whether somebody had guessed wrongly when this was thrown. */
export const wasGuess = (error: unknown): boolean => typeof error === 'object' && error !== null && GUESS in error;
