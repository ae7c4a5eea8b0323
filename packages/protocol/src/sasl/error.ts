/** SASL failures: RFC 6120 §6.5. */

export type SaslCondition =
  | 'aborted'
  | 'account-disabled'
  | 'credentials-expired'
  | 'encryption-required'
  | 'incorrect-encoding'
  | 'invalid-authzid'
  | 'invalid-mechanism'
  | 'malformed-request'
  | 'mechanism-too-weak'
  | 'not-authorized'
  | 'temporary-auth-failure';

/** A sign-in that failed; `condition` is what `<failure/>` says. Never holds a secret or a name. */
export class SaslError extends Error {
  override readonly name = 'SaslError';
  readonly condition: SaslCondition;
  constructor(condition: SaslCondition, text?: string) {
    super(text ?? condition);
    this.condition = condition;
  }
}
