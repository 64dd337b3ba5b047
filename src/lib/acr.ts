/**
 * Authentication context class references, from the weakest to the strongest: `aal1` is one factor, `aal2` two, and `phr` a
 * passkey with user verification (OpenID EAP ACR values).
 */
export const ACR_VALUES = ['aal1', 'aal2', 'phr'] as const;
export type Acr = (typeof ACR_VALUES)[number];

/** The acr of a token that carries none, as those of 0.1 do. */
export const DEFAULT_ACR: Acr = 'aal1';

export const isAcr = (value: unknown): value is Acr => ACR_VALUES.some((acr) => acr === value);

/** Every value that satisfies the required one, weakest first. */
export const acceptedAcrValues = (required: Acr): readonly Acr[] => ACR_VALUES.slice(ACR_VALUES.indexOf(required));

/** Whether an authentication of that acr satisfies the required one. */
export const satisfiesAcr = (acr: Acr, required: Acr): boolean => acceptedAcrValues(required).includes(acr);
