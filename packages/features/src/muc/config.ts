/** What owners can set about a room (XEP-0045 §10.1.3), as a form and back. Pure. */
import { type DataField, type DataForm, formType, formValue, formValues, Jid, MUC_ROLES, type MucRole, NS } from '@parley/protocol';

export interface RoomConfig {
  readonly name: string;
  readonly description: string;
  readonly lang: string;
  readonly persistent: boolean;
  readonly public: boolean;
  readonly moderated: boolean;
  readonly membersOnly: boolean;
  /** '' for none. */
  readonly password: string;
  /** Whether everybody sees the addresses of everybody, or moderators only. */
  readonly whois: 'anyone' | 'moderators';
  readonly changeSubject: boolean;
  readonly allowInvites: boolean;
  readonly allowPm: 'anyone' | 'participants' | 'moderators' | 'none';
  /** 0 for no limit but the service's. */
  readonly maxUsers: number;
  readonly presenceBroadcast: readonly MucRole[];
  readonly memberList: readonly MucRole[];
  /** Messages that somebody who comes in is shown. */
  readonly maxHistory: number;
  /** Seconds between two messages of one person (XEP-0500); 0 for none. */
  readonly slowMode: number;
  /** The archive may be read by anybody who is not banned, also from outside. */
  readonly logging: boolean;
  /** Whether people may register as members by themselves (§7.10). */
  readonly registration: boolean;
  /** Seconds after which messages disappear (XEP-0466); 0 or none: they stay. */
  readonly timer?: number;
}

const ROLES: readonly MucRole[] = ['moderator', 'participant', 'visitor'];

/** An instant room (§10.1.2). */
export const DEFAULT_ROOM: RoomConfig = {
  name: '',
  description: '',
  lang: '',
  persistent: false,
  public: true,
  moderated: false,
  membersOnly: false,
  password: '',
  whois: 'moderators',
  changeSubject: false,
  allowInvites: true,
  allowPm: 'anyone',
  maxUsers: 0,
  presenceBroadcast: ROLES,
  memberList: ROLES,
  maxHistory: 20,
  slowMode: 0,
  logging: false,
  registration: true,
};
/** A group that is made with one request (docs/protocol/groups.md). */
export const DEFAULT_GROUP: RoomConfig = {
  ...DEFAULT_ROOM,
  persistent: true,
  public: false,
  membersOnly: true,
  whois: 'anyone',
  changeSubject: true,
  registration: false,
};

const P = 'muc#roomconfig_';
/** The members of a new group, in the form that makes it. */
export const MEMBERS_FIELD = `{${NS.groups}}members`;
export const TIMER_FIELD = `{${NS.groups}}timer`;

/** `timers`: messages can disappear here. */
export function configForm(
  config: RoomConfig,
  owners: readonly string[],
  admins: readonly string[],
  title: string,
  timers: boolean,
): DataForm {
  const text = (name: string, label: string, value: string): DataField => ({
    var: name,
    type: 'text-single',
    label,
    values: [value],
  });
  const flag = (name: string, label: string, value: boolean): DataField => ({
    var: `${P}${name}`,
    type: 'boolean',
    label,
    values: [value ? '1' : '0'],
  });
  const choice = (name: string, label: string, type: 'list-single' | 'list-multi', values: string[], options: string[][]): DataField => ({
    var: `${P}${name}`,
    type,
    label,
    values,
    options: options.map(([value = '', words]) => ({ value, label: words })),
  });
  const roles = [
    ['moderator', 'Moderators'],
    ['participant', 'Participants'],
    ['visitor', 'Visitors'],
  ];
  return {
    type: 'form',
    title,
    instructions: ['What this room is like.'],
    fields: [
      { var: 'FORM_TYPE', type: 'hidden', values: [NS.mucConfig] },
      text(`${P}roomname`, 'Name', config.name),
      text(`${P}roomdesc`, 'Description', config.description),
      text(`${P}lang`, 'Language', config.lang),
      flag('persistentroom', 'The room stays when everybody has left', config.persistent),
      flag('publicroom', 'Anybody can find the room', config.public),
      flag('membersonly', 'Only members may come in', config.membersOnly),
      flag('moderatedroom', 'Strangers need permission to speak', config.moderated),
      flag('passwordprotectedroom', 'A password is needed to come in', config.password !== ''),
      { var: `${P}roomsecret`, type: 'text-private', label: 'The password', values: [config.password] },
      choice(
        'whois',
        'Who sees the addresses of people',
        'list-single',
        [config.whois],
        [
          ['moderators', 'Moderators'],
          ['anyone', 'Everybody'],
        ],
      ),
      flag('changesubject', 'Everybody may change the subject', config.changeSubject),
      flag('allowinvites', 'Members may invite others', config.allowInvites),
      choice(
        'allowpm',
        'Who may send private messages',
        'list-single',
        [config.allowPm],
        [
          ['anyone', 'Everybody'],
          ['participants', 'Who may speak'],
          ['moderators', 'Moderators'],
          ['none', 'Nobody'],
        ],
      ),
      choice(
        'maxusers',
        'How many may be here at once',
        'list-single',
        [config.maxUsers === 0 ? 'none' : String(config.maxUsers)],
        [['10'], ['20'], ['50'], ['100'], ['200'], ['500'], ['1000'], ['none', 'No limit']],
      ),
      choice('presencebroadcast', 'Whose coming and going is shown', 'list-multi', [...config.presenceBroadcast], roles),
      choice('getmemberlist', 'Who may read the list of members', 'list-multi', [...config.memberList], roles),
      text('muc#maxhistoryfetch', 'Messages that are shown to those who come in', String(config.maxHistory)),
      flag('enablelogging', 'Anybody may read the archive', config.logging),
      text(`${P}slow_mode_duration`, 'Seconds between two messages of one person (0: none)', String(config.slowMode)),
      flag('registration', 'People may become members by themselves', config.registration),
      ...(timers ? [text(TIMER_FIELD, 'Seconds after which messages disappear (0: they stay)', String(config.timer ?? 0))] : []),
      { var: `${P}roomadmins`, type: 'jid-multi', label: 'Admins', values: [...admins] },
      { var: `${P}roomowners`, type: 'jid-multi', label: 'Owners', values: [...owners] },
    ],
  };
}

/** The form is not one that can be taken; `reason` is for a person. */
export class BadConfig extends Error {}

export interface ConfigChange {
  readonly config: RoomConfig;
  /** Bare JIDs; undefined when the form does not speak of them. They are the whole list (§10.6). */
  readonly owners: readonly string[] | undefined;
  readonly admins: readonly string[] | undefined;
  readonly members: readonly string[] | undefined;
}

const NAME_LENGTH = 256;
const TEXT_LENGTH = 4096;
const MOST_PEOPLE = 500;

export interface ConfigLimits {
  readonly maxUsers: number;
  readonly maxHistory: number;
  /** A timer within what the server allows; undefined when messages do not disappear here. */
  readonly timer: ((seconds: number) => number) | undefined;
}

/** Takes what a submitted form says; what it does not speak of stays. Throws BadConfig. */
export function applyForm(form: DataForm, before: RoomConfig, limits: ConfigLimits): ConfigChange {
  const type = formType(form);
  if (type !== undefined && type !== NS.mucConfig) throw new BadConfig('The form is not one of room configuration.');
  const value = (name: string): string | undefined => formValue(form, `${P}${name}`);
  const text = (name: string, now: string, most: number): string => {
    const given = value(name);
    if (given === undefined) return now;
    if (given.length > most) throw new BadConfig(`${name} holds at most ${most} characters.`);
    return given;
  };
  const flag = (name: string, now: boolean): boolean => {
    const given = value(name);
    if (given === undefined) return now;
    if (!/^(?:0|1|true|false)$/.test(given)) throw new BadConfig(`${name} is yes or no.`);
    return given === '1' || given === 'true';
  };
  const choice = <T extends string>(name: string, now: T, among: readonly T[]): T => {
    const given = value(name);
    if (given === undefined) return now;
    const found = among.find((one) => one === given);
    if (found === undefined) throw new BadConfig(`${name} is one of ${among.join(', ')}.`);
    return found;
  };
  const roles = (name: string, now: readonly MucRole[]): readonly MucRole[] => {
    const given = formValues(form, `${P}${name}`);
    if (given === undefined) return now;
    return given.map((one) => {
      const role = MUC_ROLES.find((known) => known === one && known !== 'none');
      if (role === undefined) throw new BadConfig(`${name} names roles.`);
      return role;
    });
  };
  const number = (full: string, now: number, most: number): number => {
    const given = formValue(form, full);
    if (given === undefined || given === '') return now;
    if (!/^\d{1,10}$/.test(given)) throw new BadConfig(`${full} is a number.`);
    return Math.min(Number(given), most);
  };
  const people = (name: string): readonly string[] | undefined => {
    const given = formValues(form, name)?.filter((one) => one.trim() !== '');
    if (given === undefined) return undefined;
    if (given.length > MOST_PEOPLE) throw new BadConfig(`At most ${MOST_PEOPLE} people at once.`);
    return given.map((one) => {
      const jid = Jid.tryParse(one.trim());
      if (jid === undefined || jid.local === '') throw new BadConfig('One of the addresses is none.');
      return jid.bare;
    });
  };
  const secret = text('roomsecret', before.password, TEXT_LENGTH);
  const isProtected = flag('passwordprotectedroom', value('roomsecret') === undefined ? before.password !== '' : secret !== '');
  if (isProtected && secret === '') throw new BadConfig('A room with a password needs one.');
  const most = value('maxusers');
  if (most !== undefined && most !== 'none' && most !== '' && !/^\d{1,6}$/.test(most)) throw new BadConfig('maxusers is a number or none.');
  const timer = number(TIMER_FIELD, before.timer ?? 0, 0xffff_ffff);
  if (timer > 0 && timer !== before.timer && limits.timer === undefined) throw new BadConfig('Messages do not disappear on this server.');
  const config: RoomConfig = {
    name: text('roomname', before.name, NAME_LENGTH),
    description: text('roomdesc', before.description, TEXT_LENGTH),
    lang: text('lang', before.lang, 64),
    persistent: flag('persistentroom', before.persistent),
    public: flag('publicroom', before.public),
    moderated: flag('moderatedroom', before.moderated),
    membersOnly: flag('membersonly', before.membersOnly),
    password: isProtected ? secret : '',
    whois: choice('whois', before.whois, ['anyone', 'moderators']),
    changeSubject: flag('changesubject', before.changeSubject),
    allowInvites: flag('allowinvites', before.allowInvites),
    allowPm: choice('allowpm', before.allowPm, ['anyone', 'participants', 'moderators', 'none']),
    maxUsers: most === undefined ? before.maxUsers : most === 'none' || most === '' ? 0 : Math.min(Number(most), limits.maxUsers),
    presenceBroadcast: roles('presencebroadcast', before.presenceBroadcast),
    memberList: roles('getmemberlist', before.memberList),
    maxHistory: number('muc#maxhistoryfetch', before.maxHistory, limits.maxHistory),
    slowMode: number(`${P}slow_mode_duration`, before.slowMode, 86_400),
    logging: flag('enablelogging', before.logging),
    registration: flag('registration', before.registration),
    ...(timer === 0 ? undefined : { timer: limits.timer?.(timer) ?? timer }),
  };
  return { config, owners: people(`${P}roomowners`), admins: people(`${P}roomadmins`), members: people(MEMBERS_FIELD) };
}

/** §10.2.1: the status codes that a change is told with. */
export function changeStatuses(before: RoomConfig, now: RoomConfig): number[] {
  const codes: number[] = [];
  if (before.logging !== now.logging) codes.push(now.logging ? 170 : 171);
  if (before.whois !== now.whois) codes.push(now.whois === 'anyone' ? 172 : 173);
  const rest = ({ logging: _, whois: __, ...others }: RoomConfig): string => JSON.stringify(others);
  if (rest(before) !== rest(now)) codes.push(104);
  return codes;
}

/** The features that tell what a room is like (§15.3). */
export function configFeatures(config: RoomConfig): string[] {
  return [
    config.password === '' ? 'muc_unsecured' : 'muc_passwordprotected',
    config.public ? 'muc_public' : 'muc_hidden',
    config.persistent ? 'muc_persistent' : 'muc_temporary',
    config.membersOnly ? 'muc_membersonly' : 'muc_open',
    config.moderated ? 'muc_moderated' : 'muc_unmoderated',
    config.whois === 'anyone' ? 'muc_nonanonymous' : 'muc_semianonymous',
  ];
}
