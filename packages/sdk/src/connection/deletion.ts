/** The end of an account, by its owner: the form of XEP-0077 §3.2, with what shows that the owner is there. */
import { encodeRegistration, NS } from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import { ChatError } from '../errors.ts';
import type { OwnersWord } from '../types.ts';

/** Asks the server to remove the account; resolves when it will. Rejects with ChatError, `wrong-credentials` when the word is not the owner's. */
export async function requestDeletion(iq: (request: Element) => Promise<Element>, username: string, word: OwnersWord): Promise<void> {
  const [name, value] = word.password !== undefined ? ['password', word.password] : ['proof', word.proof.proof];
  if (value === '') throw new ChatError('invalid-argument', name === 'password' ? 'The password is empty' : 'The proof is empty');
  const form = {
    type: 'submit',
    fields: [
      { var: 'FORM_TYPE', type: 'hidden', values: [`${NS.register}:cancel`] },
      { var: 'username', values: [username] },
      { var: name, values: [value] },
    ],
  } as const;
  try {
    await iq(
      el(
        'iq',
        { type: 'set' },
        encodeRegistration({ form: { ...form, fields: form.fields.map((field) => ({ ...field, values: [...field.values] })) } }),
      ),
    );
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    const code = {
      'not-authorized': 'wrong-credentials',
      'not-acceptable': 'code-expired',
      'resource-constraint': 'rate-limited',
    } as const;
    const meaning = code[error.condition as keyof typeof code];
    throw meaning === undefined ? error : new ChatError(meaning, error.message, { cause: error, condition: error.condition ?? '' });
  }
}
