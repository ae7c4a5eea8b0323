/** XEP-0474: SASL SCRAM Downgrade Protection. */

const ITEM = '\x1e';
const GROUP = '\x1f';

/**
 * The text whose hash the server-first message carries as `h=` (§5.1): all that was advertised, sorted by octets. `bindings` is
 * undefined when no channel bindings were advertised (XEP-0440). Names are ASCII, so code units sort as octets do.
 */
export function downgradeText(mechanisms: readonly string[], bindings: readonly string[] | undefined): string {
  const names = [...mechanisms].sort().join(ITEM);
  return bindings === undefined ? names : `${names}${GROUP}${[...bindings].sort().join(ITEM)}`;
}
