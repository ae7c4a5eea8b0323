/** XEP-0004: Data Forms. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { is } from './decode.ts';

export type DataFormType = 'form' | 'submit' | 'cancel' | 'result';
const FIELD_TYPES = [
  'boolean',
  'fixed',
  'hidden',
  'jid-multi',
  'jid-single',
  'list-multi',
  'list-single',
  'text-multi',
  'text-private',
  'text-single',
] as const;
export type DataFieldType = (typeof FIELD_TYPES)[number];

export interface DataField {
  /** Absent on `fixed` fields only (§3.2). */
  var?: string;
  type?: DataFieldType;
  label?: string;
  desc?: string;
  required?: boolean;
  values: string[];
  options?: { label?: string; value: string }[];
}

export interface DataForm {
  type: DataFormType;
  title?: string;
  instructions?: string[];
  fields: DataField[];
  reported?: DataField[];
  items?: DataField[][];
}

const MAX_FIELDS = 256;
const MAX_VALUES = 1024;
const MAX_ITEMS = 512;

function encodeField(field: DataField): Element {
  return el(
    'field',
    { var: field.var, type: field.type, label: field.label },
    field.desc === undefined ? undefined : el('desc', null, field.desc),
    field.required ? el('required') : undefined,
    ...field.values.map((value) => el('value', null, value)),
    ...(field.options ?? []).map((option) => el('option', { label: option.label }, el('value', null, option.value))),
  );
}

export function encodeDataForm(form: DataForm): Element {
  return el(
    'x',
    { xmlns: NS.dataForms, type: form.type },
    form.title === undefined ? undefined : el('title', null, form.title),
    ...(form.instructions ?? []).map((text) => el('instructions', null, text)),
    ...form.fields.map(encodeField),
    form.reported && el('reported', null, ...form.reported.map(encodeField)),
    ...(form.items ?? []).map((item) => el('item', null, ...item.map(encodeField))),
  );
}

function decodeFields(parent: Element): DataField[] | undefined {
  const elements = parent.childrenNamed('field', NS.dataForms);
  if (elements.length > MAX_FIELDS) return undefined;
  const fields: DataField[] = [];
  for (const element of elements) {
    const type = FIELD_TYPES.find((name) => name === element.attr('type'));
    const name = element.attr('var');
    const values = element.childrenNamed('value', NS.dataForms).map((value) => value.text());
    const options = element.childrenNamed('option', NS.dataForms);
    if (values.length > MAX_VALUES || options.length > MAX_VALUES || (name === undefined && type !== 'fixed')) return undefined;
    fields.push({
      var: name,
      type,
      label: element.attr('label'),
      desc: element.childText('desc', NS.dataForms),
      required: element.child('required', NS.dataForms) !== undefined || undefined,
      values,
      options:
        options.length === 0
          ? undefined
          : options.map((option) => ({ label: option.attr('label'), value: option.childText('value') ?? '' })),
    });
  }
  return fields;
}

/** Undefined for what is no form: unknown type, a field without name (unless `fixed`), more than 256 fields, 1,024 values or 512 items. */
export function decodeDataForm(element: Element | undefined): DataForm | undefined {
  if (!is(element, 'x', NS.dataForms)) return undefined;
  const type = (['form', 'submit', 'cancel', 'result'] as const).find((name) => name === element.attr('type'));
  const fields = decodeFields(element);
  const reported = element.child('reported', NS.dataForms);
  const rows = element.childrenNamed('item', NS.dataForms);
  if (type === undefined || fields === undefined || rows.length > MAX_ITEMS) return undefined;
  const columns = reported && decodeFields(reported);
  const items: DataField[][] = [];
  for (const row of rows) {
    const decoded = decodeFields(row);
    if (decoded === undefined) return undefined;
    items.push(decoded);
  }
  if (reported !== undefined && columns === undefined) return undefined;
  const instructions = element.childrenNamed('instructions', NS.dataForms).map((child) => child.text());
  return {
    type,
    title: element.childText('title', NS.dataForms),
    instructions: instructions.length === 0 ? undefined : instructions,
    fields,
    reported: columns,
    items: items.length === 0 ? undefined : items,
  };
}

/** Values of a field by name; undefined when the form has no such field. */
export function formValues(form: DataForm, name: string): string[] | undefined {
  return form.fields.find((field) => field.var === name)?.values;
}
/** First value of a field by name. */
export function formValue(form: DataForm, name: string): string | undefined {
  return formValues(form, name)?.[0];
}
/** The FORM_TYPE (XEP-0068 §3). */
export function formType(form: DataForm): string | undefined {
  return formValue(form, 'FORM_TYPE');
}
