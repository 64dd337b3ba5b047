/** Why a mail was not taken. Its message is for the log: no address, no text of the mail, nothing of how we log in (ASVS 16.2.5). */
export class MailError extends Error {
  /** Whether the server refuses this recipient or this mail for good; otherwise it is away, busy, or not to be worked with as it is. */
  readonly permanent: boolean;

  constructor(reason: string, { permanent }: { permanent: boolean }) {
    super(reason);
    this.name = 'MailError';
    this.permanent = permanent;
  }
}
