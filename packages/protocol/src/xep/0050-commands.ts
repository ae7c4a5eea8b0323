/** XEP-0050: Ad-Hoc Commands. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { type DataForm, decodeDataForm, encodeDataForm } from './0004-data-forms.ts';
import { bounded, is } from './decode.ts';

export type CommandAction = 'execute' | 'cancel' | 'prev' | 'next' | 'complete';
export type CommandStatus = 'executing' | 'completed' | 'canceled';
export interface CommandNote {
  type: 'info' | 'warn' | 'error';
  text: string;
}
export interface CommandPayload {
  node: string;
  sessionid?: string;
  /** As it was written; an unknown one is for the responder to refuse (§3.4). */
  action?: string;
  status?: CommandStatus;
  /** What may be done next; the first is what `execute` means. */
  actions?: CommandAction[];
  form?: DataForm;
  notes?: CommandNote[];
}

const ACTIONS: readonly string[] = ['prev', 'next', 'complete'];
const LENGTH = 1024;
const NOTES = 16;

export function encodeCommand({ node, sessionid, action, status, actions, form, notes }: CommandPayload): Element {
  return el(
    'command',
    { xmlns: NS.commands, node, sessionid, action, status },
    actions === undefined ? undefined : el('actions', { execute: actions[0] }, ...actions.map((one) => el(one))),
    form === undefined ? undefined : encodeDataForm(form),
    ...(notes ?? []).map(({ type, text }) => el('note', { type }, text)),
  );
}

/** Undefined for another element, names past 1,024 characters, or a form that is none. */
export function decodeCommand(element: Element | undefined): CommandPayload | undefined {
  if (!is(element, 'command', NS.commands)) return undefined;
  const node = bounded(element.attr('node'), LENGTH);
  if (node === undefined || node === '' || (element.attr('sessionid') ?? '').length > LENGTH) return undefined;
  const value: CommandPayload = { node };
  const sessionid = element.attr('sessionid');
  if (sessionid !== undefined) value.sessionid = sessionid;
  const action = bounded(element.attr('action'), LENGTH);
  if (action !== undefined) value.action = action;
  const status = element.attr('status');
  if (status === 'executing' || status === 'completed' || status === 'canceled') value.status = status;
  const actions = element.child('actions', NS.commands);
  if (actions !== undefined) {
    const first = actions.attr('execute');
    const all = actions.elements().flatMap(({ name }) => (ACTIONS.includes(name) ? [name as CommandAction] : []));
    value.actions = all.sort((a, b) => Number(b === first) - Number(a === first));
  }
  const x = element.child('x', NS.dataForms);
  if (x !== undefined) {
    value.form = decodeDataForm(x);
    if (value.form === undefined) return undefined;
  }
  const notes = element.childrenNamed('note', NS.commands).slice(0, NOTES);
  if (notes.length > 0)
    value.notes = notes.map((note) => {
      const type = note.attr('type');
      return { type: type === 'warn' || type === 'error' ? type : 'info', text: note.text() };
    });
  return value;
}
