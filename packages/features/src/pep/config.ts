/** The configuration of a node as data and as a form (XEP-0060 §16.4.4 `pubsub#node_config`). Pure. */
import { type DataField, type DataForm, formType, NODE_CONFIG } from '@parley/protocol';

export type AccessModel = 'open' | 'presence' | 'roster' | 'authorize' | 'whitelist';

export interface NodeConfig {
  readonly access_model: AccessModel;
  readonly roster_groups_allowed: readonly string[];
  readonly publish_model: 'publishers' | 'subscribers' | 'open';
  readonly persist_items: boolean;
  /** `max`: as many as the server allows. */
  readonly max_items: number | 'max';
  /** Seconds; `max`: for ever. */
  readonly item_expire: number | 'max';
  /** Bytes; `max`: as large as the server allows. */
  readonly max_payload_size: number | 'max';
  readonly send_last_published_item: 'never' | 'on_sub' | 'on_sub_and_presence';
  readonly deliver_notifications: boolean;
  readonly deliver_payloads: boolean;
  readonly notification_type: 'headline' | 'normal';
  readonly notify_config: boolean;
  readonly notify_delete: boolean;
  readonly notify_retract: boolean;
  readonly notify_sub: boolean;
  readonly publish_node_full: 'retract-oldest' | 'discard-oldest' | 'reject';
  readonly subscribe: boolean;
  readonly title: string;
  readonly description: string;
  readonly type: string;
}

/** XEP-0163 §5. */
export const DEFAULT_CONFIG: NodeConfig = {
  access_model: 'presence',
  roster_groups_allowed: [],
  publish_model: 'publishers',
  persist_items: true,
  max_items: 1,
  item_expire: 'max',
  max_payload_size: 'max',
  send_last_published_item: 'on_sub_and_presence',
  deliver_notifications: true,
  deliver_payloads: true,
  notification_type: 'headline',
  notify_config: false,
  notify_delete: true,
  notify_retract: true,
  notify_sub: false,
  publish_node_full: 'retract-oldest',
  subscribe: true,
  title: '',
  description: '',
  type: '',
};

type Key = keyof NodeConfig;
type Kind = 'boolean' | 'number' | 'text' | 'texts' | readonly string[];
const FIELDS: { readonly [K in Key]: { readonly kind: Kind; readonly label: string } } = {
  title: { kind: 'text', label: 'A friendly name for the node' },
  description: { kind: 'text', label: 'A description of the node' },
  type: { kind: 'text', label: 'The namespace of the payload' },
  access_model: { kind: ['open', 'presence', 'roster', 'authorize', 'whitelist'], label: 'Who may subscribe and retrieve items' },
  roster_groups_allowed: { kind: 'texts', label: 'Roster groups that may subscribe and retrieve items' },
  publish_model: { kind: ['publishers', 'subscribers', 'open'], label: 'Who may publish' },
  persist_items: { kind: 'boolean', label: 'Persist items to storage' },
  max_items: { kind: 'number', label: 'How many items are kept, or max' },
  item_expire: { kind: 'number', label: 'Seconds after which items go, or max' },
  max_payload_size: { kind: 'number', label: 'The maximum payload size in bytes, or max' },
  send_last_published_item: { kind: ['never', 'on_sub', 'on_sub_and_presence'], label: 'When to send the last published item' },
  deliver_notifications: { kind: 'boolean', label: 'Deliver event notifications' },
  deliver_payloads: { kind: 'boolean', label: 'Deliver payloads with event notifications' },
  notification_type: { kind: ['headline', 'normal'], label: 'Type of the messages that notify' },
  notify_config: { kind: 'boolean', label: 'Notify subscribers when the configuration changes' },
  notify_delete: { kind: 'boolean', label: 'Notify subscribers when the node is deleted' },
  notify_retract: { kind: 'boolean', label: 'Notify subscribers when items are removed' },
  notify_sub: { kind: 'boolean', label: 'Notify the owner of new subscribers' },
  publish_node_full: { kind: ['retract-oldest', 'discard-oldest', 'reject'], label: 'What happens when the node is full' },
  subscribe: { kind: 'boolean', label: 'Allow subscriptions' },
};
const KEYS = Object.keys(FIELDS) as Key[];
const PREFIX = 'pubsub#';
const TEXT_LENGTH = 1024;
const GROUPS = 50;

/** What a form asks for: known fields with values that are right; `unknown` and `wrong` by name. */
export interface ReadForm {
  readonly values: Partial<NodeConfig>;
  readonly unknown: readonly string[];
  readonly wrong: readonly string[];
}

/** Reads a submitted form of this FORM_TYPE; undefined when it is another. `max` bounds `max_items` by what the server keeps. */
export function readForm(form: DataForm, type: string): ReadForm | undefined {
  if (formType(form) !== type) return undefined;
  const values: Partial<Record<Key, unknown>> = {};
  const unknown: string[] = [];
  const wrong: string[] = [];
  for (const field of form.fields) {
    const name = field.var ?? '';
    if (name === 'FORM_TYPE' || field.type === 'fixed') continue;
    const key = name.slice(PREFIX.length) as Key;
    if (!name.startsWith(PREFIX) || !(Object.hasOwn(FIELDS, key) || key === ('node_type' as Key))) {
      unknown.push(name);
      continue;
    }
    if (key === ('node_type' as Key)) {
      if (field.values[0] !== 'leaf') wrong.push(name);
      continue;
    }
    const value = readValue(FIELDS[key].kind, field);
    if (value === undefined) wrong.push(name);
    else values[key] = value;
  }
  return { values: values as Partial<NodeConfig>, unknown, wrong };
}

function readValue(kind: Kind, field: DataField): unknown {
  const [first = ''] = field.values;
  if (kind === 'texts') {
    const texts = field.values.filter((text) => text !== '');
    return texts.length > GROUPS || texts.some((text) => text.length > TEXT_LENGTH) ? undefined : texts;
  }
  if (field.values.length > 1) return undefined;
  if (kind === 'text') return first.length > TEXT_LENGTH ? undefined : first;
  if (kind === 'boolean') return first === 'true' || first === '1' ? true : first === 'false' || first === '0' ? false : undefined;
  if (kind === 'number') return first === 'max' ? first : /^(?:0|[1-9]\d{0,8})$/.test(first) ? Number(first) : undefined;
  return kind.includes(first) ? first : undefined;
}

const textsOf = (value: NodeConfig[Key]): string[] =>
  typeof value === 'boolean' ? [value ? '1' : '0'] : typeof value === 'object' ? [...value] : [String(value)];

/** The whole configuration as a form to fill in, or (`result`) to look at; `models`: the access models to choose from, all when left out. */
export function configForm(config: NodeConfig, type: 'form' | 'result' = 'form', models?: readonly AccessModel[]): DataForm {
  return {
    type,
    fields: [
      { var: 'FORM_TYPE', type: 'hidden', values: [NODE_CONFIG] },
      { var: `${PREFIX}node_type`, type: 'list-single', values: ['leaf'], options: type === 'form' ? [{ value: 'leaf' }] : undefined },
      ...KEYS.map((key): DataField => {
        const { kind, label } = FIELDS[key];
        const values = textsOf(config[key]);
        const field = { var: PREFIX + key, label, values };
        if (kind === 'boolean') return { ...field, type: 'boolean' };
        if (kind === 'texts') return { ...field, type: 'text-multi' };
        if (typeof kind === 'string') return { ...field, type: 'text-single' };
        const choices = key === 'access_model' ? (models ?? kind) : kind;
        return { ...field, type: 'list-single', options: type === 'form' ? choices.map((value) => ({ value })) : undefined };
      }),
    ],
  };
}

/** The fields in which the configuration is not as wanted (§7.1.5). */
export function unmet(config: NodeConfig, wanted: Partial<NodeConfig>): string[] {
  return (Object.keys(wanted) as Key[]).filter(
    (key) => textsOf(config[key]).join('\n') !== textsOf(wanted[key] as NodeConfig[Key]).join('\n'),
  );
}

/** What differs from the defaults; that is all that is stored. */
export function differences(config: NodeConfig): Partial<NodeConfig> {
  return Object.fromEntries(
    KEYS.filter((key) => unmet(DEFAULT_CONFIG, { [key]: config[key] }).length > 0).map((key) => [key, config[key]]),
  );
}
