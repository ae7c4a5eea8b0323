// The lines of the bench: what is loaded, how it is compared, what is asked of Parley.
import type { Purpose } from './servers/server.ts';

export interface Line {
  readonly id: string;
  readonly title: string;
  readonly phase: 'routing' | 'archive' | 'login' | 'rooms' | 'memory';
  readonly purpose: Purpose;
  /** The number that is compared: smaller is better for all of them. */
  readonly unit: 'CPU ms/message' | 'CPU ms/sign-in' | 'CPU µs/delivery' | 'p99 ms' | 'kB/connection';
  /** Asked of Parley as (better peer ÷ Parley); for memory as a share of the better peer. From the project's goals. */
  readonly goal?: { readonly ratio: number; readonly text: string };
  readonly load:
    | { readonly kind: 'pairs'; readonly window?: number; readonly rate?: number; readonly ack?: boolean; readonly noStore?: boolean }
    | { readonly kind: 'logins'; readonly transport: 'plain' | 'starttls' | 'tls'; readonly sasl2?: boolean }
    | { readonly kind: 'room'; readonly occupants: number; readonly absentMembers: number; readonly window: number }
    | { readonly kind: 'memory'; readonly transport: 'plain' | 'tls'; readonly sasl2?: boolean }
    | { readonly kind: 'offline'; readonly part: 'store' | 'drain' };
  /** Peers cannot keep that rate: Parley is compared with another line of theirs. */
  readonly peersUse?: string;
}

const routing = { phase: 'routing', purpose: 'routing', unit: 'CPU ms/message' } as const;
const archive = { phase: 'archive', purpose: 'archive', unit: 'CPU ms/message' } as const;
const login = { phase: 'login', purpose: 'login', unit: 'CPU ms/sign-in' } as const;

/** In the order they run. A message has a 100-byte body and goes to a bare JID; 100 pairs. */
export const LINES: readonly Line[] = [
  {
    id: 'none-1',
    title: 'routed, nothing kept, window 1',
    ...routing,
    goal: { ratio: 6, text: '≥ 6×' },
    load: { kind: 'pairs', window: 1 },
  },
  {
    id: 'none-10',
    title: 'routed, nothing kept, window 10',
    ...routing,
    goal: { ratio: 6, text: '≥ 6×' },
    load: { kind: 'pairs', window: 10 },
  },
  {
    id: 'nostore-10',
    title: 'routed, <no-store/>, window 10',
    ...routing,
    goal: { ratio: 6, text: '≥ 6×' },
    load: { kind: 'pairs', window: 10, noStore: true },
  },
  {
    id: 'resume-1',
    title: 'resumption on, <r/> each, window 1',
    ...routing,
    goal: { ratio: 8, text: '≥ 8×' },
    load: { kind: 'pairs', window: 1, ack: true },
  },
  {
    id: 'resume-10',
    title: 'resumption on, <r/> each, window 10',
    ...routing,
    goal: { ratio: 8, text: '≥ 8×' },
    load: { kind: 'pairs', window: 10, ack: true },
  },
  {
    id: 'resume-nostore-10',
    title: 'the same with <no-store/>, window 10',
    ...routing,
    goal: { ratio: 8, text: '≥ 8×' },
    load: { kind: 'pairs', window: 10, ack: true, noStore: true },
  },
  {
    id: 'latency',
    title: '2,000 messages/s, nothing kept',
    phase: 'routing',
    purpose: 'routing',
    unit: 'p99 ms',
    load: { kind: 'pairs', rate: 2000 },
  },
  {
    id: 'offline-store',
    title: 'offline store, 50 messages a user',
    ...routing,
    goal: { ratio: 6, text: '≥ 6×' },
    load: { kind: 'offline', part: 'store' },
  },
  {
    id: 'offline-drain',
    title: 'offline drain, 50 messages a user',
    ...routing,
    goal: { ratio: 5, text: '≥ 5×' },
    load: { kind: 'offline', part: 'drain' },
  },
  { id: 'archive-1', title: 'archive on, window 1', ...archive, goal: { ratio: 12, text: '≥ 12×' }, load: { kind: 'pairs', window: 1 } },
  { id: 'archive-10', title: 'archive on, window 10', ...archive, goal: { ratio: 12, text: '≥ 12×' }, load: { kind: 'pairs', window: 10 } },
  {
    id: 'archive-resume-10',
    title: 'archive and resumption on, <r/> each, window 10',
    ...archive,
    goal: { ratio: 12, text: '≥ 12×' },
    load: { kind: 'pairs', window: 10, ack: true },
  },
  {
    id: 'archive-latency',
    title: '2,000 messages/s, archive on (peers: archive off)',
    phase: 'archive',
    purpose: 'archive',
    unit: 'p99 ms',
    goal: { ratio: 1, text: '≤ better peer, archive off' },
    load: { kind: 'pairs', rate: 2000 },
    peersUse: 'latency',
  },
  { id: 'login', title: 'SCRAM sign-in, plain', ...login, goal: { ratio: 5, text: '≥ 5×' }, load: { kind: 'logins', transport: 'plain' } },
  {
    id: 'login-sasl2',
    title: 'SASL2 and Bind2 by SCRAM, plain (peers: SCRAM sign-in)',
    ...login,
    goal: { ratio: 5, text: '≥ 5×' },
    load: { kind: 'logins', transport: 'plain', sasl2: true },
    peersUse: 'login',
  },
  {
    id: 'login-starttls',
    title: 'SCRAM sign-in, STARTTLS',
    ...login,
    goal: { ratio: 1.5, text: '≥ 1.5×' },
    load: { kind: 'logins', transport: 'starttls' },
  },
  {
    id: 'login-tls',
    title: 'SCRAM sign-in, direct TLS',
    ...login,
    goal: { ratio: 1.5, text: '≥ 1.5×' },
    load: { kind: 'logins', transport: 'tls' },
  },
  {
    id: 'muc-500',
    title: 'a room of 500, all online, one speaks (peers: nothing kept)',
    phase: 'rooms',
    purpose: 'routing',
    unit: 'CPU µs/delivery',
    goal: { ratio: 5, text: '≥ 5×' },
    load: { kind: 'room', occupants: 500, absentMembers: 0, window: 4 },
  },
  {
    id: 'muc-1000-20',
    title: 'a group of 1,000, 20 online, one speaks (peers: nothing kept)',
    phase: 'rooms',
    purpose: 'routing',
    unit: 'CPU µs/delivery',
    load: { kind: 'room', occupants: 20, absentMembers: 980, window: 20 },
  },
  {
    id: 'memory',
    title: 'idle signed-in connection, plain',
    phase: 'memory',
    purpose: 'routing',
    unit: 'kB/connection',
    goal: { ratio: 4, text: '≤ ¼' },
    load: { kind: 'memory', transport: 'plain' },
  },
  {
    id: 'memory-sasl2',
    title: 'idle connection signed in by SASL2, plain (peers: by SASL)',
    phase: 'memory',
    purpose: 'routing',
    unit: 'kB/connection',
    goal: { ratio: 4, text: '≤ ¼' },
    load: { kind: 'memory', transport: 'plain', sasl2: true },
    peersUse: 'memory',
  },
  {
    id: 'memory-tls',
    title: 'idle signed-in connection, TLS',
    phase: 'memory',
    purpose: 'routing',
    unit: 'kB/connection',
    goal: { ratio: 1 / 0.9, text: '≤ 0.9×' },
    load: { kind: 'memory', transport: 'tls' },
  },
];

/** Lines that the do-nothing stub can take: they state the generator's own ceiling. */
export const STUB_LINES: readonly string[] = ['none-1', 'none-10', 'resume-10', 'latency', 'login'];

/** What `--quick` runs: each goal once. */
export const QUICK_LINES: readonly string[] = [
  'none-10',
  'resume-10',
  'latency',
  'offline-store',
  'offline-drain',
  'archive-10',
  'archive-latency',
  'login',
  'login-tls',
  'muc-500',
  'muc-1000-20',
  'memory',
  'memory-tls',
];
