/** Options of features: type, default, bounds, unit and prose in one place; unknown keys are errors that suggest the nearest name. */

interface Base {
  /** One sentence for the reference. */
  readonly about: string;
  /**
   * Whether a running server takes a new value (`parley config reload`). A hot one is read from `ctx.config` at each use, or made use of
   * again in `ctx.onReload`; a cold one needs a restart.
   */
  readonly reload: 'hot' | 'cold';
  /** It is about one domain: a further domain of the server does not take it over from the first. */
  readonly ownDomain?: true;
}
export type Option =
  | (Base & { readonly type: 'boolean'; readonly default: boolean })
  | (Base & { readonly type: 'integer'; readonly default: number; readonly min: number; readonly max: number; readonly unit?: string })
  /** Milliseconds in code; written `30s`, `10m`, `12h`, `30d` in configuration. */
  | (Base & { readonly type: 'duration'; readonly default: string; readonly min: string; readonly max: string })
  /** Bytes in code; written `512`, `64KiB`, `10MiB`, `2GiB`. */
  | (Base & { readonly type: 'bytes'; readonly default: string; readonly min: string; readonly max: string })
  | (Base & { readonly type: 'string'; readonly default: string; readonly values?: readonly string[] });

export type Options = { readonly [name: string]: Option };
type ValueOf<O extends Option> = O extends { type: 'boolean' } ? boolean : O extends { type: 'string' } ? string : number;
export type ConfigOf<O extends Options> = { readonly [K in keyof O]: ValueOf<O[K]> };

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 } as const;

/** `30d` → milliseconds; undefined when it is not a duration. A bare number is seconds. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,12})\s*(ms|s|m|h|d)?$/.exec(text.trim());
  if (match === null) return undefined;
  return Number(match[1]) * UNITS[(match[2] ?? 's') as keyof typeof UNITS];
}

/** `64KiB` → bytes; undefined when it is not a size. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d{1,15})\s*(B|KiB|MiB|GiB|TiB)?$/.exec(text.trim());
  if (match === null) return undefined;
  return Number(match[1]) * SIZES[(match[2] ?? 'B') as keyof typeof SIZES];
}

/** Thrown for a bad configuration, in one sentence that says what to do. */
export class ConfigError extends Error {}

/** Edit distance, for "did you mean". */
export function nearest(word: string, among: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of among) {
    let row = Array.from({ length: candidate.length + 1 }, (_, i) => i);
    for (let i = 1; i <= word.length; i++) {
      const next = [i];
      for (let j = 1; j <= candidate.length; j++) {
        const cost = word[i - 1]?.toLowerCase() === candidate[j - 1]?.toLowerCase() ? 0 : 1;
        next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + cost));
      }
      row = next;
    }
    const distance = row[candidate.length] ?? Number.POSITIVE_INFINITY;
    if (distance < bestDistance) {
      bestDistance = distance;
      best = candidate;
    }
  }
  return best;
}

function value(path: string, option: Option, raw: unknown): boolean | number | string {
  const bad = (what: string): never => {
    throw new ConfigError(`${path} must be ${what}, not ${JSON.stringify(raw)}.`);
  };
  switch (option.type) {
    case 'boolean':
      if (raw === true || raw === 'true') return true;
      if (raw === false || raw === 'false') return false;
      return bad('true or false');
    case 'integer': {
      const n = typeof raw === 'number' ? raw : typeof raw === 'string' && /^-?\d+$/.test(raw) ? Number(raw) : Number.NaN;
      if (!Number.isSafeInteger(n) || n < option.min || n > option.max) return bad(`a whole number from ${option.min} to ${option.max}`);
      return n;
    }
    case 'duration':
    case 'bytes': {
      const parse = option.type === 'duration' ? parseDuration : parseBytes;
      const n = parse(String(raw));
      if (n === undefined || n < (parse(option.min) ?? 0) || n > (parse(option.max) ?? Number.MAX_SAFE_INTEGER))
        return bad(
          `a ${option.type === 'duration' ? 'duration such as 30s, 10m, 12h or 30d' : 'size such as 64KiB or 10MiB'} from ${option.min} to ${option.max}`,
        );
      return n;
    }
    case 'string':
      if (typeof raw !== 'string' || (option.values !== undefined && !option.values.includes(raw)))
        return bad(option.values === undefined ? 'a text' : `one of ${option.values.join(', ')}`);
      return raw;
  }
}

/** Checks raw configuration against the options of one feature and fills in the defaults. Throws ConfigError. */
export function parseOptions<const O extends Options>(path: string, options: O, raw: unknown): ConfigOf<O> {
  if (raw !== undefined && (typeof raw !== 'object' || raw === null || Array.isArray(raw)))
    throw new ConfigError(`${path} must be a group of options.`);
  const given = (raw ?? {}) as Record<string, unknown>;
  for (const key of Object.keys(given)) {
    if (Object.hasOwn(options, key)) continue;
    const near = nearest(key, Object.keys(options));
    throw new ConfigError(`${path}.${key} is not an option${near === undefined ? '' : `; did you mean ${path}.${near}?`}`);
  }
  const out: Record<string, boolean | number | string> = {};
  for (const [key, option] of Object.entries(options)) out[key] = value(`${path}.${key}`, option, given[key] ?? option.default);
  return out as ConfigOf<O>;
}
